"""The bytes of a file behind a limit: plain, or inflated no further than a bomb would need.

Nothing here trusts a length found in a file: whoever wants n bytes is told at once when fewer are
left, before anything is allocated for them.
"""

from __future__ import annotations

import bz2
import io
import lzma
import zlib
from typing import Any, BinaryIO, Protocol

from jail.refusal import Refused

CHUNK = 1 << 20
MAX_RATIO = 100
"""How many bytes one compressed byte may become (security rule for uploads)."""
FREE_BYTES = 64 << 20
"""Bytes that may come out whatever the ratio: a small model of zeros is no bomb."""
MAX_INFLATED = 16 << 30
LZMA_MEMORY = 256 << 20

PREFIXES = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bz2",
    b"\xfd7zXZ": "xz",
    b"\x5d\x00": "lzma",
    b"\x04\x22\x4d\x18": "lz4",
}


def compression_of(head: bytes) -> str | None:
    """Which of joblib's compressions the first bytes announce: zlib, gzip, bz2, xz, lzma, lz4."""
    for prefix, name in PREFIXES.items():
        if head.startswith(prefix):
            return name
    # RFC 1950: deflate, a 32 KB window, no preset dictionary, one of four levels.
    return "zlib" if head[:2] in {b"x\x01", b"x\x5e", b"x\x9c", b"x\xda"} else None


def truncated() -> Refused:
    """What to say when a file ends too early."""
    return Refused("The file ends before the model does: it is cut off or damaged.", "truncated")


class Decompressor(Protocol):
    """What zlib, bz2 and lzma have in common once wrapped."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def step(self, data: bytes, limit: int) -> bytes: ...


class _Zlib:
    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=47)  # 32 + 15: zlib or gzip by header

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def step(self, data: bytes, limit: int) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + data, limit)

    @property
    def hungry(self) -> bool:
        return not self._inner.unconsumed_tail


class _Other:
    def __init__(self, inner: Any) -> None:
        self._inner = inner

    @property
    def eof(self) -> bool:
        return bool(self._inner.eof)

    @property
    def unused_data(self) -> bytes:
        return bytes(self._inner.unused_data)

    def step(self, data: bytes, limit: int) -> bytes:
        return bytes(self._inner.decompress(data, limit))

    @property
    def hungry(self) -> bool:
        return bool(self._inner.needs_input)


def _decompressor(kind: str) -> _Zlib | _Other:
    if kind in {"zlib", "gzip"}:
        return _Zlib()
    if kind == "bz2":
        return _Other(bz2.BZ2Decompressor())
    if kind == "xz":
        return _Other(lzma.LZMADecompressor(lzma.FORMAT_XZ, LZMA_MEMORY))
    if kind == "lzma":
        return _Other(lzma.LZMADecompressor(lzma.FORMAT_ALONE, LZMA_MEMORY))
    raise Refused(
        f"The file is compressed with {kind}, which this server does not read; "
        "save it again with compress='zlib' or without compression.",
        "unsupported_compression",
    )


class Inflating(io.RawIOBase):
    """Decompresses as it is read and stops at the ratio or the cap. Raises Refused."""

    def __init__(self, file: BinaryIO, kind: str) -> None:
        super().__init__()
        self._file = file
        self._kind = kind
        self._inner = _decompressor(kind)
        self._consumed = 0
        self._produced = 0

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill up to `buffer`; 0 at the end of the compressed stream."""
        view = memoryview(buffer).cast("B")
        data = b""
        while not data and not self._inner.eof:
            data = self._step(len(view))
        view[: len(data)] = data
        return len(data)

    def _step(self, limit: int) -> bytes:
        fed = b""
        if self._inner.hungry:
            fed = self._file.read(CHUNK)
            if not fed:
                raise truncated()
            self._consumed += len(fed)
        try:
            data = self._inner.step(fed, limit)
        except (zlib.error, lzma.LZMAError, OSError, EOFError, ValueError) as error:
            raise Refused(
                f"The {self._kind} compression of the file is damaged: {error}.", "damaged"
            ) from None
        self._produced += len(data)
        if self._produced > min(MAX_INFLATED, max(FREE_BYTES, MAX_RATIO * self._consumed)):
            raise _bomb()
        return data

    def finish(self) -> None:
        """Refuse bytes behind the compressed stream."""
        if not self._inner.eof or self._inner.unused_data or self._file.read(1):
            raise trailing()


def _bomb() -> Refused:
    return Refused(
        f"The file unpacks to more than {MAX_RATIO} times its size: a decompression bomb.",
        "decompression_bomb",
    )


def trailing() -> Refused:
    """What to say when something follows the model."""
    return Refused(
        "Bytes follow the end of the model; a file must hold one model and nothing else.",
        "trailing_bytes",
    )


class Source:
    """Reads exactly what is asked for or raises Refused; `left` bounds what can still come."""

    def __init__(self, file: BinaryIO, left: int, inflating: Inflating | None = None) -> None:
        self._file = file
        self._inflating = inflating
        self.left = left

    def read(self, size: int) -> bytes:
        """`size` bytes, never fewer."""
        if size > self.left:
            raise self._too_much()
        data = self._file.read(size)
        if len(data) != size:
            raise truncated()
        self.left -= size
        return data

    def readinto(self, buffer: Any) -> int:
        """Fill all of `buffer` without a copy."""
        view = memoryview(buffer).cast("B")
        if len(view) > self.left:
            raise self._too_much()
        done = 0
        while done < len(view):
            count = self._file.readinto(view[done:])  # type: ignore[attr-defined]
            if not count:
                raise truncated()
            done += count
        self.left -= done
        return done

    def skip(self, size: int) -> None:
        """Pass over `size` bytes."""
        self.check(size)
        if self._inflating is None and self._file.seekable():
            self._file.seek(size, 1)
            self.left -= size
            return
        while size:
            size -= len(self.read(min(size, CHUNK)))

    def readline(self) -> bytes:
        """Up to and including a newline."""
        line = self._file.readline(self.left + 1)
        if not line.endswith(b"\n"):
            raise truncated()
        self.left -= len(line)
        return line

    def check(self, size: int) -> None:
        """Raises Refused unless `size` more bytes can come."""
        if size > self.left:
            raise self._too_much()

    def finish(self) -> None:
        """Raises Refused when anything is left to read."""
        if self._file.read(1):
            raise trailing()
        if self._inflating is not None:
            self._inflating.finish()

    def _too_much(self) -> Refused:
        return truncated() if self._inflating is None else _bomb()


def open_source(file: BinaryIO, size: int) -> Source:
    """The pickle stream in `file` (`size` bytes, read from its start), inflated if need be."""
    file.seek(0)
    kind = compression_of(file.read(16))
    file.seek(0)
    if kind is None:
        return Source(file, size)
    inflating = Inflating(file, kind)
    limit = min(MAX_INFLATED, max(FREE_BYTES, MAX_RATIO * size))
    return Source(io.BufferedReader(inflating, CHUNK), limit, inflating)
