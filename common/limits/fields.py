"""What an answer's headers say of limits.

`RateLimit-Policy` and `RateLimit` as draft-ietf-httpapi-ratelimit-headers has them: every rate's
quota and window, tokens left, and seconds until there are more. The older X-RateLimit trio tells
the tightest rate, which has the smallest part of its quota left; its Reset is in epoch seconds.
Both mean the same moment: when there will be more than now, which for a bucket that refills evenly
is the next token.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence

from common.limits.rates import MS, Rate, Standing

Fields = list[tuple[str, str]]


def limit_fields(standings: Sequence[Standing]) -> Fields:
    """The headers; none where nothing is limited."""
    if not standings:
        return []
    tight = tightest(standings)
    said = ", ".join(f'"{rate.name}";r={left};t={seconds(ms)}' for rate, left, ms in standings)
    return [
        ("X-RateLimit-Limit", str(tight.rate.quota)),
        ("X-RateLimit-Remaining", str(tight.remaining)),
        ("X-RateLimit-Reset", reset(tight.more_in)),
        ("RateLimit-Policy", policy(standing.rate for standing in standings)),
        ("RateLimit", said),
    ]


def policy(rates: Iterable[Rate]) -> str:
    return ", ".join(f'"{rate.name}";q={rate.quota};w={rate.window}' for rate in rates)


def tightest(standings: Sequence[Standing]) -> Standing:
    return min(standings, key=lambda standing: standing.remaining / standing.rate.quota)


def reset(ms: int) -> str:
    """The moment in so many ms, in epoch seconds, never too early."""
    return str(math.ceil(time.time() + ms / MS))


def seconds(ms: int) -> int:
    return math.ceil(ms / MS)
