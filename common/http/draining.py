"""Whether this web server is about to end: `/ready` says no before the first request is refused.

The server's main process makes a file named after itself when it is told to end, and goes on
serving for DRAIN_SECONDS, so that load balancers send nobody any more. Its workers look for it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

PREFIX: Final = "draining-"


def mark(folder: Path) -> Path:
    """The file of the server whose main process this is."""
    return folder / f"{PREFIX}{os.getpid()}"


def is_draining(folder: Path) -> bool:
    """Whether the server whose worker this is has been told to end."""
    return (folder / f"{PREFIX}{os.getppid()}").exists()


def sweep(folder: Path) -> None:
    """Remove the files of servers that are gone, and one of this process's own number."""
    for path in folder.glob(f"{PREFIX}*"):
        number = path.name.removeprefix(PREFIX)
        if number == str(os.getpid()) or not Path("/proc", number).exists():
            path.unlink(missing_ok=True)
