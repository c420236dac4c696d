"""PostgreSQL and Valkey for one test session, started before Django's settings are read.

Loaded by `-p tests.servers` in pytest.ini. Servers named by DATABASE_URL and REDIS_URL are used
instead. Every session has a home of its own, so that two at once never meet; with `-n 2` there are
two, and the process that hands out their tests needs no servers.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import ExitStack
from pathlib import Path

import pytest

from config import private
from config.embedded.postgres import Postgres
from config.embedded.valkey import Valkey
from config.process import server_identity
from config.program import stop, tail, wait_until

FOLDERS = ("pg", "valkey", "files", "quarantine", "journal", "run", "log")

_started = ExitStack()


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None, None, None]:
    """Start first: a wrapper runs before pytest-django's hook reads the settings."""
    options = early_config.known_args_namespace
    no_tests = any(getattr(options, name, None) for name in ("help", "version", "numprocesses"))
    if not no_tests or "PYTEST_XDIST_WORKER" in os.environ:
        _start()
    return (yield)


def pytest_unconfigure() -> None:
    _started.close()


def _start() -> None:
    home = Path(tempfile.mkdtemp(prefix="slipway-tests-"))
    _started.callback(shutil.rmtree, home, ignore_errors=True)
    for name in FOLDERS:
        private.folder(home / name)
    # One key for this process and for the workers that tests start.
    private.write(home / "secret_key", secrets.token_urlsafe(48))
    os.environ["SLIPWAY_HOME"] = str(home)
    identity = server_identity()
    servers: list[tuple[str, Postgres | Valkey]] = []
    if not (os.environ.get("DATABASE_URL") or os.environ.get("DATABASE_URL_FILE")):
        servers.append(
            (
                "DATABASE_URL",
                Postgres(home / "pg", identity, throwaway=True, create_databases=True),
            )
        )
    if not (os.environ.get("REDIS_URL") or os.environ.get("REDIS_URL_FILE")):
        servers.append(("REDIS_URL", Valkey(home / "valkey", identity, throwaway=True)))
    running = [_launch(server) for _, server in servers]
    for (variable, server), process in zip(servers, running, strict=True):
        _await(server, process)
        # Tests make databases and tables: they work as the owner. Its grants have a test.
        url = server.owner_url if isinstance(server, Postgres) else server.url
        os.environ[variable] = url


def _await(server: Postgres | Valkey, process: subprocess.Popen[bytes]) -> None:
    """Wait until it answers; start again where another session was faster at taking the port."""
    for _ in range(3):
        if wait_until(server.is_ready, process, patience=60):
            return
        process = _launch(server)
    raise pytest.UsageError(f"{server.name} did not start:\n{tail(_log(server))}")


def _log(server: Postgres | Valkey) -> Path:
    return server.folder.parent / "log" / f"{server.name}.log"


def _launch(server: Postgres | Valkey) -> subprocess.Popen[bytes]:
    server.prepare()
    process = server.program.start(_log(server))
    # Nothing in it is worth a clean end.
    number = signal.SIGQUIT if server.name == "postgres" else signal.SIGKILL
    _started.callback(stop, process, number, patience=5)
    return process
