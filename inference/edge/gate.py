"""How many threads Django may hold: at most half, so that predictions never starve."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from common.errors import Unavailable

WAIT = 1.0  # seconds a request waits for a place

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]


class Gate:
    """Django behind a counter.

    Half of the threads may be in Django; a quarter may wait for a place, since whoever waits holds
    a thread as well. The rest are told to come back.
    """

    def __init__(self, django: Application, *, threads: int) -> None:
        self._django = django
        self._places = threading.BoundedSemaphore(max(1, threads // 2))
        self._waiting = threading.BoundedSemaphore(max(1, threads // 4))

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Raises Unavailable where no place came free."""
        if not self._places.acquire(blocking=False):
            self._wait()
        streams = False
        try:
            answer = self._django(environ, start_response)
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
