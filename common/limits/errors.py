"""What a spent limit refuses with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from common.errors import Limited
from common.limits.rates import Standing

WINDOWS = {60: "minute", 3600: "hour", 86_400: "day"}


class LimitExceeded(Limited):
    """A rate has too few tokens left. `retry_after` is the seconds until it has enough."""

    def __init__(self, standings: Sequence[Standing], wait: float, *, cost: int = 1) -> None:
        self.standings = tuple(standings)
        self.violated = [
            one.rate for one in standings if one.remaining < min(cost, one.rate.capacity)
        ]
        limits = ", ".join(
            f"{rate.quota:,} per {WINDOWS.get(rate.window, f'{rate.window} s')}"
            for rate in self.violated
        )
        super().__init__(
            f"That is more than the limit of {limits}. Retry-After says when to come back.",
            retry_after=wait,
        )

    @property
    def members(self) -> dict[str, Any]:
        """The policies that were spent, as draft-ietf-httpapi-ratelimit-headers names them."""
        return {"violated-policies": [rate.name for rate in self.violated]}
