"""Segments as a shipper sees them: whose they are, how far they are sent, when they may go."""

from __future__ import annotations

import fcntl
import os
import time
from dataclasses import dataclass
from pathlib import Path

import structlog

from inference.journal.reader import walk
from inference.journal.record import HEAD, MAX_PAYLOAD
from inference.journal.writer import SUFFIX, UNBORN, seed_of

logger = structlog.get_logger(__name__)

BATCH_BYTES = 1024**2
BATCH_RECORDS = 5000
UNBORN_AGE = 600
MAX_RECORD = HEAD.size + MAX_PAYLOAD


@dataclass(slots=True)
class Segment:
    """One segment that is being shipped.

    `finished`: its writer is gone and its lock is ours, so that nothing more comes and nobody else
    ships it. `position` is where the next batch begins, `written` how far a segment that is still
    being written to has come; behind that lies room without records.
    """

    path: Path
    fd: int
    seed: int
    position: int = 0
    finished: bool = False
    written: int = 0

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def is_gone(self) -> bool:
        """Whether somebody shipped all of it and deleted it."""
        return os.fstat(self.fd).st_nlink == 0

    @property
    def waiting(self) -> int:
        """Bytes that no batch has taken yet."""
        size = os.fstat(self.fd).st_size if self.finished else self.written
        return size - self.position

    def take(self) -> tuple[int, bytes] | None:
        """The next batch of whole records, with its offset; None where none waits.

        What is torn before or between them is passed over.
        """
        while (waiting := self.waiting) > 0:
            data = os.pread(self.fd, min(BATCH_BYTES, waiting), self.position)
            is_all = len(data) == waiting
            stretch = walk(data, self.seed, most=BATCH_RECORDS, finished=self.finished and is_all)
            if stretch.torn:
                logger.warning(
                    "journal_torn", segment=self.name, offset=self.position, bytes=stretch.torn
                )
            start, self.position = self.position, self.position + stretch.end
            if stretch.records:
                return start, data[: stretch.end]
            if stretch.end == 0:
                if is_all:
                    return None  # a living segment's last record, in the middle of being written
                # More than the longest record and no whole one in it: go on near its end.
                self.position += BATCH_BYTES - MAX_RECORD
        return None

    def read(self, offset: int, end: int) -> bytes:
        """A stretch that was taken before."""
        return os.pread(self.fd, end - offset, offset)

    def claim(self) -> bool:
        """Take the lock that its writer has let go of. False where somebody holds it."""
        try:
            fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        self.finished = True
        return True

    def close(self) -> None:
        """Let go of it, and of its lock."""
        os.close(self.fd)

    def delete(self) -> None:
        """It is stored, all of it."""
        self.path.unlink(missing_ok=True)
        self.close()


def open_segment(path: Path) -> Segment | None:
    """The segment at this path; None where it is gone or its name is not one of ours."""
    try:
        seed = seed_of(path.name)
        # Some file systems want a file open for writing before they lock it.
        return Segment(path, os.open(path, os.O_RDWR), seed)
    except (ValueError, IndexError):
        return None
    except OSError:
        return None


def sweep(folder: Path) -> None:
    """Delete what a process left that died while it began a segment: nothing is in there."""
    for path in folder.glob(f"*{UNBORN}"):
        try:
            if path.stat().st_mtime < time.time() - UNBORN_AGE:
                path.unlink()
        except OSError:
            continue  # its process lives, and gave it a name just now


def adopt(folder: Path, known: set[str], *, most: int) -> list[Segment]:
    """At most so many whose writer is gone and that nobody else ships, oldest first, now ours."""
    adopted: list[Segment] = []
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        if path.name in known or len(adopted) >= most:
            continue
        segment = open_segment(path)
        if segment is None:
            continue
        # Between the listing and the lock another may have shipped and deleted it.
        if segment.claim() and not segment.is_gone:
            adopted.append(segment)
        else:
            segment.close()
    return adopted
