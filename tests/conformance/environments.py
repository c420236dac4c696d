"""The real clients, each in an environment of its own."""

from __future__ import annotations

import subprocess
from pathlib import Path

from benchmarks import environments

FOLDER = Path(__file__).parent / "clients"


def python_with(name: str) -> Path:
    """The interpreter of an environment with what `clients/{name}.txt` names."""
    return environments.python_with(FOLDER / f"{name}.txt", "conformance")


def run_client(name: str, script: str, *arguments: str) -> str:
    """Run `clients/{script}` in the environment; what it printed."""
    done = subprocess.run(
        [str(python_with(name)), str(FOLDER / script), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
