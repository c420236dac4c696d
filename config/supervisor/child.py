"""One child that should be running: started, watched, started again with back-off."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from config.program import Program, kill_group

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 10.0
# A child that ran this long was healthy: its next failure counts as the first.
HEALTHY_AFTER = 30.0
LOG_MAX_BYTES = 20 * 1024 * 1024


class Child:
    """A program and its process, if there is one; `heal` runs before each start but the first."""

    def __init__(
        self, program: Program, log_folder: Path, heal: Callable[[], None] | None = None
    ) -> None:
        self.program = program
        self.log = log_folder / f"{program.name}.log"
        self.heal = heal
        self.process: subprocess.Popen[bytes] | None = None
        self.failures = 0
        self.started = 0.0
        self.due = 0.0

    @property
    def name(self) -> str:
        return self.program.name

    def start(self) -> subprocess.Popen[bytes]:
        self.rotate()
        self.started = time.monotonic()
        self.process = self.program.start(self.log)
        return self.process

    def keep(self) -> str | None:
        """Start it again when it is down and its pause is over; news for the operator, if any."""
        now = time.monotonic()
        if self.process is None:
            if now < self.due:
                return None
            if self.heal is not None:
                self.heal()
            self.start()
            return f"{self.name} is started again"
        code = self.process.poll()
        if code is None:
            return None
        kill_group(self.process)
        self.process = None
        self.failures = 1 if now - self.started > HEALTHY_AFTER else self.failures + 1
        pause = min(FIRST_PAUSE * 2 ** (self.failures - 1), LONGEST_PAUSE)
        self.due = now + pause
        return f"{self.name} ended with {code}; again in {pause:g} s (log: {self.log})"

    def ask_to_end(self, number: int | None = None) -> None:
        """Send its stop signal, or the one given."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number or self.program.stop_signal)

    def kill(self) -> None:
        """Kill it and whatever stayed behind in its process group, and reap it."""
        if self.process is None:
            return
        kill_group(self.process)
        self.process.wait()

    @property
    def gone(self) -> bool:
        return self.process is None or self.process.poll() is not None

    def rotate(self) -> None:
        """Keep one old log once this one is large. Writers append, so it may be cut under them."""
        try:
            if self.log.stat().st_size < LOG_MAX_BYTES:
                return
        except FileNotFoundError:
            return
        old = self.log.with_suffix(".log.1")
        old.unlink(missing_ok=True)
        old.touch(mode=0o600)
        old.write_bytes(self.log.read_bytes())
        with self.log.open("r+b") as file:
            file.truncate(0)
