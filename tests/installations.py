"""A whole installation as a test sees it: `manage.py up` in a home of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import requests

from config import private
from config.embedded.ports import free_port
from config.process import start_time

ROOT = Path(__file__).resolve().parent.parent
# What would make an installation use the test session's own servers and home.
OURS = re.compile(r"^(DATABASE_URL|REDIS_URL|CELERY_BROKER_URL|SLIPWAY_|SECRET_KEY|PORT$|HOST$)")
PATIENCE = 120.0

# One process for ever: pid and start time.
Process = tuple[int, int]


class Installation:
    """`manage.py up` below `home`; `start()` returns when it has printed its greeting."""

    def __init__(
        self, home: Path, *, port: int | None = None, python: str = sys.executable, **popen: Any
    ) -> None:
        self.home = home
        self.port = port or free_port()
        self.python = python
        self.popen = popen
        self.output = home.parent / f"{home.name}.out"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def said(self) -> str:
        return self.output.read_text()

    @property
    def demo(self) -> dict[str, Any]:
        return private.read_json(self.home / "demo.json")

    def launch(self, extra: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
        env = {name: value for name, value in os.environ.items() if not OURS.match(name)}
        env |= {"SLIPWAY_HOME": str(self.home), "PORT": str(self.port), **(extra or {})}
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                [self.python, "manage.py", "up"],
                cwd=ROOT,
                env=env,
                stdout=output,
                stderr=output,
                start_new_session=True,
                **self.popen,
            )
        return self.process

    def start(self) -> None:
        before = self.said.count("Slipway is live") if self.output.exists() else 0
        process = self.launch()
        wait_for(lambda: self.said.count("Slipway is live") > before or process.poll() is not None)
        assert process.poll() is None, self.said

    def predict(self) -> requests.Response:
        return requests.post(
            f"{self.url}/api/v1/models/{self.demo['model']}/predict",
            json={"inputs": [[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]]},
            headers={"Authorization": f"Bearer {self.demo['api_key']}"},
            timeout=10,
        )

    def answers(self) -> bool:
        try:
            return requests.get(f"{self.url}/ready", timeout=2).ok
        except (requests.ConnectionError, requests.Timeout):
            return False

    def pid_of(self, argument: str) -> int:
        """The supervisor's own child with that word in its command line."""
        assert self.process is not None
        for pid in children_of(self.process.pid):
            if argument in command_of(pid):
                return pid
        raise AssertionError(f"{argument} is not running")

    def family(self) -> set[Process]:
        """The supervisor and everything that descends from it."""
        assert self.process is not None
        found: set[Process] = set()
        waiting = [self.process.pid]
        while waiting:
            pid = waiting.pop()
            started = start_time(pid)
            if started is not None:
                found.add((pid, started))
                waiting += children_of(pid)
        return found

    def stop(self) -> None:
        """End it, whatever state it is in."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def children_of(pid: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue  # gone between the listing and the look
            if int(stat.rpartition(")")[2].split()[1]) == pid:
                found.append(int(entry.name))
    return found


def command_of(pid: int) -> list[str]:
    """The words of a process's command line; none once it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    except FileNotFoundError:
        return []


def alive(family: set[Process]) -> list[str]:
    """The command lines of those that still live."""
    return [
        Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
        for pid, started in family
        if start_time(pid) == started
    ]


def wait_for(condition: Callable[[], bool], patience: float = PATIENCE) -> None:
    """Wait until the condition holds.

    Raises:
        TimeoutError: it did not within `patience` seconds.
    """
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.05)
