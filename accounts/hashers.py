"""Password hashing that can't be made to eat the machine's memory."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator

from django.conf import settings
from django.contrib.auth.hashers import Argon2PasswordHasher

from common.errors import Unavailable

MOST_WAITING = 4


class Permits:
    """So many hash at once, MOST_WAITING more wait their turn, and the rest are sent away."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._free = threading.Semaphore(most)
        self._lock = threading.Lock()
        self._inside = 0

    @contextlib.contextmanager
    def one(self) -> Iterator[None]:
        """Hold a permit; Unavailable at once where too many wait for one already."""
        with self._lock:
            if self._inside >= self._most + MOST_WAITING:
                raise Unavailable(
                    "Too many log-ins at once. Try again.", code="busy", retry_after=1
                )
            self._inside += 1
        try:
            with self._free:
                yield
        finally:
            with self._lock:
                self._inside -= 1


def _share_of_cores() -> int:
    """Of the cores, what falls to this process: web workers hash next to each other."""
    cores = len(os.sched_getaffinity(0))
    return max(1, cores // settings.WEB_WORKERS) if settings.SLIPWAY_ROLE == "web" else cores


permits = Permits(_share_of_cores())


class BoundedArgon2PasswordHasher(Argon2PasswordHasher):
    """argon2id with 19 MiB, 2 passes, 1 lane: OWASP's password storage cheat sheet, 2nd choice.

    At most as many at once as there are cores: a flood of log-ins takes 19 MiB a core, no more.
    """

    time_cost = 2
    memory_cost = 19 * 1024
    parallelism = 1

    def encode(self, password: str, salt: str) -> str:
        with permits.one():
            return super().encode(password, salt)

    def verify(self, password: str, encoded: str) -> bool:
        with permits.one():
            return super().verify(password, encoded)
