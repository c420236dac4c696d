"""Where buckets are kept: in Redis for all processes, or in one process's memory."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from redis.exceptions import NoScriptError

from common.limits.rates import MS, Answer, Place, Standing
from common.spent import TimedRedis

SCRIPT = Path(__file__).with_name("bucket.lua").read_bytes()
SHA = hashlib.sha1(SCRIPT, usedforsecurity=False).hexdigest()
TIMEOUT = 0.5  # seconds for an answer of Redis; then the breaker opens
MOST_KEPT = 100_000


class Store(Protocol):
    """Takes from all places or from none."""

    def ask(self, places: Sequence[Place], *, least: int, most: int, parts: int = 1) -> Answer:
        """Grant between `least` and `most` tokens, leaving others their part of what is left.

        With a negative `most`, give so many back.
        """
        ...


class RedisStore:
    """One script, on the server's clock. Raises redis's errors, within TIMEOUT."""

    def __init__(self, url: str) -> None:
        self._redis: Any = TimedRedis.from_url(
            url, socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT, retry=None
        )

    def ask(self, places: Sequence[Place], *, least: int, most: int, parts: int = 1) -> Answer:
        keys = [place.key for place in places]
        numbers = [least, most, parts]
        for place in places:
            rate = place.rate
            numbers += [rate.quota, rate.window * MS, rate.capacity]
        try:
            said = self._redis.evalsha(SHA, len(keys), *keys, *numbers)
        except NoScriptError:  # a server that was started anew knows no script
            said = self._redis.eval(SCRIPT, len(keys), *keys, *numbers)
        standings = [
            Standing(place.rate, said[i], said[i + 1])
            for place, i in zip(places, range(2, len(said), 2), strict=True)
        ]
        return Answer(said[0], said[1] / MS, standings)


class MemoryStore:
    """The same reckoning for one process, on its monotonic clock.

    Keeps the MOST_KEPT buckets asked for last. With `empty`, a bucket begins with one token: what
    stands in for Redis in a moment of need hands nobody another full one.
    """

    def __init__(self, *, empty: bool = False) -> None:
        self._kept: OrderedDict[str, tuple[int, int]] = OrderedDict()  # debt, and when
        self._lock = threading.Lock()
        self._empty = empty

    def ask(self, places: Sequence[Place], *, least: int, most: int, parts: int = 1) -> Answer:
        with self._lock:
            now = time.monotonic_ns() // 1_000_000
            debts = [self._debt(place, now) for place in places]
            granted, wait = most, 0
            if most > 0:
                granted, wait = _grant(places, debts, least, most, parts)
            standings = []
            for place, before in zip(places, debts, strict=True):
                debt = before
                if granted:
                    taken = min(granted, place.rate.capacity)
                    debt = max(0, before + taken * place.rate.window * MS)
                    self._keep(place.key, debt, now)
                standings.append(_standing(place, debt))
            return Answer(granted, wait / MS, standings)

    def _debt(self, place: Place, now: int) -> int:
        kept = self._kept.get(place.key)
        if kept is None:
            return (place.rate.capacity - 1) * place.rate.window * MS if self._empty else 0
        debt, at = kept
        return max(0, debt - (now - at) * place.rate.quota)

    def _keep(self, key: str, debt: int, now: int) -> None:
        self._kept[key] = debt, now
        self._kept.move_to_end(key)
        if len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)


def _grant(
    places: Sequence[Place], debts: Sequence[int], least: int, most: int, parts: int
) -> tuple[int, int]:
    """Tokens, or 0 and the ms until there are enough."""
    granted, wait = most, 0
    for place, debt in zip(places, debts, strict=True):
        rate, window = place.rate, place.rate.window * MS
        room = rate.capacity * window - debt
        need = min(least, rate.capacity)
        if room // window < need:
            wait = max(wait, -((room - need * window) // rate.quota))
        else:
            granted = min(granted, max(least, room // window // parts))
    return (0, wait) if wait else (granted, 0)


def _standing(place: Place, debt: int) -> Standing:
    rate, window = place.rate, place.rate.window * MS
    room = rate.capacity * window - debt
    free = max(0, room // window)
    more = -((room - (free + 1) * window) // rate.quota) if free < rate.capacity else 0
    return Standing(rate, free, more)
