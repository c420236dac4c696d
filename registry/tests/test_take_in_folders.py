"""It takes an MLflow model's folder in, and nothing that only looks like one."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts.models import User
from common.errors import DomainError
from registry.errors import BadArchive, BadFolder, FlavorNotServed
from registry.mlflow.folders import read_folder
from registry.mlflow.zips import MOST_ENTRIES, ZipFolder, is_folder
from registry.models import ModelVersion
from registry.tests.mlflow_api import EXAMPLE, MANIFEST, model_files, pickled, zipped

pytestmark = pytest.mark.django_db


class FilesOf:
    """A folder from a dictionary."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files

    def has(self, path: str) -> bool:
        return path in self.files

    def read(self, path: str, *, most: int) -> bytes | None:
        found = self.files.get(path)
        return found if found is None or len(found) <= most else None


def test_the_flavors_file_and_what_is_said_of_it_are_found() -> None:
    folder = read_folder(FilesOf(model_files()))
    assert (folder.path, folder.filename, folder.framework) == (
        "model.pkl",
        "model.pkl",
        "scikit-learn",
    )
    assert folder.hints == {
        "example": EXAMPLE["data"],
        "feature_names": ["width", "height"],
        "libraries": {"mlflow": "2.22.4", "scikit-learn": "1.9.1"},
    }


def test_an_onnx_model_is_found_by_its_flavor() -> None:
    manifest = "flavors:\n  onnx:\n    data: model.onnx\n    onnx_version: 1.19.0\n"
    folder = read_folder(FilesOf({"MLmodel": manifest.encode(), "model.onnx": b"x"}))
    assert (folder.path, folder.framework, folder.hints) == ("model.onnx", "onnx", {})


@pytest.mark.parametrize(
    ("manifest", "error", "words"),
    [
        ("flavors: {xgboost: {data: m.xgb}, python_function: {}}", FlavorNotServed, "xgboost"),
        ("flavors: {}", BadFolder, "no flavors"),
        ("- a list", BadFolder, "map"),
        ("a: [", BadFolder, "can't be read"),
        ("a: &x [1]\nb: *x", BadFolder, "references"),
        ("[" * 5000, BadFolder, "nested"),
        ("flavors: {sklearn: {pickled_model: gone.pkl}}", BadFolder, "no such file"),
        ("flavors: {sklearn: {pickled_model: ../../etc/passwd}}", BadFolder, "outside"),
        ("flavors: {sklearn: {pickled_model: /etc/passwd}}", BadFolder, "outside"),
        ("flavors: {sklearn: {pickled_model: [1]}}", BadFolder, "something other"),
        ("!!python/object/apply:os.system [touch /tmp/no]", BadFolder, "map"),
    ],
)
def test_a_manifest_that_leads_nowhere_is_refused(
    manifest: str, error: type[DomainError], words: str
) -> None:
    with pytest.raises(error, match=words):
        read_folder(FilesOf(model_files(manifest)))


@pytest.mark.parametrize("manifest", [None, b"x" * 600_000, b"\xff\xfe"])
def test_no_manifest_or_one_too_large_is_refused(manifest: bytes | None) -> None:
    files = {} if manifest is None else {"MLmodel": manifest}
    with pytest.raises(BadFolder):
        read_folder(FilesOf(files))


@pytest.mark.parametrize(
    "example", [b"{", b"[]", b'{"data": [[{"a": 1}]]}', b"null", b'"text"', b"[" * 100]
)
def test_a_hint_that_can_not_be_read_is_none(example: bytes) -> None:
    folder = read_folder(FilesOf(model_files(more={"input_example.json": example})))
    assert "example" not in folder.hints


# As a zip, by the ordinary upload.


def upload(client: APIClient, content: bytes, filename: str = "model.zip", **form: str) -> Any:
    file = SimpleUploadedFile(filename, content)
    return client.post(
        "/api/v1/models", {"file": file, "name": "churn", **form}, format="multipart"
    )


@pytest.fixture
def client(alice: User, client_for: Callable[[User], APIClient]) -> APIClient:
    return client_for(alice)


def left(folders: Path) -> list[Path]:
    return list((folders / "quarantine").glob("*"))


