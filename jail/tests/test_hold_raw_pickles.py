"""Raw hostile pickles, loaded by the stock unpickler in a confined child, achieve nothing."""

from __future__ import annotations

import builtins
import importlib
import json
import mmap
import os
import pathlib
import pickle
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jail.tests.conftest import ROOT

SECRET = "the-secret-in-the-file"


class Calls:
    """A pickle that calls a function when it is loaded."""

    def __init__(self, function: Callable[..., Any], *arguments: object) -> None:
        self.function, self.arguments = function, arguments

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[object, ...]]:
        return self.function, self.arguments


def run(tmp_path: Path, hostile: Calls, *, uid: int = 61_500) -> dict[str, Any]:
    """Load `hostile` in a confined child; how that went."""
    payload = tmp_path / "payload.pkl"
    payload.write_bytes(pickle.dumps(hostile))
    script = Path(__file__).with_name("confined.py")
    command = [sys.executable, str(script), str(ROOT), str(payload), str(uid)]
    environment = {"SECRET_KEY": SECRET, "PATH": os.environ["PATH"]}
    done = subprocess.run(command, capture_output=True, check=True, timeout=60, env=environment)
    report: dict[str, Any] = json.loads(done.stdout)
    return report


UIDS = [61_500, 0] if os.geteuid() == 0 else [0]
"""With a user of its own, and with the user of whoever started it: seccomp alone must do."""


@pytest.mark.parametrize("uid", UIDS)
@pytest.mark.parametrize(
    "attack",
    [
        lambda canary: Calls(os.system, f"touch {canary}"),
        lambda canary: Calls(subprocess.Popen, ["touch", str(canary)]),
        lambda canary: Calls(os.execv, "/usr/bin/touch", ["touch", str(canary)]),
        lambda canary: Calls(os.posix_spawn, "/usr/bin/touch", ["touch", str(canary)], {}),
        lambda canary: Calls(builtins.open, str(canary), "w"),
        lambda canary: Calls(os.mkdir, str(canary)),
        lambda canary: Calls(os.symlink, "/etc/passwd", str(canary)),
        lambda canary: Calls(pathlib.Path.touch, canary),
        lambda canary: Calls(builtins.eval, f"__import__('os').system('touch {canary}')"),
        lambda canary: Calls(builtins.exec, f"open({str(canary)!r}, 'w').write('x')"),
    ],
)
def test_nothing_is_written_or_run(
    tmp_path: Path, attack: Callable[[Path], Calls], uid: int
) -> None:
    canary = tmp_path / "canary"
    tmp_path.chmod(0o777)
    run(tmp_path, attack(canary), uid=uid)
    assert not canary.is_symlink()
    assert not canary.exists()


@pytest.mark.parametrize("uid", UIDS)
def test_no_file_is_read(tmp_path: Path, uid: int) -> None:
    secret = tmp_path / "secret"
    secret.write_text(SECRET)
    report = run(tmp_path, Calls(builtins.eval, f"open({str(secret)!r}).read()"), uid=uid)
    assert report["raised"] == "PermissionError"
    assert SECRET not in json.dumps(report)


@pytest.mark.parametrize("uid", UIDS)
def test_no_file_is_removed(tmp_path: Path, uid: int) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").write_text("kept")
    run(tmp_path, Calls(shutil.rmtree, str(kept)), uid=uid)
    assert (kept / "file").read_text() == "kept"


@pytest.mark.parametrize("uid", UIDS)
def test_the_environment_is_empty(tmp_path: Path, uid: int) -> None:
    report = run(tmp_path, Calls(builtins.eval, "dict(__import__('os').environ)"), uid=uid)
    assert report["returned"] == "{}"


@pytest.mark.parametrize("uid", UIDS)
def test_nobody_is_reached_by_network(tmp_path: Path, uid: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        report = run(tmp_path, Calls(socket.create_connection, server.getsockname(), 1.0), uid=uid)
        with pytest.raises(TimeoutError):
            server.accept()
    assert report["raised"] == "PermissionError"


@pytest.mark.parametrize("uid", UIDS)
def test_nobody_is_signalled(tmp_path: Path, uid: int) -> None:
    with subprocess.Popen(["/bin/sleep", "30"]) as bystander:
        report = run(tmp_path, Calls(os.kill, bystander.pid, signal.SIGKILL), uid=uid)
        assert bystander.poll() is None
        bystander.kill()
    assert report["raised"] == "PermissionError"


@pytest.mark.parametrize(
    ("attack", "expected"),
    [
        (Calls(os.fork), "BlockingIOError"),
        (Calls(socket.socket), "PermissionError"),
        (Calls(builtins.bytearray, 6 << 30), "MemoryError"),
        (Calls(mmap.mmap, -1, 4096, mmap.MAP_PRIVATE, 7), "PermissionError"),
        (Calls(os.listdir, "/"), "PermissionError"),
        (Calls(os.pipe), "OSError"),
        (Calls(importlib.import_module, "this_was_never_imported"), "ModuleNotFoundError"),
    ],
)
@pytest.mark.parametrize("uid", UIDS)
def test_the_call_is_refused(tmp_path: Path, attack: Calls, expected: str, uid: int) -> None:
    assert run(tmp_path, attack, uid=uid)["raised"] == expected


def test_a_module_on_the_disk_is_not_imported(tmp_path: Path) -> None:
    (tmp_path / "planted.py").write_text("raise SystemExit('it ran')")
    code = f"__import__('sys').path.insert(0, {str(tmp_path)!r}) or __import__('planted')"
    assert run(tmp_path, Calls(builtins.eval, code))["raised"] == "ModuleNotFoundError"


@pytest.mark.parametrize("uid", UIDS)
def test_an_endless_loop_runs_out_of_processor_time(tmp_path: Path, uid: int) -> None:
    report = run(tmp_path, Calls(builtins.eval, "sum(iter(int, 1))"), uid=uid)
    assert report["status"] == -signal.SIGXCPU


def test_an_unlisted_system_call_is_deadly(tmp_path: Path) -> None:
    code = "__import__('ctypes').CDLL(None).syscall(425, 0, 0)"
    assert run(tmp_path, Calls(builtins.eval, code))["status"] == -signal.SIGSYS


def test_an_honest_pickle_loads(tmp_path: Path) -> None:
    assert run(tmp_path, Calls(builtins.sorted, [3, 1, 2]))["returned"] == "[1, 2, 3]"
