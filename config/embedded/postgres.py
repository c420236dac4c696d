"""PostgreSQL as a child of ours: made, run in the foreground, healed after a crash.

Layout of its folder: `data` (the cluster), `passwords.json` (0600), `port`. The server listens on
the loopback alone and asks for a scram password. Three roles, none a superuser: the owner of the
tables, the application's, which `config.roles` gives its rights, and one that only reads.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from config import private
from config.embedded import providers
from config.embedded.ports import LOOPBACK, remembered_port
from config.process import Identity, child_setup, clear_strays
from config.program import Program

ROLE = "slipway"
OWNER = "slipway_owner"
READER = "slipway_readonly"
ROLES = {"role": ROLE, "owner": OWNER, "reader": READER}  # by their passwords' names
ENVIRONMENT = {"PATH": os.defpath, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
# A throw-away cluster need not survive a power cut.
NO_SYNC = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


class PostgresError(Exception):
    """The cluster can't be made or belongs to another version; the message is for the operator."""


class Postgres:
    """The embedded cluster below `folder`.

    `throwaway` trades safety for speed; `create_databases` lets the owner make databases of its
    own. Both are for tests.
    """

    name = "postgres"
    title = "PostgreSQL"

    def __init__(
        self,
        folder: Path,
        identity: Identity,
        *,
        throwaway: bool = False,
        create_databases: bool = False,
    ) -> None:
        self.folder = private.folder(folder).resolve()
        self.data = self.folder / "data"
        self.identity = identity
        self.throwaway = throwaway
        self.create_databases = create_databases
        self.bin = providers.postgres_bin()
        self.port = 0

    def prepare(self) -> None:
        """Make the cluster on the first start, check and heal it on every later one.

        Raises:
            PostgresError: initdb failed, or the data belong to another major version.
        """
        self.heal()
        if self.data.exists():
            self._check_version()
            self.identity.own(self.data)
            self._separate_owner()
        else:
            self._create()
        self.port = remembered_port(self.folder / "port")

    def heal(self) -> None:
        """Clear what a killed server left behind, so that the next one can start."""
        clear_strays(self.data, signal.SIGINT)
        # Nobody lives in the folder any more; but the pid in this file may belong to a stranger
        # by now, before whom PostgreSQL would give way.
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    @property
    def url(self) -> str:
        """The application's way in."""
        return self._url("role")

    @property
    def owner_url(self) -> str:
        """The way in of the role that owns the tables."""
        return self._url("owner")

    @property
    def reader_url(self) -> str:
        """The way in for people and dashboards."""
        return self._url("reader")

    def _url(self, name: str) -> str:
        password = private.read_json(self.folder / "passwords.json")[name]
        return f"postgresql://{ROLES[name]}:{password}@{LOOPBACK}:{self.port}/{ROLE}"

    @property
    def program(self) -> Program:
        settings = (
            "unix_socket_directories=",
            f"listen_addresses={LOOPBACK}",
            f"port={self.port}",
            "max_connections=100",
            "shared_buffers=64MB",
            "password_encryption=scram-sha-256",
            "log_line_prefix=%m [%p] ",
            "log_timezone=UTC",
            *(NO_SYNC if self.throwaway else ()),
        )
        return Program(
            name=self.name,
            argv=(
                str(self.bin / "postgres"),
                "-D",
                str(self.data),
                *(part for setting in settings for part in ("-c", setting)),
            ),
            env=ENVIRONMENT,
            stop_signal=signal.SIGINT,  # "fast": no waiting for clients, a clean checkpoint
            death_signal=signal.SIGINT,
            identity=self.identity,
        )

    def is_ready(self) -> bool:
        """Whether it takes connections: its own word in postmaster.pid, after any recovery."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) > 7 and lines[7].strip() == "ready"

    def _check_version(self) -> None:
        have = (self.data / "PG_VERSION").read_text().strip()
        runs = self._run("postgres", "--version").split()[2].split(".")[0]
        if have != runs:
            raise PostgresError(
                f"The data in {self.data} were written by PostgreSQL {have}, and the installed "
                f"server is PostgreSQL {runs}. Dump them with the old server (EMBEDDED_PG_BIN "
                f"names its programs; pg_dump {ROLE}), move the folder away, start again and "
                "restore the dump; or name a server with DATABASE_URL."
            )

    def _create(self) -> None:
        """Make the cluster aside and move it in place when it is whole."""
        draft = self.folder / "draft"
        clear_strays(draft, signal.SIGKILL)
        if draft.exists():
            shutil.rmtree(draft)
        draft.mkdir(mode=0o700)
        self.identity.own(draft)
        passwords = {name: secrets.token_urlsafe(24) for name in ("superuser", *ROLES)}
        private.write_json(self.folder / "passwords.json", passwords)
        handover = self.folder / ".password"
        private.write(handover, passwords["superuser"])
        os.chown(handover, self.identity.owner, -1)
        self._run(
            "initdb", "-D", str(draft), "-U", "postgres", "--auth=scram-sha-256",
            f"--pwfile={handover}", "-E", "UTF8", "--locale=C.UTF-8",
            *(("--no-sync",) if self.throwaway else ()),
        )  # fmt: skip
        handover.unlink()
        rights = "CREATEDB" if self.create_databases else "NOCREATEDB"
        # The roles are there before the server first listens.
        self._alone(
            draft,
            "postgres",
            *(f"CREATE ROLE {role}" for role in ROLES.values()),
            *_log_ins(passwords),
            f"ALTER ROLE {OWNER} {rights}",
            f"CREATE DATABASE {ROLE} OWNER {OWNER}",
        )
        draft.rename(self.data)

    def _separate_owner(self) -> None:
        """Give the tables of an older cluster, which were the application's, to their own role.

        The passwords are written last: what is cut short is done again, and doing it twice is
        doing it once.
        """
        passwords = private.read_json(self.folder / "passwords.json")
        if set(ROLES) <= set(passwords):
            return
        passwords |= {name: secrets.token_urlsafe(24) for name in set(ROLES) - set(passwords)}
        self._alone(
            self.data,
            ROLE,
            *(_create_if_missing(role) for role in ROLES.values()),
            *_log_ins(passwords),
            f"REASSIGN OWNED BY {ROLE} TO {OWNER}",
        )
        private.write_json(self.folder / "passwords.json", passwords)
        # The application has no rights left: `up` must not take the tables for up to date.
        (self.folder / "migrated").unlink(missing_ok=True)

    def _alone(self, data: Path, database: str, *statements: str) -> None:
        """Execute statements, each on one line, as the superuser, with no server running."""
        self._run(
            "postgres", "--single", "-D", str(data), *(("-F",) if self.throwaway else ()), database,
            given="".join(f"{statement}\n" for statement in statements),
        )  # fmt: skip

    def _run(self, program: str, *arguments: str, given: str = "") -> str:
        """Run one of PostgreSQL's programs to its end; its output."""
        done = subprocess.run(
            [str(self.bin / program), *arguments],
            env=ENVIRONMENT,
            input=given,
            capture_output=True,
            text=True,
            check=False,
            preexec_fn=child_setup(
                parent=os.getpid(), number=signal.SIGKILL, identity=self.identity
            ),
        )
        # Single-user mode ends with 0 even when a statement failed.
        if done.returncode != 0 or "ERROR:" in done.stderr:
            said = (done.stderr or done.stdout).strip()
            raise PostgresError(f"{program} failed ({done.returncode}):\n{said}")
        return done.stdout


def _create_if_missing(role: str) -> str:
    missing = f"NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}')"
    return f"DO $$ BEGIN IF {missing} THEN CREATE ROLE {role}; END IF; END $$"


def _log_ins(passwords: Mapping[str, str]) -> Iterator[str]:
    """What lets each role in; a password of `token_urlsafe` has no quote in it."""
    for name, role in ROLES.items():
        yield (
            f"ALTER ROLE {role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE"
            f" PASSWORD '{passwords[name]}'"
        )
