"""How much, of what: rates, the buckets they fill, and where a bucket stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

MS = 1000
LEASE_LIFE = 0.25  # seconds after its grant in which a leased token may be spent
LEASE_SPAN = 0.1  # seconds of its rate that a lease holds at most
LEASED_FROM = 20  # tokens a second from which on leases are worth their while
# Levels are counted in 1/(window in ms) of a token, so that a millisecond's refill is a whole
# number; up to here a double, which is what Redis's scripts reckon with, holds each exactly.
MOST = 2**52


@dataclass(frozen=True, slots=True)
class Rate:
    """A token bucket's size and speed: `quota` tokens at once, refilled evenly over `window` s.

    In any t seconds at most quota + quota * t / window are admitted.
    """

    name: str
    quota: int
    window: int

    def __post_init__(self) -> None:
        if self.quota < 1 or self.window < 1 or self.quota * self.window * MS > MOST:
            raise ValueError(f"There is no rate of {self.quota} in {self.window} s.")

    @property
    def per_second(self) -> float:
        return self.quota / self.window

    @property
    def is_leased(self) -> bool:
        """Whether it is fast enough for processes to take tokens in advance."""
        return self.quota >= LEASED_FROM * self.window

    @property
    def capacity(self) -> int:
        """Tokens the bucket holds when full.

        A leased token is spent up to LEASE_LIFE after it left the bucket, and the bucket refills
        meanwhile. Keeping back what it refills by in that time makes the quota hold for what is
        spent as well.
        """
        if not self.is_leased:
            return self.quota
        return self.quota - -(-self.quota * int(LEASE_LIFE * MS) // (self.window * MS))

    def shared(self, parts: int) -> Rate:
        """One of so many equal parts of it, at least one token."""
        return Rate(self.name, max(1, self.quota // parts), self.window)


@dataclass(frozen=True, slots=True)
class Bucket:
    """Whose tokens: a key such as `user:<id>`, and the rates that all must have one.

    Buckets with one `tag` lie on one node of a Redis cluster, and are asked in one call.
    """

    key: str
    rates: tuple[Rate, ...]
    tag: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where one rate of one bucket is kept."""

    key: str
    rate: Rate
    tag: str

    @classmethod
    def of(cls, bucket: Bucket, rate: Rate) -> Place:
        tag = bucket.tag or bucket.key
        return cls(f"slipway:limits:{{{tag}}}:{bucket.key}:{rate.window}", rate, tag)


class Standing(NamedTuple):
    """Where a rate stands: tokens left, and ms until there are more (0 where it is full)."""

    rate: Rate
    remaining: int
    more_in: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What a store says: tokens granted, or 0 and the seconds until there are enough."""

    granted: int
    wait: float
    standings: list[Standing] = field(default_factory=list)
