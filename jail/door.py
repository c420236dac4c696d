"""The daemon's front door: its socket, and who and what may come in."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jail.limits import MAX_FILE
from jail.wire import Head, socket_address

BACKLOG = 128


class InUse(Exception):
    """Another jail already listens there."""


@contextmanager
def claim(path: str) -> Iterator[None]:
    """Own the socket's path while in here; a socket that a dead daemon left does not count.

    Raises InUse while another daemon lives: it holds a lock that ends with it.
    """
    socket_path = Path(path)
    socket_path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock_path = socket_path.with_name(socket_path.name + ".lock")
    lock = os.open(lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InUse(f"another jail already listens at {path}") from None
        socket_path.unlink(missing_ok=True)
        try:
            yield
        finally:
            socket_path.unlink(missing_ok=True)
    finally:
        os.close(lock)


def listen(path: str) -> socket.socket:
    """A listening socket at `path` that only its owner can reach."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    before = os.umask(0o177)
    try:
        with socket_address(path) as address:
            listener.bind(address)
    finally:
        os.umask(before)
    listener.listen(BACKLOG)
    listener.setblocking(False)
    return listener


def same_user(client: socket.socket) -> bool:
    """Whether the other end runs as this daemon's user, or as root."""
    credentials = client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, uid, _ = struct.unpack("3i", credentials)
    return uid in {os.geteuid(), 0}


def readable_size(descriptor: int) -> int | None:
    """Bytes of a regular file that is open for reading alone; None for anything else."""
    facts = os.fstat(descriptor)
    mode = fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE
    if not stat.S_ISREG(facts.st_mode) or mode != os.O_RDONLY or facts.st_size > MAX_FILE:
        return None
    return facts.st_size


def parse(data: bytes) -> Head:
    """A client's message; an empty one where it is no JSON object."""
    try:
        message = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return message if isinstance(message, dict) else {}
