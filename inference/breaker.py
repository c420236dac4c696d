"""When to stop asking what keeps failing: a pause after each failure, each longer than the last."""

from __future__ import annotations

import time

FIRST_PAUSE = 0.25  # seconds after the first failure; doubled with each in a row
LONGEST_PAUSE = 30.0


class Breaker:
    """Failures in a row of one thing. Safe to use from threads: a lost count costs one try."""

    __slots__ = ("_failures", "_until")

    def __init__(self) -> None:
        self._failures = 0
        self._until = 0.0

    @property
    def pause(self) -> float:
        """Seconds until the next try is allowed; 0 where it is allowed now."""
        return max(0.0, self._until - time.monotonic()) if self._failures else 0.0

    def failed(self) -> None:
        """Nobody tries again before the pause is over."""
        pause = min(FIRST_PAUSE * 2**self._failures, LONGEST_PAUSE)
        self._failures = min(self._failures + 1, 16)
        self._until = time.monotonic() + pause

    def worked(self) -> None:
        """All is forgiven."""
        self._failures = 0
