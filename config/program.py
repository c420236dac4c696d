"""One program run as a child on a leash: how it is started, asked to end, and made to."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from config.process import Identity, child_setup


@dataclass(frozen=True, slots=True)
class Program:
    """What to run. It gets exactly `env`, `given` on its standard input, and a session of its own.

    `stop_signal` asks it to end; `death_signal` is what it gets when this process dies.
    """

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    stop_signal: int = signal.SIGTERM
    death_signal: int = signal.SIGKILL
    identity: Identity | None = None
    given: bytes = b""
    folder: Path | None = field(default=None)

    def start(self, log: Path) -> subprocess.Popen[bytes]:
        """Start it with its output appended to the log file (0600). From the main thread only."""
        descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        setup = child_setup(parent=os.getpid(), number=self.death_signal, identity=self.identity)
        try:
            process = subprocess.Popen(
                self.argv,
                env=dict(self.env),
                stdin=subprocess.PIPE if self.given else subprocess.DEVNULL,
                stdout=descriptor,
                stderr=descriptor,
                cwd=self.folder,
                preexec_fn=setup,  # noqa: PLW1509  this process has one thread
            )
        finally:
            os.close(descriptor)
        if process.stdin is not None:
            with contextlib.suppress(BrokenPipeError), process.stdin as pipe:
                pipe.write(self.given)
        return process


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill the program and whatever it left in its session's process group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def stop(process: subprocess.Popen[bytes], number: int, *, patience: float) -> bool:
    """Ask with `number`, wait up to `patience` seconds, then kill; True when it went by itself."""
    if process.poll() is None:
        process.send_signal(number)
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        kill_group(process)
        process.wait()
        return False
    kill_group(process)
    return True


def tail(log: Path, lines: int = 15) -> str:
    """The last lines of a log, for an error message."""
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return ""


def wait_until(
    ready: Callable[[], bool], process: subprocess.Popen[bytes], *, patience: float
) -> bool:
    """Poll `ready()` until true; False when the process ended or `patience` seconds passed."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if ready():
            return True
        if process.poll() is not None:
            return False
        time.sleep(0.02)
    return False
