"""$SLIPWAY_HOME: everything that is not code, closed to others, used by one `up` at a time."""

from __future__ import annotations

import fcntl
import secrets
from pathlib import Path
from typing import TextIO

from config import private

FOLDERS = ("pg", "valkey", "files", "quarantine", "journal", "run", "log")


class HomeBusyError(Exception):
    """Another `up` lives in this folder; the message names its process."""


def make(home: Path) -> Path:
    """Make what is missing of the folders (0700) and the secret key (0600); the real path."""
    for folder in (home, *(home / name for name in FOLDERS)):
        private.folder(folder)
    if not (home / "secret_key").exists():
        private.write(home / "secret_key", secrets.token_urlsafe(48) + "\n")
    return home.resolve()


def claim(home: Path) -> TextIO:
    """Take the folder for this process, for as long as the returned file stays open.

    The lock ends with the process, however it ends. Children must not inherit it: Python opens
    files close-on-exec.

    Raises:
        HomeBusyError: another process has it.
    """
    file = (home / "run" / "up.lock").open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.seek(0)
        pid = file.read().strip() or "unknown"
        file.close()
        raise HomeBusyError(
            f"Slipway already runs from {home} (process {pid}). Stop that one, or set "
            "SLIPWAY_HOME and PORT for a second installation."
        ) from None
    return file


def sign(file: TextIO, pid: int) -> None:
    """Write into the claimed lock file who has it."""
    file.seek(0)
    file.truncate()
    file.write(str(pid))
    file.flush()
