"""Valkey as a child of ours: append-only file, password, loopback alone.

Layout of its folder: `data`, `password` (0600), `port`.
"""

from __future__ import annotations

import secrets
import signal
import socket
from pathlib import Path

from config import private
from config.embedded import providers
from config.embedded.ports import LOOPBACK, remembered_port
from config.embedded.postgres import ENVIRONMENT
from config.process import Identity, clear_strays
from config.program import Program


class Valkey:
    """The embedded server below `folder`; `throwaway` keeps nothing on disk (for tests)."""

    name = "valkey"
    title = "Valkey"

    def __init__(self, folder: Path, identity: Identity, *, throwaway: bool = False) -> None:
        self.folder = private.folder(folder).resolve()
        self.data = self.folder / "data"
        self.identity = identity
        self.throwaway = throwaway
        self.binary = providers.valkey_server()
        self.password = ""
        self.port = 0

    def prepare(self) -> None:
        """Clear what a killed start left, and make password and folder where they are missing."""
        self.heal()
        self.data.mkdir(mode=0o700, exist_ok=True)
        self.identity.own(self.data)
        kept = self.folder / "password"
        if not kept.exists():
            private.write(kept, secrets.token_urlsafe(24))
        self.password = kept.read_text().strip()
        self.port = remembered_port(self.folder / "port")

    def heal(self) -> None:
        """End what a killed start left running."""
        clear_strays(self.data, signal.SIGTERM)

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@{LOOPBACK}:{self.port}/0"

    @property
    def program(self) -> Program:
        folder = str(self.data).replace("\\", "\\\\").replace('"', '\\"')
        settings = [
            f"port {self.port}",
            f"bind {LOOPBACK}",
            f'dir "{folder}"',
            f"requirepass {self.password}",
            f"appendonly {'no' if self.throwaway else 'yes'}",
            "appendfsync everysec",
            'save ""',
            # It carries the tasks: better an error than a task thrown away.
            "maxmemory-policy noeviction",
        ]
        return Program(
            name=self.name,
            # Settings by standard input: a password in the arguments could be read by anybody.
            argv=(str(self.binary), "-"),
            given="\n".join([*settings, ""]).encode(),
            env=ENVIRONMENT,
            death_signal=signal.SIGTERM,
            identity=self.identity,
        )

    def is_ready(self) -> bool:
        """Whether it answers PING, after it has read its append-only file."""
        try:
            with socket.create_connection((LOOPBACK, self.port), timeout=1) as connection:
                connection.sendall(f"AUTH {self.password}\r\nPING\r\n".encode())
                answer = b""
                while answer.count(b"\r\n") < 2:
                    part = connection.recv(256)
                    if not part:
                        return False
                    answer += part
        except OSError:
            return False
        return answer == b"+OK\r\n+PONG\r\n"
