"""Password hashing that can't be made to eat the machine's memory."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator

from django.contrib.auth.hashers import Argon2PasswordHasher

from common.errors import Unavailable

QUEUE_SECONDS = 2.0
_permits = threading.BoundedSemaphore(len(os.sched_getaffinity(0)))


@contextlib.contextmanager
def _permit() -> Iterator[None]:
    """One of as many permits as there are cores; Unavailable after two seconds of waiting."""
    if not _permits.acquire(timeout=QUEUE_SECONDS):
        raise Unavailable("Too many log-ins at once. Try again.", code="busy", retry_after=2)
    try:
        yield
    finally:
        _permits.release()


class BoundedArgon2PasswordHasher(Argon2PasswordHasher):
    """argon2id with 19 MiB, 2 passes, 1 lane: OWASP's password storage cheat sheet, 2nd choice.

    At most as many at once as there are cores: a flood of log-ins takes 19 MiB a core, no more.
    """

    time_cost = 2
    memory_cost = 19 * 1024
    parallelism = 1

    def encode(self, password: str, salt: str) -> str:
        with _permit():
            return super().encode(password, salt)

    def verify(self, password: str, encoded: str) -> bool:
        with _permit():
            return super().verify(password, encoded)