@pytest.mark.parametrize("below", ["", "my model/"])
def test_a_zipped_folder_is_uploaded_as_the_model_in_it(
    client: APIClient, folders: Path, below: str
) -> None:
    answer = upload(client, zipped(model_files(), below=below))
    assert answer.status_code == 202, answer.json()
    version = ModelVersion.objects.get()
    assert (version.filename, version.framework, version.size) == (
        "model.pkl",
        "scikit-learn",
        len(pickled()),
    )
    assert version.hints
    assert version.hints["feature_names"] == ["width", "height"]
    assert [path.read_bytes() for path in left(folders)] == [pickled()]


def test_a_zip_that_is_a_model_itself_is_left_alone(client: APIClient) -> None:
    skops = zipped({"schema.json": b"{}", "MLmodel": b"x"})
    assert upload(client, skops, "model.skops").status_code == 202
    assert ModelVersion.objects.get().filename == "model.skops"


def with_entry(name: str, content: bytes = b"x", mode: int = 0) -> bytes:
    """A model's folder, and one more entry of this name and mode."""
    kept = io.BytesIO(zipped(model_files()))
    with zipfile.ZipFile(kept, "a") as archive:
        entry = zipfile.ZipInfo(name)
        entry.external_attr = mode << 16
        archive.writestr(entry, content)
    return kept.getvalue()


def a_bomb() -> bytes:
    return zipped(model_files(more={"zeros.bin": b"\0" * 40_000_000}))


def many() -> bytes:
    return zipped(model_files() | {f"code/{n}.py": b"" for n in range(MOST_ENTRIES)})


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: with_entry("../../etc/passwd"), "dots alone"),
        (lambda: with_entry("a/../b"), "dots alone"),
        (lambda: with_entry("/etc/passwd"), "absolute"),
        (lambda: with_entry("C:\\windows"), "no path"),
        (lambda: with_entry("a\\..\\b"), "no path"),
        (lambda: with_entry("%2e%2e/passwd"), "%2e"),
        (lambda: with_entry("link", b"/etc/passwd", stat.S_IFLNK | 0o777), "a link"),
        (lambda: with_entry("pipe", b"", stat.S_IFIFO | 0o600), "neither a file"),
        (lambda: with_entry("model.pkl"), "Two entries"),
        (lambda: with_entry("x" * 1001), "characters"),
        (a_bomb, "200 times"),
        (many, "10,000 is the most"),
        (lambda: zipped(model_files("flavors: {keras: {}}")), "keras"),
    ],
)
def test_a_zip_nobody_honest_sends_is_refused_and_gone(
    client: APIClient, folders: Path, make: Callable[[], bytes], words: str
) -> None:
    answer = upload(client, make())
    assert answer.status_code == 400, answer.json()
    assert words in answer.json()["detail"]
    assert left(folders) == []
    assert not ModelVersion.objects.exists()


def test_a_zip_of_a_million_entries_is_refused_unread(client: APIClient, folders: Path) -> None:
    answer = upload(client, million())
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_archive")
    assert "10,000 entries is the most" in answer.json()["detail"]
    assert left(folders) == []


def million() -> bytes:
    """A zip with 1,000,000 empty files: a list of entries, and an end that counts them."""
    local = struct.pack("<4s5H3L2H", b"PK\x03\x04", 20, 0, 0, 0, 33, 0, 0, 0, 7, 0) + b"MLmodel"
    entry = struct.pack(
        "<4s6H3L5H2L", b"PK\x01\x02", 20, 20, 0, 0, 0, 33, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0
    )
    listing = (entry + b"MLmodel") * 1_000_000
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 65535, 65535, len(listing), len(local), 0)
    return local + listing + end


def test_entries_that_lie_about_their_size_are_refused(tmp_path: Path) -> None:
    content = zipped({"MLmodel": MANIFEST.encode()})
    real = struct.pack("<L", len(MANIFEST.encode()))
    for said in (1, 10_000):
        path = tmp_path / f"{said}.zip"
        path.write_bytes(content.replace(real, struct.pack("<L", said)))
        with ZipFolder(path) as folder, pytest.raises(BadArchive):
            folder.read("MLmodel", most=100_000)


def test_what_is_no_zip_is_no_folder(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for content in (b"", b"PK\x03\x04", b"PK\x05\x06" + b"\0" * 100, pickled()):
        path.write_bytes(content)
        assert not is_folder(path)


def test_a_folder_larger_than_a_model_may_be_is_refused(
    client: APIClient, settings: Settings
) -> None:
    content = zipped(model_files(more={"rest.bin": b"\0" * 100_000}))
    settings.MODEL_MAX_BYTES = 50_000
    assert "is the most" in upload(client, content).json()["detail"]
