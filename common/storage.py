"""Where bytes are kept: by their digest, written whole or not at all.

A blob's name is the SHA-256 of its content, so one content is kept once, and a damaged blob is
known by its name. What people see (owner, model, version, file name) is only ever a label.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from django.conf import settings

from common.errors import TooLarge, Unavailable
from common.ids import uuid7

CHUNK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Received:
    """A file in quarantine: nobody has looked at it yet. `size` is in bytes."""

    path: Path
    sha256: str
    size: int


def receive(chunks: Iterable[bytes], *, most: int) -> Received:
    """Stream chunks into quarantine, hashing as they come; synced to disk before it returns.

    Raises TooLarge beyond `most` bytes and Unavailable where the disk is full; nothing is left
    behind then.
    """
    folder = Path(settings.QUARANTINE_ROOT)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / uuid7().hex
    digest = hashlib.sha256()
    size = 0
    try:
        with path.open("xb") as file:
            for chunk in chunks:
                size += len(chunk)
                if size > most:
                    raise TooLarge(
                        f"The file is larger than {most:,} bytes.", code="file_too_large"
                    )
                digest.update(chunk)
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        path.unlink(missing_ok=True)
        raise Unavailable(f"The file could not be kept: {error.strerror}.", retry_after=60) from error
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return Received(path=path, sha256=digest.hexdigest(), size=size)


def blob_path(sha256: str) -> Path:
    """Where the blob of this digest lies, or would."""
    return Path(settings.MEDIA_ROOT) / sha256[:2] / sha256


def has_blob(sha256: str) -> bool:
    return blob_path(sha256).is_file()


def open_blob(sha256: str) -> BinaryIO:
    """Open a blob for reading; FileNotFoundError where there is none."""
    return blob_path(sha256).open("rb")


def adopt(received: Received) -> None:
    """Move a quarantined file to its place among the blobs. Doing it twice is doing it once."""
    target = blob_path(received.sha256)
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with contextlib.suppress(FileNotFoundError):
        received.path.replace(target)
    if not target.is_file():
        raise FileNotFoundError(f"Neither in quarantine nor kept: {received.sha256}")
    _sync_folder(target.parent)


def keep(data: bytes) -> str:
    """Keep bytes as a blob; returns their SHA-256. They are on disk when this returns."""
    sha256 = hashlib.sha256(data).hexdigest()
    if not has_blob(sha256):
        adopt(receive([data], most=len(data)))
    return sha256


def discard(sha256: str) -> None:
    """Delete a blob; the caller has made sure that nothing refers to it."""
    blob_path(sha256).unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Make a rename durable: the folder's entry is data of the folder."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
