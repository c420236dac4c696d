"""Waiting that a signal ends: the supervisor sleeps here and nowhere else."""

from __future__ import annotations

import contextlib
import os
import select
import signal
from types import FrameType

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopAskedError(Exception):
    """Somebody pressed Ctrl-C or sent SIGTERM."""


class Signals:
    """Turns signals into wake-ups: SIGCHLD ends a wait early, a stop signal raises."""

    def __init__(self) -> None:
        self.asked = 0
        self._reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        for number in STOP_SIGNALS:
            signal.signal(number, self._stop)
        signal.signal(signal.SIGCHLD, self._child)

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self.asked += 1

    def _child(self, _number: int, _frame: FrameType | None) -> None:
        """Nothing to do: having a handler is what wakes the wait."""

    def rest(self, seconds: float) -> None:
        """Sleep until the time is over, a child ended or a signal came."""
        select.select([self._reader], [], [], max(seconds, 0))
        with contextlib.suppress(BlockingIOError):
            while os.read(self._reader, 512):
                pass

    def wait(self, seconds: float) -> None:
        """The same, but a request to stop raises.

        Raises:
            StopAskedError: a stop signal came, now or before.
        """
        if not self.asked:
            self.rest(seconds)
        if self.asked:
            raise StopAskedError
