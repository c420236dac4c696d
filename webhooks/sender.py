"""A sender: claims what is due, sends it by threads, notes what came of it, until nothing is due.

One runs in each worker process of the queue `webhooks`, as long as there is work. It alone speaks
to the database; its threads wait for receivers. Slow receivers hold threads, never the sender, and
those that keep failing hold half of the threads at most. Some threads are kept for webhooks that
hold none, so that a few with slow receivers and much to tell never have all of them.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue
from typing import Final

import structlog

from webhooks import services
from webhooks.counted import ATTEMPTS
from webhooks.sending import send_lane
from webhooks.services import Lane, Result
from webhooks.services.upkeep import something_is_due
from webhooks.waking import Alarm, ask_for_help, start_sender

logger = structlog.get_logger(__name__)

THREADS: Final = 24
RESERVED: Final = 6
# After which it claims no more and ends with what it holds; Celery would end it a little later.
LIFE_S: Final = 1500.0
LINGER_S: Final = 2.0  # it waits for more before it ends
LOOK_EVERY_S: Final = 0.5  # while nobody wakes it

Done = tuple[Lane, list[Result]]


class Sender:
    """One run. `send` returns how many attempts were made."""

    def __init__(self, *, linger_s: float = LINGER_S) -> None:
        self._linger_s = linger_s
        self._queue: SimpleQueue[Done | None] = SimpleQueue()  # None: look again
        self._busy: dict[Lane, None] = {}
        self._attempts = 0
        self._last_work = time.monotonic()

    def send(self) -> int:
        """Run until nothing is due for LINGER_S, or LIFE_S are over."""
        until = time.monotonic() + LIFE_S
        with Alarm(self._queue, None), ThreadPoolExecutor(THREADS, "webhooks") as threads:
            while True:
                claimed = self._claim(threads) if time.monotonic() < until else 0
                if not claimed and self._is_over(until):
                    break
                self._wait(at_once=bool(claimed) and len(self._busy) < THREADS)
        # What came after the last look and before the alarm was off woke nobody.
        if something_is_due():
            start_sender()
        return self._attempts

    def _claim(self, threads: ThreadPoolExecutor) -> int:
        room = THREADS - len(self._busy)
        suspects = sum(lane.on_trial for lane in self._busy) < THREADS // 2
        lanes = services.claim(room=room, reserved=RESERVED, suspects=suspects)
        for lane in lanes:
            self._busy[lane] = None
            threads.submit(self._run, lane)
        if lanes:
            self._last_work = time.monotonic()
        if lanes and len(lanes) >= room - RESERVED:
            ask_for_help()
        return len(lanes)

    def _run(self, lane: Lane) -> None:
        """In a thread: the results come back by the queue, whatever happens."""
        results: list[Result] = []
        try:
            results = send_lane(lane)
        except Exception:  # a fault of ours must not keep the lane for ever
            logger.exception("lane_failed", webhook_id=str(lane.webhook.id))
        finally:
            self._queue.put((lane, results))

    def _wait(self, *, at_once: bool) -> None:
        """Wait for a result or the alarm; take all there are, and note the results."""
        done: list[Done] = []
        try:
            one = self._queue.get(timeout=0.0 if at_once else LOOK_EVERY_S)
            while True:
                if one is not None:
                    done.append(one)
                one = self._queue.get_nowait()
        except Empty:
            pass
        services.record(done)
        for lane, results in done:
            self._busy.pop(lane)
            self._attempts += len(results)
            for result in results:
                ATTEMPTS.of(result.outcome.value).add()

    def _is_over(self, until: float) -> bool:
        if self._busy:
            return False
        now = time.monotonic()
        return now >= until or now - self._last_work >= self._linger_s
