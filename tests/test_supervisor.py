"""`manage.py up` with real processes: what it starts, survives, and leaves behind."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.clusters import seed
from config.process import NOBODY
from config.supervisor import installation as supervised
from config.supervisor.supervisor import greeting
from tests.installations import ROOT, Installation, alive, children_of, wait_for

pytestmark = pytest.mark.timeout(240)

FLOWERS = ["setosa", "virginica"]
PERSON: dict[str, Any] = {"user": NOBODY, "group": NOBODY, "extra_groups": []}


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """One that is up for the tests of this file that leave it standing."""
    one = Installation(tmp_path_factory.mktemp("a path with a space") / "home")
    one.start()
    yield one
    one.stop()


@pytest.fixture
def another(tmp_path: Path) -> Iterator[Installation]:
    one = Installation(tmp_path / "home")
    seed(one.home)
    yield one
    one.stop()


def test_the_printed_curl_answers(installation: Installation) -> None:
    found = re.search(r"(curl -s .*?)\n\n", installation.said, re.DOTALL)
    assert found is not None, installation.said
    assert shutil.which("curl"), "curl is needed to try what is printed"
    done = subprocess.run(["bash", "-c", found.group(1)], capture_output=True, check=True)
    assert json.loads(done.stdout)["predictions"] == FLOWERS


def test_a_demo_that_stopped_half_way_still_gets_a_greeting(tmp_path: Path) -> None:
    (tmp_path / "demo.json").write_text('{"email": "a@example.com", "password": "p"}')
    one = supervised.Installation(
        tmp_path, "127.0.0.1", 8000, 0, 2, 8, 1, 1, tmp_path / "jail.sock"
    )
    printed = greeting(one)
    assert "http://127.0.0.1:8000" in printed
    assert "a@example.com" in printed
    assert "curl" not in printed


def test_scripts_find_the_demo_in_a_closed_file(installation: Installation) -> None:
    file = installation.home / "demo.json"
    assert set(installation.demo) == {"url", "email", "password", "api_key", "model"}
    assert installation.demo["url"] == installation.url
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_the_home_is_closed_to_others(installation: Installation) -> None:
    home = installation.home
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    for name in ("secret_key", "run/servers.json"):
        assert stat.S_IMODE((home / name).stat().st_mode) == 0o600
    logs = list((home / "log").iterdir())
    assert {"web.log", "worker.log", "beat.log", "jail.log"} <= {log.name for log in logs}
    assert {stat.S_IMODE(log.stat().st_mode) for log in logs} == {0o600}


def test_other_commands_find_the_running_servers(installation: Installation) -> None:
    env = {"PATH": os.defpath, "SLIPWAY_HOME": str(installation.home)}
    done = subprocess.run(
        [sys.executable, "manage.py", "migrate", "--check"], cwd=ROOT, env=env, check=False
    )
    assert done.returncode == 0


def test_a_busy_port_is_an_error_that_names_it(
    installation: Installation, another: Installation
) -> None:
    another.port = installation.port
    process = another.launch()
    assert process.wait(60) == 1
    assert f"PORT {installation.port}" in another.said
    assert installation.answers()


def test_a_home_serves_one_at_a_time(installation: Installation, tmp_path: Path) -> None:
    intruder = Installation(installation.home)
    intruder.output = tmp_path / "out"
    process = intruder.launch()
    assert installation.process is not None
    assert process.wait(60) == 1
    assert f"(process {installation.process.pid})" in intruder.said
    assert installation.answers()


@pytest.mark.parametrize("argument", ["config.granian", "worker", "--socket", "beat"])
def test_a_killed_child_is_started_again(installation: Installation, argument: str) -> None:
    before = _pid(installation, argument)
    os.kill(before, signal.SIGKILL)
    wait_for(lambda: _pid(installation, argument) not in (0, before))
    wait_for(installation.answers)
    assert installation.predict().json()["predictions"] == FLOWERS


def test_a_killed_database_is_healed(installation: Installation) -> None:
    note = installation.home / "pg" / "data" / "postmaster.pid"
    before = int(note.read_text().split()[0])
    os.kill(before, signal.SIGKILL)
    wait_for(lambda: note.exists() and int(note.read_text().split()[0]) != before)
    # Each web worker finds it again by itself, and says 503 and Retry-After until then.
    wait_for(lambda: all(installation.predict().ok for _ in range(20)))
    assert installation.predict().json()["predictions"] == FLOWERS


def test_a_killed_web_worker_is_replaced(installation: Installation) -> None:
    main = installation.pid_of("config.granian")
    workers = _children(main)
    os.kill(workers[0], signal.SIGKILL)
    wait_for(lambda: len(set(_children(main)) - {workers[0]}) == len(workers))
    wait_for(installation.answers)
    assert installation.pid_of("config.granian") == main


def test_ctrl_c_ends_one_of_two_without_a_trace(
    installation: Installation, another: Installation
) -> None:
    another.start()
    assert installation.answers()
    assert another.predict().json()["predictions"] == FLOWERS
    assert another.demo["api_key"] != installation.demo["api_key"]
    family = another.family()
    assert len(family) > 10

    assert another.process is not None
    another.process.send_signal(signal.SIGINT)
    # Alone on its machine it takes five seconds at most; here it has company.
    assert another.process.wait(30) == 0

    assert alive(family) == []
    assert not (another.home / "run" / "servers.json").exists()
    assert installation.answers()


def test_a_killed_supervisor_leaves_nothing_and_the_next_start_heals(
    another: Installation,
) -> None:
    another.start()
    before = another.demo
    family = another.family()
    assert another.process is not None
    another.process.kill()
    another.process.wait()
    wait_for(lambda: alive(family) == [], patience=10)

    another.start()

    assert another.demo == before
    assert another.predict().json()["predictions"] == FLOWERS


@pytest.mark.skipif(os.geteuid() != 0, reason="the other tests of this file ran as one already")
def test_an_ordinary_user_needs_no_rights() -> None:
    # Not tmp_path: pytest keeps that closed to everybody else.
    with tempfile.TemporaryDirectory(prefix="slipway-user-", dir="/tmp") as name:
        folder = Path(name)
        os.chown(folder, NOBODY, NOBODY)
        python = _python_for_everybody(folder)
        one = Installation(folder / "home", python=python, **PERSON)
        try:
            one.start()
            assert one.predict().json()["predictions"] == FLOWERS
            assert one.process is not None
            family = one.family()
            assert {Path(f"/proc/{pid}").stat().st_uid for pid, _ in family} == {NOBODY}
        finally:
            one.stop()


def _python_for_everybody(folder: Path) -> str:
    """This interpreter if others may run it; else the system's of the same version, our packages.

    Skips the test where there is neither.
    """
    if _runs_for_nobody(sys.executable):
        return sys.executable
    system = f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}"
    if not _runs_for_nobody(system):
        pytest.skip(f"an ordinary user can run neither {sys.executable} nor {system}")
    venv = folder / "venv"
    subprocess.run([system, "-m", "venv", "--without-pip", venv], check=True, **PERSON)
    packages = next((venv / "lib").glob("python*/site-packages"))
    (packages / "ours.pth").write_text(str(Path(pytest.__file__).parent.parent) + "\n")
    return str(venv / "bin" / "python")


def _runs_for_nobody(python: str) -> bool:
    try:
        return subprocess.run([python, "-c", ""], check=False, cwd="/", **PERSON).returncode == 0
    except OSError:
        return False


def _pid(installation: Installation, argument: str) -> int:
    try:
        return installation.pid_of(argument)
    except AssertionError:
        return 0


def _children(pid: int) -> list[int]:

    return sorted(children_of(pid))
