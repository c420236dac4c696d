"""One deadline for a whole request: when it passes, the connection is shut from outside.

A time-out on a socket begins anew with every byte. Whoever sends one byte a second, in the TLS
handshake, in a header or in the body, would hold a thread for ever.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import os
import socket
import threading
import time


class Deadline:
    """How long one request may still take, and the connection that is shut when it is over."""

    def __init__(self, seconds: float) -> None:
        self.at = time.monotonic() + seconds
        self.passed = False
        self._line: socket.socket | None = None
        self._lock = threading.Lock()

    @property
    def left(self) -> float:
        """Seconds; never less than a thousandth, which sockets take for `at once`."""
        return max(self.at - time.monotonic(), 0.001)

    def guard(self, line: socket.socket) -> None:
        """Shut this connection when the time is over.

        A duplicate is kept: TLS takes the original's descriptor for its own, and has no `dup`.
        """
        with self._lock:
            self._close()
            self._line = socket.socket(fileno=os.dup(line.fileno()))
        _watch.add(self)

    def release(self) -> None:
        """The request is over; nothing is shut any more."""
        with self._lock:
            self._close()

    def expire(self) -> None:
        """Shut the connection, if the request is not over."""
        with self._lock:
            if self._line is None:
                return
            self.passed = True
            with contextlib.suppress(OSError):  # the other side was faster
                self._line.shutdown(socket.SHUT_RDWR)
            self._close()

    def _close(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None


class _Watch:
    """One thread that waits for the next deadline; it begins with the first."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Deadline]] = []
        self._count = itertools.count()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def add(self, deadline: Deadline) -> None:
        with self._changed:
            heapq.heappush(self._heap, (deadline.at, next(self._count), deadline))
            # A process that was forked has the object and not the thread.
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="deadlines", daemon=True)
                self._thread.start()
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._heap:
                    self._changed.wait()
                at, _, deadline = self._heap[0]
                pause = at - time.monotonic()
                if pause > 0:
                    self._changed.wait(pause)
                    continue
                heapq.heappop(self._heap)
            deadline.expire()


_watch = _Watch()
