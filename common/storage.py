"""Where bytes are kept: by their digest, written whole or not at all.

A blob's name is the SHA-256 of its content, so one content is kept once, and a damaged blob is
known by its name. What people see (owner, model, version, file name) is only ever a label.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final
from uuid import UUID

from django.conf import settings

from common.errors import TooLarge, Unavailable
from common.ids import uuid7

CHUNK: Final = 1 << 20


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


class Damaged(Exception):
    """What lies where a blob should is not that blob; the message says what it is instead."""


def open_sound_blob(sha256: str) -> BinaryIO:
    """Open a blob that is what its name says. Raises FileNotFoundError, Damaged."""
    file = open_blob(sha256)
    digest = hashlib.sha256()
    while chunk := file.read(CHUNK):
        digest.update(chunk)
    if digest.hexdigest() != sha256:
        file.close()
        raise Damaged(f"The file {sha256} has the digest {digest.hexdigest()}.")
    file.seek(0)
    return file


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


class Folder:
    """Files of one thing, which go when it goes: `<kind>/<id>/<name>` among what is kept.

    Names are ours, never a user's. A file is there whole or not at all.
    """

    def __init__(self, kind: str, id_: UUID) -> None:
        self.path = Path(settings.MEDIA_ROOT) / kind / str(id_)

    def adopt(self, received: Received, name: str) -> None:
        """Take a quarantined file in under this name. On disk for good when this returns."""
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        received.path.replace(self.path / name)
        _sync_folder(self.path)

    def lend(self, name: str, *, sha256: str, size: int) -> Received:
        """The same file in quarantine as well, for who adopts or drops it; no byte is copied.

        Raises FileNotFoundError where there is none.
        """
        target = Path(settings.QUARANTINE_ROOT) / uuid7().hex
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # What is old in quarantine, and nobody's, is swept away: this is new there.
        os.utime(self.path / name)
        target.hardlink_to(self.path / name)
        _sync_folder(target.parent)
        return Received(path=target, sha256=sha256, size=size)

    def settle(self) -> None:
        """What was made or renamed there is on disk for good when this returns."""
        _sync_folder(self.path)

    def open(self, name: str) -> BinaryIO:
        """Raises FileNotFoundError where there is none."""
        return (self.path / name).open("rb")

    def drop(self, *names: str) -> None:
        """Delete some files. What is gone already is no error."""
        for name in names:
            (self.path / name).unlink(missing_ok=True)

    def keep(self, *names: str) -> None:
        """Delete all files but these."""
        for path in self.path.iterdir():
            if path.name not in names:
                path.unlink(missing_ok=True)

    def delete(self) -> None:
        """Delete all of it. What is gone already is no error."""
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(self.path)


def list_folders(kind: str) -> Iterator[tuple[UUID, Path]]:
    """The folders of a kind that there are, by the ids they are for; of others' names none."""
    root = Path(settings.MEDIA_ROOT) / kind
    for path in root.iterdir() if root.is_dir() else ():
        with contextlib.suppress(ValueError):
            yield UUID(path.name), path
