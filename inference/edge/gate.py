"""How much of a process Django may have, so that predictions neither starve nor wait long.

Threads are one thing: at most half may be in Django. The interpreter is another, which a thread of
Django's keeps for milliseconds at a time while predictions, which need it for microseconds, stand
behind. So while predictions come in, Django's requests take turns.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from common.errors import Unavailable
from common.meter import Counter, Histogram

WAIT = 1.0  # seconds a request waits for a place
LATELY = 0.1  # seconds after a prediction for which turns are taken
# Seconds a request waits for its turn at most. A turn may be long (a report, a model in a jail),
# and whoever waits holds a place: this is to space requests out, not to have them queue.
PATIENCE = 0.25
LONG = len("100000")  # digits of the length of a body that is an upload

WAITED = "slipway.waited_ns"
"""Where in a request's environ it stands how long it waited here."""
WAITS = Histogram(
    "slipway_gate_wait_seconds", "Requests that waited for a place in Django, and how long."
)
REFUSALS = Counter(
    "slipway_gate_refusals_total", "Requests that were told to come back: Django was full."
)

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]


class Gate:
    """Django behind a counter.

    Half of the threads may be in Django; a quarter may wait for a place, since whoever waits holds
    a thread as well. The rest are told to come back. `predicted_at` is when the last prediction
    came in, on the monotonic clock.
    """

    def __init__(self, django: Application, *, threads: int) -> None:
        self._django = django
        self._places = threading.BoundedSemaphore(max(1, threads // 2))
        self._waiting = threading.BoundedSemaphore(max(1, threads // 4))
        self._turns = threading.Lock()
        self.predicted_at = float("-inf")

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Raises Unavailable where no place came free."""
        if not self._places.acquire(blocking=False):
            began = time.monotonic_ns()
            try:
                self._wait()
            except Unavailable:
                REFUSALS.of().add()
                raise
            environ[WAITED] = time.monotonic_ns() - began
            WAITS.of().observe(environ[WAITED])
        streams = False
        try:
            answer = self._answer(environ, start_response)
            streams = bool(getattr(answer, "streaming", True))
            if streams:
                return _Held(answer, self._places)
            try:
                return list(answer)
            finally:
                answer.close()  # type: ignore[attr-defined]  # Django's answers have it
        finally:
            if not streams:
                self._places.release()

    def _answer(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if not self._takes_turns(environ):
            return self._django(environ, start_response)
        began = time.monotonic_ns()
        has_turn = self._turns.acquire(timeout=PATIENCE)
        environ[WAITED] = environ.get(WAITED, 0) + time.monotonic_ns() - began
        if not has_turn:
            return self._django(environ, start_response)
        try:
            return self._django(environ, start_response)
        finally:
            self._turns.release()

    def _takes_turns(self, environ: Environ) -> bool:
        """While predictions come in, all but uploads, which mostly wait for the network."""
        if time.monotonic() - self.predicted_at > LATELY:
            return False
        length: str = environ.get("CONTENT_LENGTH", "")
        return len(length) < LONG and "HTTP_TRANSFER_ENCODING" not in environ

    def _wait(self) -> None:
        if not self._waiting.acquire(blocking=False):
            raise _full()
        try:
            if not self._places.acquire(timeout=WAIT):
                raise _full()
        finally:
            self._waiting.release()


class _Held:
    """An answer that gives its place back when the server has sent the last of it."""

    def __init__(self, answer: Iterable[bytes], places: threading.BoundedSemaphore) -> None:
        self._answer = answer
        self._places: threading.BoundedSemaphore | None = places

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._answer)

    def close(self) -> None:
        close = getattr(self._answer, "close", None)
        try:
            if close is not None:
                close()
        finally:
            places, self._places = self._places, None
            if places is not None:
                places.release()

    def __del__(self) -> None:
        """A server that drops a broken connection may not close what it was sending."""
        self.close()


def _full() -> Unavailable:
    return Unavailable("The server is busy. Try again in a moment.", code="busy", retry_after=1)
