"""It admits what a token bucket admits, and not one more, whoever keeps it."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from django.conf import settings

from common.limits import Bucket, Limiter, LimitExceeded, Rate
from common.limits.rates import Place
from common.limits.stores import MemoryStore, RedisStore

DAY = 86_400
SLOW = Rate("day", 10, DAY)


def fresh(*rates: Rate, tag: str = "") -> Bucket:
    return Bucket(f"test:{uuid.uuid4()}", rates, tag)


@pytest.fixture(params=["redis", "memory"])
def limiter(request: Any) -> Limiter:
    store = RedisStore(settings.REDIS_URL) if request.param == "redis" else MemoryStore()
    return Limiter(store, workers=2)


@pytest.fixture
def server() -> Iterator[redis.Redis]:
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        yield client


def admitted(limiter: Limiter, buckets: list[Bucket], calls: int, cost: int = 1) -> int:
    count = 0
    for _ in range(calls):
        try:
            limiter.take(buckets, cost)
        except LimitExceeded:
            continue
        count += 1
    return count


def test_a_quota_is_admitted_and_no_more(limiter: Limiter) -> None:
    assert admitted(limiter, [fresh(SLOW)], 15) == 10


def test_a_refusal_says_how_long_to_wait_and_what_is_spent(limiter: Limiter) -> None:
    bucket = fresh(SLOW, Rate("minute", 100, 60))
    admitted(limiter, [bucket], 10)
    with pytest.raises(LimitExceeded) as refused:
        limiter.take([bucket])
    assert DAY / 10 - 2 < (refused.value.retry_after or 0) <= DAY / 10
    assert refused.value.members == {"violated-policies": ["day"]}
    assert "10 per day" in refused.value.message


@pytest.mark.parametrize("tags", [("one", "one"), ("one", "two")])
def test_what_one_bucket_refuses_costs_the_others_nothing(
    limiter: Limiter, tags: tuple[str, str]
) -> None:
    """Of two tags the buckets are asked one after the other: what the second refuses goes back."""
    user = fresh(Rate("day", 10, DAY), tag=tags[0])
    organization = fresh(Rate("day", 4, DAY), tag=tags[1])
    assert admitted(limiter, [user, organization], 8) == 4
    assert limiter.take([user])[0].remaining == 5
    assert admitted(limiter, [organization, user], 8) == 0
    assert limiter.take([user])[0].remaining == 4


@pytest.mark.parametrize("tags", [("one", "one"), ("one", "two")])
def test_a_lease_is_as_large_as_the_smallest_bucket_allows(
    limiter: Limiter, tags: tuple[str, str]
) -> None:
    user = fresh(Rate("hour", 1_000_000, 3600), tag=tags[0])
    organization = fresh(Rate("minute", 1300, 60), tag=tags[1])
    answer = limiter.lease([user, organization], 1000)
    assert answer.granted == organization.rates[0].capacity // 16  # an eighth, for two workers
    assert limiter.take([user])[0].remaining >= user.rates[0].capacity - answer.granted - 1


def test_a_call_may_cost_more_than_one_token(limiter: Limiter) -> None:
    bucket = fresh(SLOW)
    assert admitted(limiter, [bucket], 5, cost=3) == 3
    assert admitted(limiter, [bucket], 5) == 1


def test_a_call_dearer_than_the_limit_takes_the_whole_of_it(limiter: Limiter) -> None:
    assert admitted(limiter, [fresh(SLOW)], 2, cost=11) == 1


def test_whoever_waits_as_told_is_admitted(limiter: Limiter) -> None:
    bucket = fresh(Rate("fast", 5, 1))
    for _ in range(5):
        limiter.take([bucket])
    for _ in range(10):
        with pytest.raises(LimitExceeded) as refused:
            limiter.take([bucket])
        time.sleep(refused.value.retry_after or 0)
        limiter.take([bucket])


def test_an_idle_bucket_leaves_nothing_behind(server: redis.Redis) -> None:
    bucket = fresh(Rate("quick", 10, 1))
    Limiter(RedisStore(settings.REDIS_URL), workers=2).take([bucket])
    key = Place.of(bucket, bucket.rates[0]).key
    assert 0 < server.pttl(key) <= 102
    time.sleep(0.15)
    assert not server.exists(key)


def test_a_raised_quota_is_there_at_once_and_a_lowered_one_too(limiter: Limiter) -> None:
    key = f"test:{uuid.uuid4()}"
    assert admitted(limiter, [Bucket(key, (Rate("day", 10, DAY),))], 11) == 10
    assert admitted(limiter, [Bucket(key, (Rate("day", 15, DAY),))], 11) == 5
    assert admitted(limiter, [Bucket(key, (Rate("day", 5, DAY),))], 1) == 0


def test_large_numbers_are_counted_exactly(limiter: Limiter) -> None:
    bucket = fresh(Rate("hour", 10**9, 3600))
    first = limiter.take([bucket])[0].remaining
    capacity = bucket.rates[0].capacity
    assert first == capacity - 1
    assert limiter.take([bucket], cost=12_345_678)[0].remaining >= first - 12_345_678


def test_a_rate_that_can_not_be_counted_exactly_is_refused() -> None:
    for quota, window in ((0, 60), (1, 0), (2**52, 1)):
        with pytest.raises(ValueError, match="There is no rate"):
            Rate("x", quota, window)


def test_a_script_that_redis_forgot_is_sent_again(server: redis.Redis) -> None:
    bucket = fresh(SLOW)
    limiter = Limiter(RedisStore(settings.REDIS_URL), workers=2)
    limiter.take([bucket])
    server.script_flush()
    assert limiter.take([bucket])[0].remaining == 8
    assert limiter.degraded_since is None
