"""It never spends more by leases than the limit says, whatever the order of things."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.limits import Bucket, Limiter, LimitExceeded, Rate, lease, leases
from common.limits.rates import LEASE_SPAN, MS
from common.limits.stores import MemoryStore

WORKERS = 4
RATE = Rate("fast", 2000, 10)  # 200 a second: leases of up to 20
SLOW = Rate("slow", 100, 3600)


class World:
    """Some workers' leases on one bucket, a clock that stands still, and a true token bucket.

    `spent` raises AssertionError where the true bucket would have been empty.
    """

    def __init__(self, *rates: Rate) -> None:
        self.ms = 1_000_000
        self.rate = rates[0]
        self.level = Fraction(self.rate.quota)
        self.admitted = 0
        self.limiter = Limiter(MemoryStore(), workers=WORKERS)
        self.buckets = [Bucket("test", rates)]
        self.leases = [lease(self.limiter, self.buckets) for _ in range(WORKERS)]

    @property
    def now(self) -> float:
        return self.ms / MS

    def pass_(self, ms: int) -> None:
        self.ms += ms
        more = Fraction(self.rate.quota * ms, self.rate.window * MS)
        self.level = min(Fraction(self.rate.quota), self.level + more)

    def take(self, worker: int) -> bool:
        try:
            self.leases[worker].take(self.now)
        except LimitExceeded:
            return False
        self._spend()
        return True

    def take_directly(self) -> None:
        try:
            self.limiter.take(self.buckets)
        except LimitExceeded:
            return
        self._spend()

    def _spend(self) -> None:
        self.level -= 1
        self.admitted += 1
        assert self.level >= 0


class Immediately:
    def wake(self, lease: leases.Lease) -> None:
        lease.refill()


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("pass"), st.integers(1, 400), st.just(1)),
        st.tuples(st.just("take"), st.integers(0, WORKERS - 1), st.integers(1, 400)),
        st.tuples(st.just("directly"), st.just(0), st.integers(1, 400)),
    ),
    max_size=40,
)


@contextmanager
def world(*rates: Rate) -> Iterator[World]:
    """A new world whose clock is the one that leases and store read.

    The thread that refills is the one that takes, so that nothing happens by chance.
    """
    made = World(*rates)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(leases, "monotonic", lambda: made.now)
        patch.setattr(time, "monotonic_ns", lambda: made.ms * 1_000_000)
        patch.setattr(leases, "_refiller", Immediately())
        yield made


@settings(deadline=None, max_examples=200)
@given(steps=STEPS)
def test_no_order_of_things_admits_more(steps: list[tuple[str, int, int]]) -> None:
    with world(RATE) as made:
        for what, number, count in steps:
            for _ in range(count):
                if what == "pass":
                    made.pass_(number)
                elif what == "take":
                    made.take(number)
                else:
                    made.take_directly()


def grow(made: World, worker: int) -> leases.Block:
    """Have a worker call a thousand times a second until its leases are as large as can be."""
    leased = made.leases[worker]
    assert isinstance(leased, leases.Lease)
    while leased._block.size < RATE.per_second * LEASE_SPAN:
        made.pass_(1)
        assert made.take(worker)
    return leased._block


def test_tokens_in_hand_while_the_bucket_refills_are_no_surplus() -> None:
    """A worker has leased and pauses, the bucket fills up again, then all spend at once."""
    with world(RATE) as made:
        block = grow(made, 0)
        made.pass_(int((block.until - made.now) * MS) - 1)
        assert made.level == RATE.quota
        for worker in range(WORKERS):
            while made.take(worker):
                pass


def test_a_lease_is_void_a_quarter_second_after_its_grant() -> None:
    with world(RATE) as made:
        grow(made, 0)
        made.pass_(250)
        before = made.limiter.ask(made.buckets, least=1, most=1).standings[0].remaining
        made.take(0)
        after = made.limiter.ask(made.buckets, least=1, most=1).standings[0].remaining
        assert after == before - 2  # it was asked for, and one token at a time again


def test_a_caller_who_comes_seldom_leases_no_more_than_they_use() -> None:
    with world(RATE) as made:
        for _ in range(50):
            made.pass_(300)
            made.take(0)
        assert made.limiter.take(made.buckets)[0].remaining == RATE.capacity - 2


def test_a_slow_rate_is_asked_for_each_call() -> None:
    with world(RATE, SLOW) as made:
        for _ in range(20):
            made.pass_(1)
            made.take(0)
        remaining = made.limiter.take(made.buckets)[1].remaining
        assert remaining == SLOW.quota - 21


def test_a_nearly_spent_limit_is_asked_for_each_call() -> None:
    with world(RATE) as made:
        made.limiter.take(made.buckets, cost=RATE.capacity - 25)
        count = 0
        while made.take(0):
            count += 1
        assert count == 25
        assert not made.take(1)


def test_a_flood_of_refused_calls_asks_once_a_second() -> None:
    with world(SLOW) as made:
        made.limiter.take(made.buckets, cost=SLOW.quota)
        asked = 0
        real = made.limiter.store.ask

        def ask(*args: Any, **options: Any) -> Any:
            nonlocal asked
            asked += 1
            return real(*args, **options)

        made.limiter.store.ask = ask  # type: ignore[method-assign]
        for _ in range(100):
            assert not made.take(0)
        assert asked == 1
        made.pass_(1001)
        assert not made.take(0)
        assert asked == 2


def test_a_refusal_tells_the_time_that_is_left() -> None:
    with world(SLOW) as made:
        made.limiter.take(made.buckets, cost=SLOW.quota)
        for passed in (0, 500, 900):
            made.pass_(passed)
            with pytest.raises(LimitExceeded) as refused:
                made.leases[0].take(made.now)
            assert refused.value.retry_after == pytest.approx(36 - (made.ms - 1_000_000) / MS)
        made.pass_(36_000)
        assert made.take(0)


def test_headers_count_down_over_leases() -> None:
    with world(Rate("fast", 200_000, 1000)) as made:
        told = []
        for _ in range(300):
            fields = dict(made.leases[0].take(made.now))
            told.append(int(fields["X-RateLimit-Remaining"]))
            assert f'"fast";r={told[-1]};t=1' == fields["RateLimit"]
        first = made.rate.capacity - 1
        assert told == list(range(first, first - 300, -1))


def test_many_threads_are_given_each_token_once() -> None:
    limiter = Limiter(MemoryStore(), workers=1)
    rate = Rate("fast", 50_000, 100)
    leased = lease(limiter, [Bucket("test", (rate,))])
    began = time.monotonic()

    def spend(_: int) -> int:
        count = 0
        for _ in range(10_000):
            try:
                leased.take(time.monotonic())
            except LimitExceeded:
                continue
            count += 1
        return count

    with ThreadPoolExecutor(8) as pool:
        total = sum(pool.map(spend, range(8)))
    refilled = (time.monotonic() - began) * rate.per_second
    assert rate.capacity - 100 <= total <= rate.quota + refilled


def test_who_has_no_rate_has_no_limit_and_no_headers() -> None:
    leased = lease(Limiter(MemoryStore(), workers=1), [Bucket("test", ())])
    assert [leased.take(0.0) for _ in range(3)] == [[], [], []]
