"""The daemon's hold on one zygote: starting it, speaking with it, starting it again.

Each zygote is a new program rather than a fork of the daemon, so that its memory and its
environment hold nothing but what stands here.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jail.assignment import Assignment

ENVIRONMENT = {
    # Without it scikit-learn's OpenMP loops hang in a forked child.
    "OMP_NUM_THREADS": "1",
    # Without it joblib asks the machine about its cores, which a child may not.
    "LOKY_MAX_CPU_COUNT": "1",
    # Without it importing onnxruntime starts a thread and phones home.
    "ORT_DISABLE_TELEMETRY": "1",
}
"""All that a zygote's environment holds."""
TABLES_ENVIRONMENT = {
    # Without the first Arrow starts a thread when it is imported; the second spares address space.
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    "ARROW_DEFAULT_MEMORY_POOL": "system",
}
"""What the zygote for tables has besides."""

ROOT = Path(__file__).resolve().parent.parent
BOOT = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from jail.zygote import main; main(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))"
)
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 30.0
"""Seconds before a dead zygote is started again: doubled with each death, up to the longest."""
STEADY = 60.0
"""A zygote that lived this long has recovered; its next death counts as the first again."""
MAX_MESSAGE = 64 << 10


@dataclass(slots=True)
class Zygote:
    """One zygote as the daemon sees it. `state` is cold (not asked yet), warming, warm or dead."""

    kind: str
    process: subprocess.Popen[bytes] | None = None
    control: socket.socket | None = None
    state: str = "dead"
    facts: dict[str, Any] = field(default_factory=dict)
    restarts: int = -1
    started: float = 0.0
    pause: float = FIRST_PAUSE
    due: float = 0.0

    def start(self) -> None:
        """Exec a new zygote; it reports by itself once it is warm."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        descriptor = str(theirs.fileno())
        arguments = [str(ROOT), self.kind, descriptor, str(os.getpid())]
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-X", "utf8", "-c", BOOT, *arguments],
            env=ENVIRONMENT | (TABLES_ENVIRONMENT if self.kind == "tables" else {}),
            stdin=subprocess.DEVNULL,
            pass_fds=(theirs.fileno(),),
        )
        theirs.close()
        self.control = ours
        self.state = "warming"
        self.started = time.monotonic()
        self.restarts += 1

    def assign(self, assignment: Assignment, descriptors: list[int]) -> bool:
        """Hand over one assignment; False when the zygote is not there to take it."""
        if self.control is None or self.state != "warm":
            return False
        try:
            socket.send_fds(self.control, [json.dumps(assignment.as_json()).encode()], descriptors)
        except OSError:
            return False
        return True

    def listen(self) -> tuple[dict[str, Any] | None, list[int]]:
        """One message and its descriptors; None once the zygote is gone."""
        if self.control is None:
            return None, []
        try:
            data, descriptors, _, _ = socket.recv_fds(self.control, MAX_MESSAGE, 1)
        except ConnectionError:
            return None, []
        if not data:
            return None, descriptors
        message = json.loads(data)
        if message["event"] == "warm":
            self.state, self.facts = "warm", message
        return message, descriptors

    def bury(self) -> None:
        """Take down its death, and set when to start it again."""
        if self.control is not None:
            self.control.close()
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        now = time.monotonic()
        self.pause = FIRST_PAUSE if now - self.started > STEADY else self.pause
        self.due = now + self.pause
        self.pause = min(self.pause * 2, LONGEST_PAUSE)
        self.control, self.process, self.state = None, None, "dead"

    def as_json(self) -> dict[str, Any]:
        """For `status`."""
        return {
            "state": self.state,
            "pid": None if self.process is None else self.process.pid,
            "restarts": max(self.restarts, 0),
            "warm_up_seconds": self.facts.get("seconds"),
        }
