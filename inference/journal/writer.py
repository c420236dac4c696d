"""Appending to the journal: the last thing a door does before the answer leaves.

A segment is one file. Its writer holds an exclusive lock on it for as long as it lives; a segment
whose lock nobody holds is finished, and any shipper may take it.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import threading
import time
import zlib
from pathlib import Path
from typing import Final

import structlog
from django.conf import settings

from common.errors import Unavailable
from inference.journal.record import (
    CACHE_HIT,
    FIXED,
    HEAD,
    INPUTS_DROPPED,
    MAGIC,
    MAX_CODE,
    MAX_CORRELATION_ID,
    MAX_INPUTS,
    MAX_OUTPUTS,
    MAX_REQUEST_ID,
    OUTPUTS_DROPPED,
)

logger = structlog.get_logger(__name__)

SEGMENT_BYTES: Final = 64 * 1024**2
SUFFIX: Final = ".seg"
# A segment under this name is not locked yet; shippers leave it alone.
UNBORN: Final = ".new"

_pack_head = HEAD.pack
_pack_fixed = FIXED.pack
_crc32 = zlib.crc32
_writev = os.writev


class JournalUnavailable(Unavailable):
    """The call could not be written down whole, so that its answer must not leave."""

    default_code = "journal_unavailable"


def seed_of(segment: str) -> int:
    """What the CRCs of this segment start from; its name says it."""
    return int(segment.split("-")[1], 16)


class Journal:
    """The segments of one process. Any number of threads may append.

    Args:
        folder: where segments lie.
        segment_bytes: the size at which the next segment begins, about.
    """

    def __init__(self, folder: Path, *, segment_bytes: int = SEGMENT_BYTES) -> None:
        self._folder = folder
        self._segment_bytes = segment_bytes
        # One seed for all segments of this journal: a thread may be between its CRC and its write
        # while another begins the next segment.
        self._name = f"{time.time_ns():016x}-{secrets.token_hex(4)}-{os.getpid()}"
        self._seed = seed_of(self._name)
        self._count = 0
        self._rotating = threading.Lock()
        self._room = segment_bytes
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._fd, self.segment = self._begin()

    def append(  # noqa: PLR0913  a record is many things, and a call with names would cost
        self,
        facts: bytes,
        id: int,  # noqa: A002
        door: int,
        status: int,
        code: str,
        rows: int,
        inference_ns: int,
        duration_ns: int,
        cache_hit: bool,
        request_id: str,
        correlation_id: str,
        kind: int,
        inputs: bytes,
        outputs: bytes,
    ) -> None:
        """Write one record, in one system call.

        Args:
            facts: who asked which version, from `pack_facts`.
            id: the prediction's UUIDv7 as a number; the time of the call is in it.
            code: the stable code of what went wrong, or "".
            kind: what `inputs` is, a Kind. Beyond 64 KiB they are not kept.
            outputs: the whole native answer as JSON, or b"". Beyond 256 KiB it is not kept.

        Raises:
            JournalUnavailable: it is not written whole: the disk is full or worse.
        """
        flags = CACHE_HIT if cache_hit else 0
        if len(inputs) > MAX_INPUTS:
            inputs = b""
            flags |= INPUTS_DROPPED
        if len(outputs) > MAX_OUTPUTS:
            outputs = b""
            flags |= OUTPUTS_DROPPED
        code_ = code[:MAX_CODE].encode(errors="replace") if code else b""
        request = request_id[:MAX_REQUEST_ID].encode(errors="replace")
        correlation = (
            correlation_id[:MAX_CORRELATION_ID].encode(errors="replace") if correlation_id else b""
        )
        # fmt: off
        payload = b"".join((
            facts,
            _pack_fixed(
                id.to_bytes(16, "big"), door, flags, kind, len(code_), status, len(request),
                len(correlation), rows, inference_ns, duration_ns, len(inputs), len(outputs),
            ),
            code_, request, correlation, inputs, outputs,
        ))
        # fmt: on
        length = len(payload)
        head = _pack_head(MAGIC, length, _crc32(payload, self._seed))
        try:
            written = _writev(self._fd, (head, payload))
        except OSError as error:
            raise _unavailable(error) from error
        if written != length + 12:
            # What lies there now is torn; readers step over it. Finishing it is not possible, as
            # another thread's record may follow already.
            raise _unavailable(None)
        # Lost updates between threads make a segment a little longer, which harms nobody.
        self._room -= written
        if self._room < 0:
            self._rotate()

    def close(self) -> None:
        """Let go of the segment; a shipper takes it from there. Nothing may be appended after."""
        with self._rotating:
            fd, self._fd = self._fd, -1
            if fd >= 0:
                os.close(fd)

    def _rotate(self) -> None:
        """Begin the next segment. Where that fails, the present one goes on growing."""
        with self._rotating:
            if self._room >= 0 or self._fd < 0:
                return
            self._room = self._segment_bytes
            try:
                fd, path = self._begin()
            except OSError as error:
                logger.warning("journal_not_rotated", error=str(error))
                return
            # The number stays and what is behind it changes at once: a thread that writes now
            # writes to the old segment or to the new one, and the old one stays locked until its
            # write is done.
            os.dup2(fd, self._fd, inheritable=False)
            os.close(fd)
            self.segment = path

    def _begin(self) -> tuple[int, Path]:
        """A new segment, locked before anybody can see it under its name."""
        self._count += 1
        path = self._folder / f"{self._name}-{self._count}{SUFFIX}"
        unborn = path.with_suffix(UNBORN)
        fd = os.open(unborn, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            unborn.rename(path)
        except OSError:
            os.close(fd)
            raise
        return fd, path


_said_at = 0.0


def _unavailable(error: OSError | None) -> JournalUnavailable:
    global _said_at  # noqa: PLW0603
    # A full disk fails every call; the log, which may lie on the same disk, is told once a second.
    now = time.monotonic()
    if now - _said_at >= 1:
        _said_at = now
        logger.error("journal_unavailable", error=str(error or "short write"))
    return JournalUnavailable(
        "The call could not be written down. Try again in a moment.", retry_after=1
    )


_journal: Journal | None = None
_making = threading.Lock()


def journal() -> Journal:
    """This process's own journal, made on first use in JOURNAL_ROOT.

    Raises JournalUnavailable where no segment can be begun.
    """
    global _journal  # noqa: PLW0603  one journal a process is the point
    found = _journal
    if found is None:
        with _making:
            found = _journal
            if found is None:
                try:
                    found = _journal = Journal(Path(settings.JOURNAL_ROOT))
                except OSError as error:
                    raise _unavailable(error) from error
    return found


def present_segment() -> Path | None:
    """The segment this process writes to now; None before its first call."""
    return _journal.segment if _journal is not None else None


def _forget() -> None:
    """In a forked child: its parent's segment is its parent's. Closing does not unlock it."""
    global _journal, _making
    inherited, _journal, _making = _journal, None, threading.Lock()
    if inherited is not None:
        inherited._rotating = threading.Lock()
        inherited.close()


os.register_at_fork(after_in_child=_forget)
