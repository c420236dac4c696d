"""Granian, with an end that load balancers see coming: `python -m config.granian …`.

Takes Granian's own arguments. On SIGTERM `/ready` fails at once, and the server goes on answering
for DRAIN_SECONDS before it ends as Granian does, with the requests that it has. A second signal
ends the waiting.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

from granian import cli
from granian.server import Server

from common.http import draining
from config import env


class DrainingServer(Server):  # type: ignore[misc, valid-type]  # chosen by the platform
    """Waits between the signal and the end."""

    _is_draining = False

    def signal_handler_interrupt(self, *args: Any, **kwargs: Any) -> None:
        end = super().signal_handler_interrupt
        seconds = env.integer("DRAIN_SECONDS", 0, high=300)
        if self._is_draining or not seconds:
            end()
            return
        self._is_draining = True
        draining.mark(self._folder).touch()
        timer = threading.Timer(seconds, end)
        timer.daemon = True
        timer.start()

    def startup(self, *args: Any, **kwargs: Any) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        draining.sweep(self._folder)
        super().startup(*args, **kwargs)

    def shutdown(self, *args: Any, **kwargs: Any) -> None:
        try:
            super().shutdown(*args, **kwargs)
        finally:
            draining.mark(self._folder).unlink(missing_ok=True)

    @property
    def _folder(self) -> Path:
        return env.home(Path(__file__).resolve().parent.parent) / "run"


def main() -> None:
    """Granian's command line, with our server in it."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    # Its command makes the server by this name.
    cli.Server = DrainingServer  # type: ignore[attr-defined]
    cli.entrypoint()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    main()
