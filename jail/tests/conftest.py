"""Real daemons on temporary sockets, and the means to end them roughly."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from common.jail import Jail, JailUnavailable

ROOT = Path(__file__).resolve().parents[2]
NOBODY = 65534

BECOME_NOBODY = """
import ctypes, os, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.prctl(8, 1, 0, 0, 0)  # keep capabilities across the change of user
os.setgroups([]); os.setresgid(65534, 65534, 65534); os.setresuid(65534, 65534, 65534)
# Reading anywhere is all it keeps, for an interpreter that lives in a private folder.
bit = 1 << 2
libc.capset(struct.pack("<Ii", 0x20080522, 0), struct.pack("<IIIIII", bit, bit, bit, 0, 0, 0))
libc.prctl(47, 2, 2, 0, 0)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


@dataclass
class RunningJail:
    """A daemon that was started for a test."""

    process: subprocess.Popen[bytes]
    socket: str
    client: Jail

    def family(self) -> set[int]:
        """The daemon, its zygotes and all their children."""
        return {self.process.pid} | descendants(self.process.pid)

    def stop(self) -> None:
        """End it in the ordinary way."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=10)


def descendants(pid: int) -> set[int]:
    """Every process below `pid` that is alive."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            parents[int(entry.name)] = parent_of(int(entry.name))
    found: set[int] = set()
    while True:
        more = {p for p, parent in parents.items() if parent in found | {pid}} - found
        if not more:
            return found
        found |= more


def parent_of(pid: int) -> int:
    """The parent's process id; 0 for the dead."""
    try:
        stat = (Path("/proc") / str(pid) / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    state, parent = stat.rpartition(")")[2].split()[:2]
    return 0 if state == "Z" else int(parent)


def is_gone(pid: int) -> bool:
    """Whether no such process runs any more (a zombie does not run)."""
    return parent_of(pid) == 0


def eventually(holds: Callable[[], bool], seconds: float = 15.0) -> bool:
    """Wait for something that happens elsewhere."""
    until = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def launch(
    folder: Path, *flags: str, prefix: tuple[str, ...] = (), name: str = "jail.sock"
) -> RunningJail:
    """Start a daemon and wait until it takes connections."""
    path = str(folder / name)
    command = [*prefix, "-m", "jail", "--socket", path, *flags]
    process = subprocess.Popen([sys.executable, *command], cwd=ROOT)
    jail = RunningJail(process, path, Jail(path, patience=20))
    if not eventually(lambda: is_ready(jail) or process.poll() is not None, 60):
        process.kill()
    if process.poll() is not None:
        pytest.fail(f"the daemon did not start: {process.poll()}")
    return jail


def is_ready(jail: RunningJail) -> bool:
    """Whether the daemon answers."""
    try:
        jail.client.status()
    except JailUnavailable:
        return False
    return True


def as_nobody() -> tuple[str, ...]:
    """Interpreter arguments that go on as an unprivileged user."""
    return ("-c", BECOME_NOBODY)


@pytest.fixture(scope="session")
def running_jail() -> Iterator[RunningJail]:
    """One daemon for all the tests that leave it in peace. Its time limits are short."""
    with tempfile.TemporaryDirectory() as folder:
        jail = launch(Path(folder), "--time-factor", "0.3")
        yield jail
        jail.stop()


@pytest.fixture(scope="session")
def jail(running_jail: RunningJail) -> Jail:
    """The client of the shared daemon."""
    return running_jail.client


@pytest.fixture
def own_jail(tmp_path: Path) -> Iterator[RunningJail]:
    """A daemon that the test may kill."""
    jail = launch(tmp_path)
    yield jail
    jail.stop()


@pytest.fixture
def any_file(tmp_path: Path) -> Iterator[int]:
    """A descriptor of a small file that is no model."""
    path = tmp_path / "file.bin"
    path.write_bytes(b"nothing in particular")
    with path.open("rb") as file:
        yield file.fileno()
