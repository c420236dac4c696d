"""Running the self-test: one fresh child per hostile action, by the same way as any client."""

from __future__ import annotations

import json
import select
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jail.selftest import ACTIONS, Verdict
from jail.wire import Closed, Late, SocketStream, WireError, receive, send

PATIENCE = 10.0
"""Seconds for one action."""
MAX_MESSAGE = 64 << 10


class Silence(Exception):
    """Nothing came in time."""


def run(
    verdict: Verdict, connect: Callable[[], socket.socket], turn: Callable[[], None], canary: str
) -> None:
    """Attempt every action. `turn` gives the daemon's loop, which this very thread runs, a go."""
    for action in ACTIONS:
        control = connect()
        try:
            reply, ended_by = _attempt(control, turn, action, canary)
            verdict.record(action, reply, ended_by)
        except Silence:
            verdict.record(action, None, None)
        finally:
            control.close()
        if Path(canary).exists():
            Path(canary).unlink()
            verdict.record(action, {"held": False, "detail": "a file was written"}, None)


def _await(sock: socket.socket, turn: Callable[[], None]) -> None:
    until = time.monotonic() + PATIENCE
    while not select.select([sock], [], [], 0)[0]:
        if time.monotonic() > until:
            raise Silence
        turn()


def _attempt(
    control: socket.socket, turn: Callable[[], None], action: str, canary: str
) -> tuple[dict[str, Any] | None, str | None]:
    control.send(json.dumps({"op": "job", "job": "selftest", "zygote": "sklearn"}).encode())
    _await(control, turn)
    _, descriptors, _, _ = socket.recv_fds(control, MAX_MESSAGE, 1)
    if not descriptors:
        raise Silence
    with socket.socket(fileno=descriptors[0]) as sock:
        stream = SocketStream(sock)
        stream.deadline = time.monotonic() + PATIENCE
        try:
            send(stream, {"action": action, "canary": canary})
            _await(sock, turn)
            reply, _ = receive(stream, limit=0)
        except Closed:
            _await(control, turn)
            return None, json.loads(control.recv(MAX_MESSAGE) or b"{}").get("signal")
        except (Late, WireError):
            return None, None
    return reply, None
