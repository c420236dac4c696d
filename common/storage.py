"""Where bytes are kept: by their digest, written whole or not at all.

A blob's name is the SHA-256 of its content, so one content is kept once, and a damaged blob is
known by its name. What people see (owner, model, version, file name) is only ever a label.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from django.conf import settings

from common.errors import TooLarge, Unavailable
from common.ids import uuid7


@dataclass(frozen=True, slots=True)
class Received:
    """A file in quarantine: nobody has looked at it yet. `size` is in bytes."""

    path: Path
    sha256: str
    size: int

    def drop(self) -> None:
        """Delete it. A file that is gone already is no error."""
        self.path.unlink(missing_ok=True)


class Receiver:
    """Takes a file in, chunk by chunk, into quarantine, hashing as it comes.

    `finish()` syncs it to disk: after that a crash loses nothing. `abort()` leaves nothing behind.
    Raises TooLarge beyond `most` bytes and Unavailable where the disk fails; both have aborted.
    """

    def __init__(self, *, most: int) -> None:
        folder = Path(settings.QUARANTINE_ROOT)
        self._most = most
        self._size = 0
        self._digest = hashlib.sha256()
        self._path = folder / uuid7().hex
        with self._disk():
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file = self._path.open("xb", buffering=0)

    def write(self, chunk: bytes) -> None:
        self._size += len(chunk)
        if self._size > self._most:
            self.abort()
            raise TooLarge(f"The file is larger than {self._most:,} bytes.", code="file_too_large")
        self._digest.update(chunk)
        view = memoryview(chunk)
        with self._disk():
            while view:  # an unbuffered write may take less than it was given
                view = view[self._file.write(view) :]

    def finish(self) -> Received:
        with self._disk():
            os.fsync(self._file.fileno())
            self._file.close()
            _sync_folder(self._path.parent)
        return Received(path=self._path, sha256=self._digest.hexdigest(), size=self._size)

    def abort(self) -> None:
        self._file.close()
        self._path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _disk(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if hasattr(self, "_file"):
                self.abort()
            raise Unavailable(
                f"The file could not be kept: {error.strerror}.", retry_after=60
            ) from error


def blob_path(sha256: str) -> Path:
    """Where the blob of this digest lies, or would."""
    return Path(settings.MEDIA_ROOT) / sha256[:2] / sha256


def has_blob(sha256: str) -> bool:
    return blob_path(sha256).is_file()


def open_blob(sha256: str) -> BinaryIO:
    """Open a blob for reading; FileNotFoundError where there is none."""
    return blob_path(sha256).open("rb")


def adopt(path: Path, sha256: str) -> None:
    """Move a quarantined file to its place among the blobs. Doing it twice is doing it once.

    Raises FileNotFoundError where the file is neither in quarantine nor kept.
    """
    target = blob_path(sha256)
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with contextlib.suppress(FileNotFoundError):
        path.replace(target)
    if not target.is_file():
        raise FileNotFoundError(f"Neither in quarantine nor kept: {sha256}")
    _sync_folder(target.parent)


def quarantine(data: bytes) -> Received:
    """Put bytes of our own into quarantine; whoever asked adopts or drops them."""
    receiver = Receiver(most=len(data))
    receiver.write(data)
    return receiver.finish()


def keep(data: bytes) -> str:
    """Keep bytes as a blob; returns their SHA-256. They are on disk when this returns."""
    received = quarantine(data)
    adopt(received.path, received.sha256)
    return received.sha256


def discard(sha256: str) -> None:
    """Delete a blob; the caller has made sure that nothing refers to it."""
    blob_path(sha256).unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Make a new name durable: it is data of the folder, not of the file."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
