"""Identifiers: UUID version 7, which sort by the time they were made."""

from __future__ import annotations

import os
import random
import struct
import threading
import time
import uuid
from datetime import UTC, datetime, timedelta

_lock = threading.Lock()
_pack = struct.Struct(">QQ").pack
_last = 0
LAST_SECOND = 253_402_300_799  # of the year 9999
# Ids are no secrets. The kernel's own generator is a system call, and one on which a thread lets
# go of the interpreter; this one is seeded from it, in each process anew.
_random_bits = random.Random().getrandbits  # noqa: S311


def _seed_again() -> None:
    global _random_bits  # noqa: PLW0603
    _random_bits = random.Random().getrandbits  # noqa: S311


os.register_at_fork(after_in_child=_seed_again)


def uuid7() -> uuid.UUID:
    """A UUID version 7, as `uuid7_bytes` makes it."""
    return uuid.UUID(bytes=uuid7_bytes())


def uuid_text(value: bytes) -> str:
    """How a UUID is written, from its 16 bytes: what `str(UUID(bytes=value))` gives, faster."""
    digits = value.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def uuid7_bytes() -> bytes:
    """A UUID version 7 (RFC 9562, section 5.7): 48 bits of Unix milliseconds, then random.

    The 12 bits after the version count up within one millisecond (method 1 of section 6.2), so
    ids made by one process sort in the order they were made.
    """
    global _last  # noqa: PLW0603  one counter a process is the point
    with _lock:
        # Milliseconds in the upper bits, the counter in the lower 12.
        tick = time.time_ns() // 1_000_000 << 12
        if tick <= _last:
            tick = _last + 1
        _last = tick
    return _pack(
        (tick & ~0xFFF) << 4 | 0x7000 | tick & 0xFFF, 0x8000_0000_0000_0000 | _random_bits(62)
    )


def moment_of(id_: uuid.UUID) -> datetime:
    """The time in a UUIDv7, to the millisecond; of another id, some time."""
    return datetime.fromtimestamp(min((id_.int >> 80) / 1000, LAST_SECOND), UTC)


def least_id(moment: datetime) -> uuid.UUID:
    """The smallest UUIDv7 that could have been made at this moment (to the millisecond)."""
    milliseconds = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    return uuid.UUID(int=max(0, min(milliseconds, 2**48 - 1)) << 80)
