"""Environments for other people's programs: their pins clash, so that each has one of its own.

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

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))


def python_with(requirements: Path, purpose: str) -> Path:
    """The interpreter of an environment with what a requirements file names."""
    digest = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()[:16]
    home = CACHE / f"slipway-{purpose}" / f"{requirements.stem}-{digest}"
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


def node_with(package: Path, node: Path, purpose: str) -> Path:
    """A folder with a package's files and, installed by its lock file, what it depends on.

    `node` is the interpreter of an environment that has Node.
    """
    files = sorted(path for path in package.iterdir() if path.is_file())
    content = b"".join(path.read_bytes() for path in files) + str(node).encode()
    home = (
        CACHE / f"slipway-{purpose}" / f"{package.name}-{hashlib.sha256(content).hexdigest()[:16]}"
    )
    if not (home / "complete").exists():
        shutil.rmtree(home, ignore_errors=True)
        shutil.copytree(package, home)
        path = f"{node.parent}{os.pathsep}{os.environ['PATH']}"
        npm = [str(node.parent / "npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        subprocess.run([*npm, "--silent"], cwd=home, env={**os.environ, "PATH": path}, check=True)
        (home / "complete").touch()
    return home
