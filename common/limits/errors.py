"""What a spent limit refuses with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from common.errors import Limited
from common.limits.rates import Standing

WINDOWS = {60: "minute", 3600: "hour", 86_400: "day"}


class LimitExceeded(Limited):
    """A rate has too few tokens left. `retry_after` is the seconds until it has enough."""

    def __init__(
        self, message: str, standings: Sequence[Standing], violated: Sequence[str], wait: float
    ) -> None:
        super().__init__(message, retry_after=wait)
        self.standings = standings
        self.violated = violated

    @classmethod
    def of(cls, standings: Sequence[Standing], wait: float, *, cost: int = 1) -> LimitExceeded:
        """With the rates named that have less than `cost`."""
        rates = [one.rate for one in standings if one.remaining < min(cost, one.rate.capacity)]
        limits = ", ".join(
            f"{rate.quota:,} per {WINDOWS.get(rate.window, f'{rate.window} s')}" for rate in rates
        )
        message = f"That is more than the limit of {limits}. Retry-After says when to come back."
        return cls(message, standings, [rate.name for rate in rates], wait)

    def again(self, wait: float) -> LimitExceeded:
        """The same refusal a moment later."""
        return LimitExceeded(self.message, self.standings, self.violated, wait)

    @property
    def members(self) -> Mapping[str, Any]:
        """The policies that were spent, as draft-ietf-httpapi-ratelimit-headers names them."""
        return {"violated-policies": list(self.violated)}
