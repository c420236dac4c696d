"""PostgreSQL and Valkey under the supervisor, and the note by which every process finds them."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

from config import private
from config.embedded.postgres import Postgres
from config.embedded.valkey import Valkey
from config.process import server_identity
from config.program import tail
from config.supervisor.child import Child
from config.supervisor.stopping import Signals

PATIENCE = 60.0
ATTEMPTS = 3


class ServerError(Exception):
    """A server would not start; the message ends with its log."""


class Servers:
    """The embedded servers this installation needs: those that no variable names."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.postgres: Postgres | None = None
        self.valkey: Valkey | None = None
        self.children: list[Child] = []
        identity = None
        if not _named("DATABASE_URL"):
            identity = server_identity()
            self.postgres = Postgres(home / "pg", identity)
        if not _named("REDIS_URL"):
            self.valkey = Valkey(home / "valkey", identity or server_identity())

    def start(self, signals: Signals, say: Callable[[str], None]) -> None:
        """Start them side by side, wait until they answer, and leave the note.

        Raises:
            ServerError: one did not answer.
        """
        servers = [server for server in (self.valkey, self.postgres) if server is not None]
        for server in servers:
            server.prepare()
            child = Child(server.program, self.home / "log", heal=server.heal)
            self.children.append(child)
            child.start()
        for server, child in zip(servers, self.children, strict=True):
            self._await(server, child, signals)
            say(f"{server.title} answers on 127.0.0.1:{server.port}")
        self.write_note()

    def _await(self, server: Postgres | Valkey, child: Child, signals: Signals) -> None:
        for _ in range(ATTEMPTS):
            for _ in range(int(PATIENCE / 0.02)):
                if child.gone:
                    break
                if server.is_ready():
                    return
                signals.wait(0.02)
            child.kill()
            # Somebody may have taken its port between our look and its start.
            server.prepare()
            child.program = server.program
            child.start()
        child.kill()
        raise ServerError(f"{server.title} did not start ({child.log}):\n{tail(child.log)}")

    @property
    def note(self) -> Path:
        return self.home / "run" / "servers.json"

    def write_note(self) -> None:
        """`run/servers.json`: config.env reads it while the process with this pid lives."""
        content: dict[str, object] = {"pid": os.getpid()}
        if self.postgres is not None:
            content["database_url"] = self.postgres.url
            content["database_owner_url"] = self.postgres.owner_url
        if self.valkey is not None:
            content["redis_url"] = self.valkey.url
        private.write_json(self.note, content)

    def hurry(self) -> None:
        """PostgreSQL's "immediate" end: no checkpoint; the next start replays the log."""
        for child in self.children:
            child.ask_to_end(signal.SIGQUIT if child.name == "postgres" else signal.SIGKILL)


def _named(variable: str) -> bool:
    return bool(os.environ.get(variable) or os.environ.get(f"{variable}_FILE"))
