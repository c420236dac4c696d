"""Ports on the loopback: free ones, kept between starts so that a tool's bookmark stays true."""

from __future__ import annotations

import socket
from pathlib import Path

LOOPBACK = "127.0.0.1"


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """Whether nobody listens there. SO_REUSEADDR, because a closed connection is no listener."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
    return port


def remembered_port(note: Path) -> int:
    """The port noted in the file if it is still free, else a new one, noted for the next start."""
    try:
        port = int(note.read_text())
    except (OSError, ValueError):
        port = 0
    if not (0 < port < 65536 and is_free(port)):
        port = free_port()
    note.write_text(str(port))
    return port
