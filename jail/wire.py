"""Frames between the jail and those who use it: a JSON head and raw blobs, never a pickle.

A frame is a little-endian u32 (length of the head), the head (a JSON object whose `blobs` lists
the byte lengths of what follows) and the blobs. Both ends cap what they accept, because the other
end may be a model that has taken over its process. Only `read` and `write` are needed, which is
all that a confined child may call.
"""

from __future__ import annotations

import io
import json
import os
import socket
import struct
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

Head = dict[str, Any]
Blob = bytes | bytearray | memoryview

MAX_HEAD = 4 << 20
"""Bytes of JSON in one frame; a signature of 20,000 features is about 1.5 MB."""
MAX_BLOBS = 25_000
"""Blobs in one frame: one per column of a batch in the layout `columns`, and some."""
SMALL_FRAME = 256 << 10
"""Frames up to this many bytes are joined and written at once; larger blobs are not copied."""
MAX_SOCKET_PATH = 100
"""`sun_path` holds 108 bytes on Linux; longer paths are reached through a descriptor."""


class WireError(Exception):
    """What came is no frame, or a larger one than was agreed."""


class Closed(WireError):
    """The other end is gone."""


class Late(WireError):
    """Nothing complete came before the deadline."""


class Stream(Protocol):
    """Where frames come from and go to."""

    def readinto(self, into: memoryview) -> int:
        """Fill some of `into`; how many bytes, 0 when the other end is gone."""

    def write(self, data: Blob) -> int:
        """Write some of `data`; how many bytes."""


class SocketStream:
    """A connected stream socket with a deadline (seconds of `time.monotonic`, None for never)."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.deadline: float | None = None

    def _arm(self) -> None:
        if self.deadline is None:
            self.sock.settimeout(None)
            return
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise Late("the deadline passed")
        self.sock.settimeout(left)

    def readinto(self, into: memoryview) -> int:
        """Bytes read into `into`; 0 once the other end is gone. Raises Late."""
        self._arm()
        try:
            return self.sock.recv_into(into)
        except TimeoutError:
            raise Late("the deadline passed") from None
        except ConnectionError:
            return 0

    def write(self, data: Blob) -> int:
        """Bytes of `data` that were taken. Raises Late, Closed."""
        self._arm()
        try:
            return self.sock.send(data)
        except TimeoutError:
            raise Late("the deadline passed") from None
        except ConnectionError as error:
            raise Closed(str(error)) from None


class DescriptorStream:
    """A descriptor used by `read` and `write` alone: the side inside the jail."""

    def __init__(self, descriptor: int) -> None:
        self.raw = io.FileIO(descriptor, "r+b", closefd=False)

    def readinto(self, into: memoryview) -> int:
        """Bytes read into `into`; 0 once the other end is gone."""
        return self.raw.readinto(into) or 0

    def write(self, data: Blob) -> int:
        """Bytes of `data` that were taken. Raises BrokenPipeError."""
        return self.raw.write(data) or 0


def _write_all(stream: Stream, data: Blob) -> None:
    view = memoryview(data).cast("B")
    while view.nbytes:
        view = view[stream.write(view) :]


def _read_exactly(stream: Stream, size: int) -> bytearray:
    data = bytearray(size)
    view = memoryview(data)
    while view.nbytes:
        got = stream.readinto(view)
        if not got:
            raise Closed("the other end closed the connection")
        view = view[got:]
    return data


def send(stream: Stream, head: Head, blobs: Sequence[Blob] = ()) -> None:
    """Write one frame. Raises ValueError for a head that is not plain JSON, Closed, Late."""
    views = [memoryview(blob).cast("B") for blob in blobs]
    framed = {**head, "blobs": [view.nbytes for view in views]}
    text = json.dumps(framed, allow_nan=False, separators=(",", ":")).encode("ascii")
    if len(text) > MAX_HEAD:
        raise ValueError(f"a frame's head is {len(text)} bytes; {MAX_HEAD} is the most")
    prefix = struct.pack("<I", len(text)) + text
    if len(prefix) + sum(view.nbytes for view in views) <= SMALL_FRAME:
        _write_all(stream, b"".join([prefix, *views]))
        return
    _write_all(stream, prefix)
    for view in views:
        _write_all(stream, view)


def _no_constant(name: str) -> None:
    raise WireError(f"{name} is not JSON")


def _parse_head(text: bytes | bytearray) -> Head:
    try:
        head = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise WireError("a frame's head is not JSON") from None
    if not isinstance(head, dict):
        raise WireError("a frame's head is not an object")
    return head


def _blob_sizes(head: Head, limit: int) -> list[int]:
    sizes = head.pop("blobs", None)
    if not isinstance(sizes, list) or len(sizes) > MAX_BLOBS:
        raise WireError("a frame does not say how long its blobs are")
    if not all(type(size) is int and size >= 0 for size in sizes):
        raise WireError("a frame's blob has no proper length")
    if sum(sizes) > limit:
        raise WireError(f"a frame of {sum(sizes)} bytes; {limit} is the most")
    return sizes


def receive(stream: Stream, *, limit: int) -> tuple[Head, list[bytearray]]:
    """Read one frame whose blobs hold at most `limit` bytes. Raises WireError, Closed, Late."""
    (size,) = struct.unpack("<I", _read_exactly(stream, 4))
    if size > MAX_HEAD:
        raise WireError(f"a frame's head of {size} bytes; {MAX_HEAD} is the most")
    head = _parse_head(_read_exactly(stream, size))
    return head, [_read_exactly(stream, size) for size in _blob_sizes(head, limit)]


@contextmanager
def socket_address(path: str) -> Iterator[str]:
    """`path`, or a short name for the same socket where `sun_path` has no room for it."""
    if len(os.fsencode(path)) <= MAX_SOCKET_PATH:
        yield path
        return
    where = Path(path)
    folder = os.open(where.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{where.name}"
    finally:
        os.close(folder)
