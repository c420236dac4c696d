"""Which processes an installation has, and what each is given."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from config.program import Program
from config.supervisor import commands

BASE_DIR = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True, slots=True)
class Installation:
    """One home with its address; how many processes serve, and how many send webhooks."""

    home: Path
    host: str
    port: int
    grpc_port: int
    workers: int
    threads: int
    senders: int
    bulk_processes: int
    jail_socket: Path

    @property
    def url(self) -> str:
        """Where this machine reaches the web process."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.host, self.host)  # noqa: S104
        return f"http://{host}:{self.port}"

    def web(self) -> Program:
        argv = commands.web(
            host=self.host, port=self.port, workers=self.workers, threads=self.threads
        )
        return self._program("web", argv, {"SLIPWAY_ROLE": "web", **commands.WEB_ENVIRONMENT})

    def grpc(self) -> Program:
        return self._program(
            "grpc", commands.grpc(), {"SLIPWAY_ROLE": "web", **commands.WEB_ENVIRONMENT}
        )

    def worker(self) -> Program:
        extra = {"SLIPWAY_ROLE": "worker", **commands.WORKER_ENVIRONMENT}
        return self._program("worker", commands.worker(), extra)

    def webhooks(self) -> Program:
        extra = {"SLIPWAY_ROLE": "worker", **commands.WORKER_ENVIRONMENT}
        argv = commands.webhooks(processes=self.senders)
        return self._program("webhooks", argv, extra)

    def bulk(self) -> Program:
        extra = {"SLIPWAY_ROLE": "worker", **commands.WORKER_ENVIRONMENT}
        return self._program("bulk", commands.bulk(processes=self.bulk_processes), extra)

    def beat(self) -> Program:
        schedule = str(self.home / "run" / "beat-schedule")
        return self._program("beat", commands.beat(schedule=schedule), {"SLIPWAY_ROLE": "beat"})

    def migrate(self) -> Program:
        return self._program("migrate", commands.migrate(), {})

    def load_demo(self) -> Program:
        return self._program("demo", commands.load_demo(), {})

    def jail(self) -> Program:
        return Program(
            name="jail",
            argv=(sys.executable, *commands.jail(socket=str(self.jail_socket))),
            env=commands.JAIL_ENVIRONMENT,
            folder=BASE_DIR,
        )

    def _program(self, name: str, argv: tuple[str, ...], extra: Mapping[str, str]) -> Program:
        env = {
            **os.environ,
            "SLIPWAY_HOME": str(self.home),
            "ORT_DISABLE_TELEMETRY": "1",
            "PYTHONUNBUFFERED": "1",
            **extra,
        }
        return Program(name=name, argv=(sys.executable, *argv), env=env, folder=BASE_DIR)


def migrations_digest() -> str:
    """SHA-256 over every installed app's migration files, and over the roles' rights."""
    from django.apps import apps

    whole = hashlib.sha256((BASE_DIR / "config" / "roles.py").read_bytes())
    for app in sorted(apps.get_app_configs(), key=lambda one: one.label):
        for file in sorted(Path(app.path, "migrations").glob("*.py")):
            whole.update(f"{app.label}/{file.name}\0".encode())
            whole.update(hashlib.sha256(file.read_bytes()).digest())
    return whole.hexdigest()
