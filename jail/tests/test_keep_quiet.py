"""onnxruntime, whose wheel sends telemetry by default, does not in the jail."""

from __future__ import annotations

import pwd
from pathlib import Path

import pytest

from jail.tests.conftest import RunningJail, launch


def homes(tmp_path: Path) -> set[Path]:
    """What lies in the homes that a library might write to, three levels deep."""
    places = [tmp_path / "home", Path(pwd.getpwuid(0).pw_dir)]
    return {
        path
        for place in places
        for pattern in ("*", "*/*", ".*/*/*")
        for path in place.glob(pattern)
        if any(word in path.name.lower() for word in ("onnx", "microsoft", "telemetry"))
        or place == places[0]
    }


@pytest.fixture
def homely_jail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunningJail:
    """A daemon whose operator has an empty home."""
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return launch(tmp_path)


def test_no_thread_and_no_file_at_home(
    tmp_path: Path, homely_jail: RunningJail, any_file: int
) -> None:
    before = homes(tmp_path)
    zygote = homely_jail.client.status()["zygotes"]["onnx"]["pid"]
    with homely_jail.client._child("serve", "onnx", any_file, "serve") as child:
        tasks = [len(list(Path(f"/proc/{p}/task").iterdir())) for p in (zygote, child.pid)]
    libraries = Path(f"/proc/{zygote}/maps").read_text()
    homely_jail.stop()
    assert "onnxruntime" in libraries
    assert tasks == [1, 1]
    assert homes(tmp_path) == before
    assert list((tmp_path / "home").iterdir()) == []
