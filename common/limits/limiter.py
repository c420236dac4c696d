"""The limiter of a process: asks Redis, and itself while Redis is away."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import attrgetter

import structlog
from redis.exceptions import RedisError

from common.limits.errors import LimitExceeded
from common.limits.rates import Answer, Bucket, Place, Standing
from common.limits.stores import MemoryStore, Store

logger = structlog.get_logger(__name__)

LOOK_EVERY = 0.25  # seconds between two looks whether Redis is back
SHARES = 8  # of what is left; one call leases one of them, shared by all workers


class Limiter:
    """Takes tokens from buckets: exactly, with every process that asks the same Redis.

    While Redis can't be asked, each of the `workers` processes grants its share of every limit from
    its own memory; a thread looks when Redis is back, so that no request waits for it.
    """

    def __init__(self, store: Store, *, workers: int) -> None:
        self.store = store
        self.workers = workers
        self.degraded_since: float | None = None
        """Since when limits are this process's own (monotonic clock); None while all is well."""
        self._own = MemoryStore()
        self._strict = MemoryStore(empty=True)
        self._lock = threading.Lock()

    def take(
        self, buckets: Iterable[Bucket], cost: int = 1, *, strict: bool = False
    ) -> list[Standing]:
        """Take `cost` tokens from every rate of every bucket, or raise LimitExceeded and take none.

        Returns where each rate stands then. Never fails for want of Redis: `strict` is for limits
        that keep attackers out, which begin with a single token when this process must do without.
        """
        answer = self.ask(buckets, least=cost, most=cost, strict=strict)
        if not answer.granted:
            raise LimitExceeded.of(answer.standings, answer.wait, cost=cost)
        return answer.standings

    def lease(self, buckets: Iterable[Bucket], most: int) -> Answer:
        """Up to `most` tokens in advance, at least one, leaving other workers theirs."""
        return self.ask(buckets, least=1, most=most, parts=SHARES * self.workers)

    def ask(
        self,
        buckets: Iterable[Bucket],
        *,
        least: int,
        most: int,
        parts: int = 1,
        strict: bool = False,
    ) -> Answer:
        """Between `least` and `most` tokens, or none and how long to wait."""
        places = [Place.of(bucket, rate) for bucket in buckets for rate in bucket.rates]
        if not places:
            return Answer(most, 0.0)
        if self.degraded_since is None:
            try:
                return self._ask_all(places, least, most, parts)
            except (RedisError, OSError) as error:
                self._degrade(error)
        own = [Place(place.key, place.rate.shared(self.workers), place.tag) for place in places]
        store = self._strict if strict else self._own
        return store.ask(own, least=least, most=most, parts=1 if parts == 1 else SHARES)

    def _ask_all(self, places: Sequence[Place], least: int, most: int, parts: int) -> Answer:
        """One call for each node that holds some of the places; what a later refuses goes back."""
        groups = [list(group) for _, group in groupby(places, attrgetter("tag"))]
        answer = self.store.ask(groups[0], least=least, most=most, parts=parts)
        asked, granted, standings = [(groups[0], answer.granted)], answer.granted, answer.standings
        for group in groups[1:]:
            if not granted:
                break
            answer = self.store.ask(group, least=least, most=granted, parts=parts)
            asked.append((group, answer.granted))
            granted, standings = answer.granted, standings + answer.standings
        for group, had in asked[:-1]:
            if had > granted:
                self.store.ask(group, least=0, most=granted - had)
        return Answer(granted, answer.wait, standings)

    def _degrade(self, error: Exception) -> None:
        with self._lock:
            if self.degraded_since is not None:
                return
            self.degraded_since = time.monotonic()
            logger.error("limits_degraded", error=str(error), share=f"1/{self.workers}")
            threading.Thread(target=self._await_redis, name="limits", daemon=True).start()

    def _await_redis(self) -> None:
        while True:
            time.sleep(LOOK_EVERY)
            try:
                self.store.ask([], least=1, most=1)
            except (RedisError, OSError):
                continue
            self.degraded_since = None
            logger.warning("limits_restored")
            return
