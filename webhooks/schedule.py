"""When to try again."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

# Seconds after each failed attempt (Standard Webhooks, "Retry schedule"); the last repeats.
STANDARD_S: Final = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
LONGEST: Final = timedelta(days=1)
JITTER: Final = 0.2  # each way, so that what failed together does not come back together
# Retry-After means the receiver, not this one delivery (RFC 9110, section 10.2.3).
THROTTLING: Final = frozenset({429, 502, 503, 504})


def delay(attempt: int, delays_s: Sequence[int] = ()) -> timedelta:
    """How long to wait after attempt number `attempt`, from 1 up."""
    steps = delays_s or STANDARD_S
    seconds = steps[min(attempt, len(steps)) - 1]
    return timedelta(seconds=seconds * random.uniform(1 - JITTER, 1 + JITTER))  # noqa: S311  # no secret


def retry_after(value: str | None, *, now: datetime) -> timedelta | None:
    """What a Retry-After header asks for, at most a day; None where it says nothing of use."""
    if not value:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        wished = timedelta(seconds=min(int(text[:9]), 86_400))
    else:
        try:
            date = parsedate_to_datetime(text)
        except (ValueError, TypeError):
            return None
        wished = date.replace(tzinfo=date.tzinfo or UTC) - now
    return min(max(wished, timedelta(0)), LONGEST)
