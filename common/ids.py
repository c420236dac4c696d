"""Identifiers: UUID version 7, which sort by the time they were made."""

from __future__ import annotations

import os
import random
import threading
import time
import uuid

_lock = threading.Lock()
_last = 0
# Ids are no secrets. The kernel's own generator is a system call, and one on which a thread lets
# go of the interpreter; this one is seeded from it, in each process anew.
_random_bits = random.Random().getrandbits  # noqa: S311


def _seed_again() -> None:
    global _random_bits  # noqa: PLW0603
    _random_bits = random.Random().getrandbits  # noqa: S311


os.register_at_fork(after_in_child=_seed_again)


def uuid7() -> uuid.UUID:
    """A UUID version 7, as `uuid7_int` makes it."""
    return uuid.UUID(int=uuid7_int())


def uuid_text(value: int) -> str:
    """How a UUID is written, from its 128 bits: what `str(UUID(int=value))` gives, faster."""
    digits = f"{value:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def uuid7_int() -> int:
    """A UUID version 7 (RFC 9562, section 5.7): 48 bits of Unix milliseconds, then random.

    The 12 bits after the version count up within one millisecond (method 1 of section 6.2), so
    ids made by one process sort in the order they were made.
    """
    global _last  # noqa: PLW0603  one counter a process is the point
    with _lock:
        # Milliseconds in the upper bits, the counter in the lower 12.
        tick = max(_last + 1, (time.time_ns() // 1_000_000) << 12)
        _last = tick
    value = (tick >> 12 & 0xFFFF_FFFF_FFFF) << 80
    value |= 0x7 << 76 | (tick & 0xFFF) << 64
    value |= 0b10 << 62 | _random_bits(62)
    return value
