"""Environments of the real clients: their pins clash, so that each has one of its own.

They are made on demand and kept below the user's cache, under a name that changes with what is in
them, for the next run.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent / "clients"
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "slipway-conformance"


def python_with(name: str) -> Path:
    """The interpreter of an environment with what `clients/{name}.txt` names."""
    requirements = FOLDER / f"{name}.txt"
    digest = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()[:16]
    home = CACHE / f"{name}-{digest}"
    python = home / "bin" / "python"
    if not (home / "complete").exists():
        shutil.rmtree(home, ignore_errors=True)
        uv = [sys.executable, "-m", "uv"]
        subprocess.run([*uv, "venv", "--quiet", "--python", sys.executable, str(home)], check=True)
        subprocess.run(
            [*uv, "pip", "install", "--quiet", "--python", str(python), "-r", str(requirements)],
            check=True,
        )
        (home / "complete").touch()
    return python


def run_client(name: str, script: str, *arguments: str) -> str:
    """Run `clients/{script}` in the environment; what it printed."""
    done = subprocess.run(
        [str(python_with(name)), str(FOLDER / script), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
