"""It keeps bytes by their digest, whole or not at all."""

from __future__ import annotations

import errno
import hashlib
from pathlib import Path

import pytest
from pytest_django import Settings

from common import storage
from common.errors import TooLarge, Unavailable
from common.ids import uuid7


@pytest.fixture(autouse=True)
def folders(settings: Settings, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path / "files"
    settings.QUARANTINE_ROOT = tmp_path / "quarantine"
    return tmp_path


def receive(*chunks: bytes, most: int = 1000) -> storage.Received:
    receiver = storage.Receiver(most=most)
    for chunk in chunks:
        receiver.write(chunk)
    return receiver.finish()


def quarantined(folder: Path) -> list[Path]:
    return list((folder / "quarantine").glob("*"))


def test_what_is_received_is_hashed_and_lies_in_quarantine(folders: Path) -> None:
    received = receive(b"one ", b"two")
    assert received.sha256 == hashlib.sha256(b"one two").hexdigest()
    assert (received.size, received.path.read_bytes()) == (7, b"one two")
    assert quarantined(folders) == [received.path]


def test_a_file_over_the_cap_is_refused_and_gone(folders: Path) -> None:
    with pytest.raises(TooLarge):
        receive(b"x" * 600, b"x" * 600)
    assert quarantined(folders) == []


def test_a_full_disk_is_said_and_leaves_nothing(folders: Path) -> None:
    receiver = storage.Receiver(most=1000)

    class FullDisk:
        def write(self, data: object) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

        def close(self) -> None: ...

    receiver._file.close()
    receiver._file = FullDisk()  # type: ignore[assignment]
    with pytest.raises(Unavailable, match="No space left"):
        receiver.write(b"x")
    assert quarantined(folders) == []


def test_adopting_moves_a_file_to_its_digest_and_can_be_repeated(folders: Path) -> None:
    received = receive(b"model")
    storage.adopt(received.path, received.sha256)
    storage.adopt(received.path, received.sha256)
    assert storage.blob_path(received.sha256).read_bytes() == b"model"
    assert quarantined(folders) == []


def test_adopting_what_is_nowhere_is_an_error(folders: Path) -> None:
    with pytest.raises(FileNotFoundError):
        storage.adopt(folders / "quarantine" / "gone", "0" * 64)


def test_bytes_are_kept_once(folders: Path) -> None:
    first = storage.keep(b"graph")
    assert storage.keep(b"graph") == first
    with storage.open_blob(first) as file:
        assert file.read() == b"graph"
    storage.discard(first)
    assert not storage.has_blob(first)


def test_a_lent_file_is_the_same_one_and_outlives_its_lender(folders: Path) -> None:
    folder = storage.Folder("things", uuid7())
    received = receive(b"content")
    folder.adopt(received, "name")
    lent = folder.lend("name", sha256=received.sha256, size=received.size)
    assert lent.path.samefile(folder.path / "name")
    assert quarantined(folders) == [lent.path]
    folder.delete()
    storage.adopt(lent.path, lent.sha256)
    assert storage.open_sound_blob(lent.sha256).read() == b"content"
    with pytest.raises(FileNotFoundError):
        folder.lend("name", sha256=received.sha256, size=received.size)
