"""A zip of an MLflow model's folder, held to what an honest one is before anything is unpacked.

Its list of entries is read within a budget, so that a zip of a million entries costs nothing; no
entry is ever written under its own name.
"""

from __future__ import annotations

import stat
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self

from django.conf import settings

from registry.errors import BadArchive, BadSource
from registry.mlflow.folders import MANIFEST
from registry.mlflow.paths import check_path

MAGIC: Final = (b"PK\x03\x04", b"PK\x05\x06")
SKOPS: Final = "schema.json"
"""A .skops file is a zip as well, with this in it: one model, and no folder."""
SKOPS_SUFFIX: Final = ".skops"
MOST_ENTRIES: Final = 10_000
LISTING_MOST: Final = 4 * 1024 * 1024  # bytes read to find out what is in it
RATIO_MOST: Final = 200  # how much larger than the zip its content may be
RATIO_FREE: Final = 16 * 1024 * 1024  # bytes; what is smaller may be as dense as it likes
CHUNK: Final = 1 << 20
METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_BROKEN: Final = (
    zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, NotImplementedError, EOFError, OSError,
    ValueError, RuntimeError,
)  # fmt: skip


class ZipFolder:
    """The folder in a zip, checked as a whole; `Files` for `read_folder`. Raises BadArchive."""

    def __init__(self, path: Path) -> None:
        self._file = _Budgeted(path.open("rb"), LISTING_MOST)
        try:
            self._zip = zipfile.ZipFile(self._file)
            self._file.budget = None
            infos = self._zip.infolist()
            self._root = _root_of(infos)
            self._entries = _checked(infos, self._root, path.stat().st_size)
        except _BROKEN as error:
            self._file.close()
            raise BadArchive(f"The zip can't be read: {str(error)[:200]}") from None
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._zip.close()
        self._file.close()

    def has(self, path: str) -> bool:
        return path in self._entries

    def read(self, path: str, *, most: int) -> bytes | None:
        info = self._entries.get(path)
        if info is None or info.file_size > most:
            return None
        return b"".join(self.chunks(path))

    def chunks(self, path: str) -> Iterator[bytes]:
        """A file, piece by piece, never more of it than the zip's list says. Raises BadArchive."""
        info = self._entries[path]
        left = info.file_size
        try:
            with self._zip.open(info) as file:
                while chunk := file.read(CHUNK):
                    left -= len(chunk)
                    if left < 0:
                        raise BadArchive(f"{path[:100]!r} is longer than the zip says.")
                    yield chunk
        except _BROKEN as error:
            raise BadArchive(f"{path[:100]!r} can't be unpacked: {str(error)[:200]}") from None
        if left:
            raise BadArchive(f"{path[:100]!r} is shorter than the zip says.")


def is_folder(path: Path) -> bool:
    """Whether a file is a zip with a model's folder in it, and not a model that is a zip itself.

    Raises BadArchive for a zip whose list of entries nobody can or should read.
    """
    with path.open("rb") as file:
        if file.read(4) not in MAGIC:
            return False
    try:
        with path.open("rb") as raw, zipfile.ZipFile(_Budgeted(raw, LISTING_MOST)) as found:
            names = set(found.namelist())
    except BadArchive:
        raise
    except _BROKEN:
        return False  # the pipeline says what it is, or that it is nothing
    return SKOPS not in names and any(
        name == MANIFEST or name.endswith(f"/{MANIFEST}") for name in names
    )


class _Budgeted:
    """A file of which so many bytes may be read, while there is a budget."""

    def __init__(self, file: BinaryIO, budget: int) -> None:
        self._file = file
        self.budget: int | None = budget

    def read(self, size: int = -1) -> bytes:
        if self.budget is None:
            return self._file.read(size)
        data = self._file.read(self.budget + 1 if size < 0 else min(size, self.budget + 1))
        self.budget -= len(data)
        if self.budget < 0:
            raise BadArchive(
                f"The zip's list of entries is too long; {MOST_ENTRIES:,} entries is the most."
            )
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def seekable(self) -> bool:
        return True

    def close(self) -> None:
        self._file.close()


def _root_of(infos: list[zipfile.ZipInfo]) -> str:
    """What stands before `MLmodel`: nothing, or the folder's name with a slash."""
    if len(infos) > MOST_ENTRIES:
        raise BadArchive(f"The zip has {len(infos):,} entries; {MOST_ENTRIES:,} is the most.")
    roots = [
        info.filename.removesuffix(MANIFEST)
        for info in infos
        if info.filename == MANIFEST or info.filename.endswith(f"/{MANIFEST}")
    ]
    if not roots:
        raise BadArchive(f"There is no {MANIFEST} in the zip.")
    return min(roots, key=len)


def _checked(infos: list[zipfile.ZipInfo], root: str, packed: int) -> dict[str, zipfile.ZipInfo]:
    """The files below the root by path; every entry of the zip has been judged."""
    found: dict[str, zipfile.ZipInfo] = {}
    seen: set[str] = set()
    total = 0
    for info in infos:
        name = info.orig_filename.removesuffix("/")  # the other one ends at a NUL
        _check_entry(info, name)
        if name in seen:
            raise BadArchive(f"Two entries of the zip are called {name[:100]!r}.")
        seen.add(name)
        total += info.file_size
        if not info.is_dir() and info.filename.startswith(root):
            found[info.filename.removeprefix(root)] = info
    most = int(settings.MODEL_MAX_BYTES)
    if total > most:
        raise BadArchive(f"The zip unpacks to {total:,} bytes; {most:,} is the most.")
    if total > max(RATIO_FREE, RATIO_MOST * packed):
        raise BadArchive(
            f"The zip of {packed:,} bytes unpacks to {total:,}: more than {RATIO_MOST} times as "
            "many."
        )
    return found


def _check_entry(info: zipfile.ZipInfo, name: str) -> None:
    try:
        check_path(name)
    except BadSource as error:
        raise BadArchive(f"The zip has an entry that no folder has: {error.message}") from None
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
        what = "a link" if kind == stat.S_IFLNK else "neither a file nor a folder"
        raise BadArchive(f"{name[:100]!r} in the zip is {what}.")
    if info.flag_bits & 0x1:
        raise BadArchive(f"{name[:100]!r} in the zip is encrypted.")
    if info.compress_type not in METHODS:
        raise BadArchive(f"{name[:100]!r} in the zip is packed in a way that is not taken here.")
