"""The self-test's hostile actions are attempted and held, as root and as an ordinary user."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from jail.selftest import ACTIONS
from jail.spawn import ENVIRONMENT
from jail.tests.conftest import NOBODY, RunningJail, as_nobody, launch


@pytest.fixture(scope="module")
def nobodys_jail(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningJail]:
    """A daemon that runs as an unprivileged user."""
    if os.geteuid() != 0:
        pytest.skip("the shared daemon runs unprivileged already")
    folder = tmp_path_factory.mktemp("nobody")
    for place in (folder, *folder.parents):
        if place.is_relative_to(tmp_path_factory.getbasetemp().parent):
            place.chmod(0o755)
    os.chown(folder, NOBODY, NOBODY)
    jail = launch(folder, prefix=as_nobody())
    yield jail
    jail.stop()


@pytest.mark.parametrize("action", sorted(ACTIONS))
def test_action_is_held(running_jail: RunningJail, action: str) -> None:
    result = running_jail.client.status()["selftest"]["actions"][action]
    assert result["held"], result


@pytest.mark.parametrize("action", sorted(ACTIONS))
def test_action_is_held_unprivileged(nobodys_jail: RunningJail, action: str) -> None:
    result = nobodys_jail.client.status()["selftest"]["actions"][action]
    assert result["held"], result


def test_status_says_ok(running_jail: RunningJail) -> None:
    status = running_jail.client.status()
    assert status["ok"] is True
    assert status["selftest"]["held"] is True
    states = {kind: zygote["state"] for kind, zygote in status["zygotes"].items()}
    assert (states.pop("tables"), set(states.values())) == ("cold", {"warm"})


def test_unprivileged_daemon_is_ok(nobodys_jail: RunningJail) -> None:
    assert nobodys_jail.client.status()["ok"] is True
    assert Path(f"/proc/{nobodys_jail.process.pid}").stat().st_uid in {0, NOBODY}


def test_every_process_has_exactly_the_three_variables(running_jail: RunningJail) -> None:
    family = running_jail.family()
    assert len(family) == 3
    for pid in family:
        block = Path(f"/proc/{pid}/environ").read_bytes()
        found = dict(item.split(b"=", 1) for item in block.split(b"\0") if item)
        assert {k.decode(): v.decode() for k, v in found.items()} == ENVIRONMENT


def test_zygotes_have_one_thread(running_jail: RunningJail) -> None:
    for zygote in running_jail.client.status()["zygotes"].values():
        if zygote["state"] == "warm":
            assert len(list(Path(f"/proc/{zygote['pid']}/task").iterdir())) == 1


def test_socket_is_its_owners_alone(running_jail: RunningJail) -> None:
    assert Path(running_jail.socket).stat().st_mode & 0o777 == 0o600
