"""The real jail, for tests that need one. Loaded by `-p tests.stack` in pytest.ini."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

ROOT = Path(__file__).resolve().parent.parent
START_WITHIN = 60.0  # seconds; both zygotes import their libraries


@pytest.fixture(scope="session")
def jail_socket() -> Iterator[str]:
    """A running jail daemon's socket, one for the whole session."""
    from common.jail import Jail, JailUnavailable

    with tempfile.TemporaryDirectory(prefix="slipway-jail-") as folder:
        socket = str(Path(folder) / "jail.sock")
        daemon = subprocess.Popen([sys.executable, "-m", "jail", "--socket", socket], cwd=ROOT)
        try:
            deadline = time.monotonic() + START_WITHIN
            while True:
                try:
                    Jail(socket).status()
                    break
                except JailUnavailable:
                    if daemon.poll() is not None or time.monotonic() > deadline:
                        raise
                    time.sleep(0.1)
            yield socket
        finally:
            daemon.terminate()
            daemon.wait(timeout=10)


@pytest.fixture
def jail(jail_socket: str, settings: Settings) -> Iterator[str]:
    """The settings point at the running jail; models loaded by the test are let go after it."""
    from inference.engine import engine

    settings.JAIL_SOCKET = jail_socket
    yield jail_socket
    engine().clear()
