"""Limits on how often something may be done: token buckets, exact over all processes.

    limiter().take([Bucket(f"user:{user.id}", (Rate("minute", 6000, 60),))])

raises LimitExceeded (429, with Retry-After) where the bucket is empty.
"""

from __future__ import annotations

from functools import cache

from common.limits.errors import LimitExceeded
from common.limits.fields import limit_fields
from common.limits.leases import Lease, Unlimited, lease
from common.limits.limiter import Limiter
from common.limits.rates import Bucket, Rate, Standing
from common.limits.stores import MemoryStore, RedisStore

__all__ = [
    "Bucket",
    "Lease",
    "LimitExceeded",
    "Limiter",
    "Rate",
    "Standing",
    "Unlimited",
    "lease",
    "limit_fields",
    "limiter",
]


@cache
def limiter() -> Limiter:
    """This process's limiter, on the backend that LIMITS_BACKEND names."""
    from django.conf import settings

    if settings.LIMITS_BACKEND == "memory":
        return Limiter(MemoryStore(), workers=1)
    return Limiter(RedisStore(settings.REDIS_URL), workers=settings.SERVING_PROCESSES)
