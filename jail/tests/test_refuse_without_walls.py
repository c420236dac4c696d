"""Where the kernel has no seccomp to offer, the self-test fails and pickles are refused."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from common.jail import JailRefused
from jail.tests.conftest import RunningJail, launch

SHA256 = "0" * 64
# A filter of our own answers the daemon's request for one as a kernel without seccomp would:
# prctl(PR_SET_SECCOMP) is an invalid argument. Everything else is allowed.
WITHOUT_SECCOMP = """
import ctypes, os, struct, sys, platform
number = {"x86_64": 157, "aarch64": 167}[platform.machine()]
ins = lambda code, jt, jf, k: struct.pack("<HBBI", code, jt, jf, k)
program = b"".join([
    ins(0x20, 0, 0, 0), ins(0x15, 0, 3, number), ins(0x20, 0, 0, 16), ins(0x15, 0, 1, 22),
    ins(0x06, 0, 0, 0x00050016), ins(0x06, 0, 0, 0x7FFF0000)])
class Program(ctypes.Structure):
    _fields_ = (("n", ctypes.c_ushort), ("p", ctypes.c_char_p))
libc = ctypes.CDLL(None)
libc.prctl(38, 1, 0, 0, 0)
assert libc.prctl(22, 2, ctypes.byref(Program(len(program) // 8, program)), 0, 0) == 0
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


def inspect_something(jail: RunningJail, tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps({"no": "model"}))
    with path.open("rb") as file:
        jail.client.inspect(file.fileno(), filename=path.name, sha256=SHA256)


def test_pickles_are_refused(tmp_path: Path) -> None:
    jail = launch(tmp_path, prefix=("-c", WITHOUT_SECCOMP))
    try:
        status = jail.client.status()
        assert status["ok"] is False
        assert status["selftest"]["held"] is False
        with pytest.raises(JailRefused) as caught:
            inspect_something(jail, tmp_path)
    finally:
        jail.stop()
    assert caught.value.code == "jail_does_not_hold"


def test_operator_may_insist(tmp_path: Path) -> None:
    jail = launch(tmp_path, "--allow-unsandboxed-pickle", prefix=("-c", WITHOUT_SECCOMP))
    try:
        status = jail.client.status()
        assert status["ok"] is True
        assert status["selftest"]["held"] is False
        assert status["allow_unsandboxed_pickle"] is True
        with pytest.raises(JailRefused) as caught:
            inspect_something(jail, tmp_path)
    finally:
        jail.stop()
    assert caught.value.code != "jail_does_not_hold"
