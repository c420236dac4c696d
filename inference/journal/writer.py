"""Appending to the journal: the last thing a door does before the answer leaves.

A segment is one file. Its writer holds an exclusive lock on it for as long as it lives; a segment
whose lock nobody holds is finished, and any shipper may take it.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import secrets
import threading
import time
import zlib
from pathlib import Path
from typing import Final, NamedTuple

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

SEGMENT_BYTES: Final = 16 * 1024**2
SUFFIX: Final = ".seg"
# A segment under this name is not locked yet; shippers leave it alone.
UNBORN: Final = ".new"

_pack_head = HEAD.pack
_pack_fixed = FIXED.pack
_crc32 = zlib.crc32


class JournalUnavailable(Unavailable):
    """The call could not be written down whole, so that its answer must not leave."""

    default_code = "journal_unavailable"


def seed_of(segment: str) -> int:
    """What the CRCs of this segment start from; its name says it."""
    return int(segment.split("-")[1], 16)


class Present(NamedTuple):
    """A segment that is being written to: its first `size` bytes are whole records."""

    path: Path
    size: int


class _Segment(NamedTuple):
    path: Path
    fd: int
    room: mmap.mmap

    def close(self, written: int) -> None:
        """Cut off the room that was not used, and let go of the lock."""
        self.room.close()
        try:
            os.ftruncate(self.fd, written)
        finally:
            os.close(self.fd)


class Journal:
    """The segments of one process. Any number of threads may append.

    A segment is a file of fixed size whose room is reserved when it is made, mapped into memory.
    Writing a record is copying it there: no system call, so that no thread lets go of the
    interpreter and a disk that is full is known before a record needs it; and the pages are the
    kernel's, which keeps them when the process is killed. docs/decisions/0006 has the figures.

    Args:
        folder: where segments lie.
        segment_bytes: the size of a segment.
    """

    def __init__(self, folder: Path, *, segment_bytes: int = SEGMENT_BYTES) -> None:
        self._folder = folder
        self._segment_bytes = segment_bytes
        self._name = f"{time.time_ns():016x}-{secrets.token_hex(4)}-{os.getpid()}"
        self._seed = seed_of(self._name)
        self._count = 0
        self._lock = threading.Lock()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._segment = self._begin(segment_bytes)
        self._room = self._segment.room
        self._size, self._at = len(self._room), 0

    @property
    def present(self) -> Present:
        """The segment that is written to now, and how far it is written."""
        with self._lock:
            return Present(self._segment.path, self._at)

    @property
    def segment(self) -> Path:
        """Where it writes now."""
        return self._segment.path

    def append(  # noqa: PLR0913  a record is many things, and a call with names would cost
        self,
        facts: bytes,
        id: bytes,  # noqa: A002
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
        """Write one record.

        Args:
            facts: who asked which version, from `pack_facts`.
            id: the prediction's UUIDv7; the time of the call is in it.
            code: the stable code of what went wrong, or "".
            kind: what `inputs` is, a Kind. Beyond 64 KiB they are not kept.
            outputs: the whole native answer as JSON, or b"". Beyond 256 KiB it is not kept.

        Raises:
            JournalUnavailable: there is no room for it: the disk is full or worse.
        """
        flags = CACHE_HIT if cache_hit else 0
        if len(inputs) > MAX_INPUTS:
            inputs = b""
            flags |= INPUTS_DROPPED
        if len(outputs) > MAX_OUTPUTS:
            outputs = b""
            flags |= OUTPUTS_DROPPED
        code_ = code[:MAX_CODE].encode(errors="replace") if code else b""
        request = request_id[:MAX_REQUEST_ID].encode()
        correlation = (
            correlation_id[:MAX_CORRELATION_ID].encode(errors="replace") if correlation_id else b""
        )
        # fmt: off
        payload = b"".join((
            facts,
            _pack_fixed(
                id, door, flags, kind, len(code_), status, len(request),
                len(correlation), rows, inference_ns, duration_ns, len(inputs), len(outputs),
            ),
            code_, request, correlation, inputs, outputs,
        ))
        # fmt: on
        self.put(_pack_head(MAGIC, len(payload), _crc32(payload, self._seed)) + payload)

    def put(self, record: bytes) -> None:
        """Write these bytes after those before. Raises JournalUnavailable."""
        length = len(record)
        with self._lock:
            at = self._at
            end = at + length
            if end > self._size:
                self._rotate(length)
                at, end = 0, length
            self._room[at:end] = record
            self._at = end

    def close(self) -> None:
        """Let go of the segment; a shipper takes it from there. Nothing may be appended after."""
        with self._lock:
            if self._size >= 0:
                self._segment.close(self._at)
            self._size = -1

    def disown(self) -> None:
        """Let go of what a forked child has of its parent's; the parent's lock and file stay."""
        self._lock = threading.Lock()
        self._size = -1
        self._segment.room.close()
        os.close(self._segment.fd)

    def _rotate(self, least: int) -> None:
        """Begin the next segment; the caller holds the lock."""
        if self._size < 0:
            raise _unavailable(None)
        try:
            segment = self._begin(max(least, self._segment_bytes))
        except OSError as error:
            raise _unavailable(error) from error
        before, written = self._segment, self._at
        self._segment, self._room = segment, segment.room
        self._size, self._at = len(segment.room), 0
        before.close(written)

    def _begin(self, size: int) -> _Segment:
        """A new segment, reserved and locked before anybody can see it under its name."""
        self._count += 1
        path = self._folder / f"{self._name}-{self._count}{SUFFIX}"
        unborn = path.with_suffix(UNBORN)
        fd = os.open(unborn, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.posix_fallocate(fd, 0, size)
            room = mmap.mmap(fd, size)
            unborn.rename(path)
        except OSError:
            unborn.unlink(missing_ok=True)
            os.close(fd)
            raise
        return _Segment(path, fd, room)


_said_at = 0.0


def _unavailable(error: OSError | None) -> JournalUnavailable:
    global _said_at  # noqa: PLW0603
    # A full disk fails every call; the log, which may lie on the same disk, is told once a second.
    now = time.monotonic()
    if now - _said_at >= 1:
        _said_at = now
        logger.error("journal_unavailable", error=str(error or "closed"))
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


def present_segment() -> Present | None:
    """The segment this process writes to now; None before its first call."""
    return _journal.present if _journal is not None else None


def _forget() -> None:
    """In a forked child: its parent's segment is its parent's. Closing does not unlock it."""
    global _journal, _making
    inherited, _journal, _making = _journal, None, threading.Lock()
    if inherited is not None:
        inherited.disown()


os.register_at_fork(after_in_child=_forget)
