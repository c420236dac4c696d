"""What the daemon keeps of each child it has forked, and what the operator chose."""

from __future__ import annotations

import signal
import socket
from contextlib import suppress
from dataclasses import dataclass

from jail.assignment import Assignment


@dataclass(slots=True)
class Work:
    """One child and the connection that stands for it."""

    assignment: Assignment
    kind: str
    client: socket.socket | None
    theirs: socket.socket | None
    deadline: float | None
    pid: int | None = None
    pidfd: int | None = None
    cause: str | None = None

    def kill(self, cause: str) -> None:
        """End the child; `cause` is what its client is told."""
        self.cause = self.cause or cause
        if self.pidfd is not None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)


@dataclass(slots=True)
class Options:
    """What the operator chose. `factor` stretches every time limit."""

    socket_path: str
    allow_unsandboxed_pickle: bool = False
    factor: float = 1.0
