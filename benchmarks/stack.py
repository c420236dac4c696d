"""A Slipway of its own for a benchmark: `manage.py up` in a fresh home, on a free port."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import requests

from benchmarks.clusters import seed
from inference.journal.reader import walk
from inference.journal.writer import SUFFIX, seed_of

ROOT = Path(__file__).resolve().parent.parent


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@dataclass
class Stack:
    """A Slipway in a home of its own. `demo` is its demo.json."""

    home: Path
    port: int = field(default_factory=free_port)
    environment: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def demo(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.home / "demo.json").read_text())
        return found

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.demo['api_key']}"}

    def start(self) -> float:
        """Start it; returns the seconds until the demo model answered its first prediction."""
        began = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "up"],
            cwd=ROOT,
            env={
                **_clean_environment(),
                "SLIPWAY_HOME": str(self.home),
                "PORT": str(self.port),
                **self.environment,
            },
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while True:
            try:
                if self.predict_demo().status_code == 200:
                    return time.monotonic() - began
            except (OSError, KeyError, ValueError):
                pass  # not up yet
            if self.process.poll() is not None or time.monotonic() - began > 120:
                raise RuntimeError("Slipway did not come up; see its log folder.")
            time.sleep(0.02)

    def predict_demo(self) -> requests.Response:
        """One prediction of the demo model."""
        path = f"{self.url}/api/v1/models/{self.demo['model']}"
        return requests.post(
            f"{path}/predict",
            json={"inputs": [[5.1, 3.5, 1.4, 0.2]]},
            headers=self.headers,
            timeout=10,
        )

    def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(timeout=15)
            self.process = None

    def upload(self, path: Path, name: str) -> dict[str, Any]:
        """Upload a file and wait until its version is finished; returns the version.

        Raises requests.HTTPError where the file is refused, or the server is too busy to take it.
        """
        with path.open("rb") as file:
            response = requests.post(
                f"{self.url}/api/v1/models",
                files={"file": (path.name, file)},
                data={"name": name},
                headers=self.headers,
                timeout=300,
            )
        response.raise_for_status()
        location = self.url + response.headers["Location"]
        while True:
            asked = requests.get(location, headers=self.headers, timeout=10)
            if asked.status_code == 503:  # too busy; it says when to come again
                time.sleep(float(asked.headers["Retry-After"]))
                continue
            version: dict[str, Any] = asked.json()
            if version["state"] != "scanning":
                return version
            time.sleep(0.02)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Ask its database."""
        servers = json.loads((self.home / "run" / "servers.json").read_text())
        with psycopg.connect(servers["database_url"], connect_timeout=5) as database:
            return database.execute(sql.encode()).fetchall()

    def drained(self, *, within: float = 60.0) -> float:
        """Wait until the journal's calls are all in the database; returns the seconds it took."""
        began = time.monotonic()
        while not self._is_drained():
            if time.monotonic() - began > within:
                raise RuntimeError(f"The journal is not drained after {within:g} s.")
            time.sleep(0.1)
        return time.monotonic() - began

    def _is_drained(self) -> bool:
        """Whether every segment is stored up to its last whole record.

        Bytes are summed: a batch whose worker was killed is stored after those that follow it.
        """
        stored = dict(
            self.query(
                'SELECT segment, sum("end" - "offset") FROM inference_journalbatch GROUP BY segment'
            )
        )
        for path in (self.home / "journal").glob(f"*{SUFFIX}"):
            try:
                data = path.read_bytes()
            except FileNotFoundError:
                continue  # stored meanwhile, and deleted
            written = walk(data, seed_of(path.name), most=len(data), finished=False).end
            if written > stored.get(path.name, 0):
                return False
        return True

    def web_processes(self) -> dict[int, int]:
        """The web processes' resident bytes by process id."""
        found: dict[int, int] = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                command = (folder / "cmdline").read_bytes()
                environ = (folder / "environ").read_bytes()
                pages = int((folder / "statm").read_text().split()[1])
            except OSError:
                continue
            if b"granian" in command and str(self.home).encode() in environ:
                found[int(folder.name)] = pages * os.sysconf("SC_PAGE_SIZE")
        return found


def _clean_environment() -> dict[str, str]:
    servers = {"DATABASE_URL", "REDIS_URL", "CELERY_BROKER_URL", "SECRET_KEY"}
    return {name: value for name, value in os.environ.items() if name not in servers}


@contextmanager
def running(**environment: str) -> Iterator[Stack]:
    """A started Slipway in a temporary home, stopped and deleted afterwards."""
    with tempfile.TemporaryDirectory(prefix="slipway-bench-") as folder:
        stack = Stack(Path(folder) / "home", environment=environment)
        seed(stack.home)
        try:
            stack.start()
            yield stack
        finally:
            stack.stop()
