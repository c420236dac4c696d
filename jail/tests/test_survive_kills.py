"""What is killed without warning: the daemon recovers, its clients are told, nothing is left."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from common.jail import Jail, JailDied, JailUnavailable
from common.jail_child import Child
from jail.tests.conftest import ROOT, RunningJail, eventually, is_gone, is_ready, launch


def waiting_child(jail: Jail, fd: int, kind: str = "sklearn") -> Child:
    """A jailed child that waits for its request."""
    return jail._child("serve", kind, fd, "serve")


def count(pid: int) -> int:
    """How many descriptors a process has open."""
    return sum(1 for _ in (Path("/proc") / str(pid) / "fd").iterdir())


def hear_nothing(child: Child) -> None:
    """Wait for a frame that never comes."""
    child.allow(20)
    child.hear(limit=0, step="serve")


def test_killed_child_is_noticed(running_jail: RunningJail, any_file: int) -> None:
    with waiting_child(running_jail.client, any_file) as child:
        assert child.alive
        os.kill(child.pid, signal.SIGKILL)
        assert eventually(lambda: not child.alive)
        with pytest.raises(JailDied) as caught:
            hear_nothing(child)
    assert caught.value.signal == "SIGKILL"
    assert running_jail.client.status()["ok"]


def test_child_ends_when_its_client_hangs_up(running_jail: RunningJail, any_file: int) -> None:
    child = waiting_child(running_jail.client, any_file)
    child.close()
    assert eventually(lambda: is_gone(child.pid))


@pytest.mark.parametrize("kind", ["sklearn", "onnx"])
def test_killed_zygote_is_replaced(own_jail: RunningJail, any_file: int, kind: str) -> None:
    child = waiting_child(own_jail.client, any_file, kind)
    old = own_jail.client.status()["zygotes"][kind]["pid"]
    os.kill(old, signal.SIGKILL)
    with pytest.raises(JailUnavailable):
        hear_nothing(child)
    assert eventually(lambda: is_gone(child.pid))
    with waiting_child(own_jail.client, any_file, kind) as next_child:
        assert next_child.alive
    zygote = own_jail.client.status()["zygotes"][kind]
    assert zygote["pid"] != old
    assert zygote["restarts"] == 1


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_ended_daemon_leaves_no_process(
    own_jail: RunningJail, any_file: int, how: signal.Signals
) -> None:
    children = [waiting_child(own_jail.client, any_file, k) for k in ("sklearn", "onnx")]
    family = own_jail.family()
    assert {child.pid for child in children} < family
    assert len(family) == 5
    own_jail.process.send_signal(how)
    own_jail.process.wait(timeout=10)
    assert eventually(lambda: all(is_gone(pid) for pid in family))
    with pytest.raises(JailUnavailable):
        hear_nothing(children[0])
    assert not children[1].alive


def test_stale_socket_is_replaced(own_jail: RunningJail, any_file: int) -> None:
    own_jail.process.kill()
    own_jail.process.wait()
    assert Path(own_jail.socket).exists()
    with pytest.raises(JailUnavailable):
        own_jail.client.status()
    again = launch(Path(own_jail.socket).parent)
    try:
        with waiting_child(own_jail.client, any_file) as child:
            assert child.alive
    finally:
        again.stop()


def test_second_daemon_on_one_socket_is_turned_away(own_jail: RunningJail) -> None:
    command = [sys.executable, "-m", "jail", "--socket", own_jail.socket]
    second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert second.returncode == 1
    assert "another jail already listens" in second.stderr
    assert is_ready(own_jail)


def test_daemon_ends_with_its_parent(tmp_path: Path) -> None:
    path = str(tmp_path / "jail.sock")
    start = f"subprocess.Popen([sys.executable, '-m', 'jail', '--socket', {path!r}])"
    code = f"import subprocess, sys, time; {start}; time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT) as parent:
        jail = RunningJail(parent, path, Jail(path))
        assert eventually(lambda: is_ready(jail), 60)
        family = jail.family() - {parent.pid}
        parent.kill()
    assert len(family) == 3
    assert eventually(lambda: all(is_gone(pid) for pid in family))


def test_no_descriptor_is_left_by_200_jobs(running_jail: RunningJail, any_file: int) -> None:
    pids = running_jail.family()

    def one(_: int) -> None:
        with waiting_child(running_jail.client, any_file, "onnx") as child:
            assert child.alive

    def descriptors() -> dict[int, int]:
        return {pid: count(pid) for pid in pids}

    one(0)
    assert eventually(lambda: running_jail.client.status()["children"] == 0)
    before, ours = descriptors(), count(os.getpid())
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(one, range(200)))
    assert eventually(lambda: running_jail.client.status()["children"] == 0)
    assert eventually(lambda: all(now <= before[pid] for pid, now in descriptors().items()))
    assert count(os.getpid()) <= ours


def test_writable_descriptor_is_refused(running_jail: RunningJail, tmp_path: Path) -> None:
    control = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with (tmp_path / "file").open("wb") as file, control:
        control.connect(running_jail.socket)
        ask = b'{"op":"job","job":"serve","zygote":"onnx"}'
        socket.send_fds(control, [ask], [file.fileno()])
        assert b"not opened for reading alone" in control.recv(65536)


@pytest.mark.parametrize("message", [b"{", b"[]", b"[" * 60_000, b'{"op":"job"}', b"\xff\0"])
def test_nonsense_gets_an_answer(running_jail: RunningJail, message: bytes) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as control:
        control.connect(running_jail.socket)
        control.send(message)
        assert b"no such" in control.recv(65536)
    assert running_jail.client.status()["ok"]


def test_long_socket_path_works(tmp_path: Path) -> None:
    folder = tmp_path / ("a folder with spaces " * 5) / ("deep" * 20)
    folder.mkdir(parents=True)
    jail = launch(folder)
    assert jail.client.status()["ok"]
    jail.stop()
