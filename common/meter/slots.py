"""The file a process counts in.

    header     8 cells: FORMAT, bytes used, pid, pulse, series refused, three spare
    entry      1 cell: length of the key << 32 | number of values
               the key in UTF-8, filled up to whole cells
               the values

A cell is an unsigned 64-bit number. `bytes used` is written last, so that a process that is killed
in between leaves no half entry. Entries are only ever added: the next owner finds them again, and
goes on from what they hold, but for levels (their keys begin with LEVEL), which begin at nothing.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import structlog

logger = structlog.get_logger(__name__)

FORMAT: Final = 0x5311_7011_0000_0001
CELL: Final = 8
HEADER: Final = 8 * CELL
USED, PID, PULSE, REFUSED = 1, 2, 3, 4
SLOT_BYTES: Final = 512 * 1024
SUFFIX: Final = ".slot"
LEVEL: Final = "~"
MOST_SLOTS: Final = 1024
# A process that has not shown for so many seconds is gone: what it held counts no more.
FRESH: Final = 20

Cells = memoryview  # of unsigned 64-bit numbers


class Slot:
    """Room to count in: mapped from a file, or this process's own memory (`fd` is None)."""

    def __init__(self, room: mmap.mmap | bytearray, fd: int | None = None) -> None:
        self._bytes = memoryview(room)
        self.fd = fd
        self.cells: Cells = self._bytes.cast("Q")
        self._lock = threading.Lock()
        if self.cells[0] != FORMAT or not HEADER <= self.cells[USED] <= len(self._bytes):
            self._bytes[:] = bytes(len(self._bytes))
            self.cells[0], self.cells[USED] = FORMAT, HEADER
        self.cells[PID] = os.getpid()
        self._places = {key: at for key, at, _ in entries(self._bytes)}
        for key, at in self._places.items():
            if key.startswith(LEVEL):
                self.cells[at] = 0
        # Where counts go for which there is no room: nobody reads them.
        self._nowhere = memoryview(bytearray(64 * CELL)).cast("Q")

    def place(self, key: str, count: int) -> tuple[Cells, int]:
        """Where the values of a series are: the cells, and the first one's number among them.

        A slot that is full takes no more series; their counts go nowhere, and that is counted.
        """
        with self._lock:
            at = self._places.get(key)
            if at is None:
                at = self._add(key, count)
        return (self._nowhere, 0) if at is None else (self.cells, at)

    def _add(self, key: str, count: int) -> int | None:
        name = key.encode()
        start = self.cells[USED]
        first = start + CELL + -(-len(name) // CELL) * CELL
        if first + count * CELL > len(self._bytes):
            self.cells[REFUSED] += 1
            return None
        self.cells[start // CELL] = len(name) << 32 | count
        self._bytes[start + CELL : start + CELL + len(name)] = name
        self.cells[USED] = first + count * CELL
        self._places[key] = first // CELL
        return first // CELL

    def show(self) -> None:
        """Say that this process lives."""
        self.cells[PULSE] = int(time.time())

    def read(self) -> bytes:
        return bytes(self._bytes[: self.cells[USED]])


def entries(data: memoryview | bytes) -> Iterator[tuple[str, int, int]]:
    """Every series of a slot: its key, the number of its first cell, how many there are."""
    cells = memoryview(data)[: len(data) // CELL * CELL].cast("Q")
    at, end = HEADER // CELL, min(cells[USED], len(data)) // CELL
    while at < end:
        length, count = cells[at] >> 32, cells[at] & 0xFFFF_FFFF
        first = at + 1 + -(-length // CELL)
        if first + count > end:
            return
        yield bytes(data[(at + 1) * CELL : (at + 1) * CELL + length]).decode(), first, count
        at = first + count


def private_slot() -> Slot:
    """Room in this process's memory: for commands, and until a slot is claimed."""
    return Slot(bytearray(SLOT_BYTES))


def claim(folder: Path) -> bool:
    """Count in a slot below `folder` from now on, the first that is nobody's.

    Returns whether there was one; without, this process counts for itself alone. What it has
    counted so far is let go: warming up is nobody's request.
    """
    from common.meter import families

    try:
        slot = _claim(folder)
    except OSError as error:
        logger.warning("meter_not_shared", error=str(error))
        return False
    families.move_to(slot)
    slot.show()
    return True


def _claim(folder: Path) -> Slot:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for number in range(MOST_SLOTS):
        fd = os.open(
            folder / f"{number}{SUFFIX}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, mode=0o600
        )
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Reserved, so that a disk that fills up later kills nobody who counts.
            os.posix_fallocate(fd, 0, SLOT_BYTES)
            return Slot(mmap.mmap(fd, SLOT_BYTES), fd)
        except BlockingIOError:
            os.close(fd)
        except OSError:
            os.close(fd)
            raise
    raise OSError(f"All {MOST_SLOTS} slots in {folder} are taken.")
