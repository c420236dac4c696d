"""How long calls took: figures that can be added up, and read as percentiles."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

# Microseconds from 10 us to 100 s, twenty to a decade (12 % apart). Bucket i of a histogram counts
# durations from bound i-1 up to, not including, bound i; the first begins at 0, the last is open.
LATENCY_BOUNDS_US: Final = tuple(round(10 ** (1 + i / 20), 3) for i in range(141))
LATENCY_BUCKETS: Final = len(LATENCY_BOUNDS_US) + 1


@dataclass(slots=True)
class Durations:
    """How long calls took, in microseconds: sum, extremes (None of nothing) and histogram."""

    total: int = 0
    least: int | None = None
    most: int | None = None
    histogram: list[int] = field(default_factory=lambda: [0] * LATENCY_BUCKETS)

    def add(self, us: int) -> None:
        """Count one call."""
        self.total += us
        self._widen(us, us)
        self.histogram[bisect_right(LATENCY_BOUNDS_US, us)] += 1

    def plus(self, other: Durations) -> None:
        """Add another's calls."""
        self.total += other.total
        self._widen(other.least, other.most)
        self.histogram = add_histograms(self.histogram, other.histogram)

    def mean(self, calls: int) -> float | None:
        """Microseconds of one of so many calls; None of nothing."""
        return self.total / calls if calls else None

    def quantile(self, q: float) -> float | None:
        """Microseconds below which the share `q` lies, to about 6 %, within the extremes."""
        us = quantile(self.histogram, q)
        if us is None:
            return None
        us = us if self.most is None else min(us, self.most)
        return us if self.least is None else max(us, self.least)

    def _widen(self, least: int | None, most: int | None) -> None:
        if least is not None:
            self.least = least if self.least is None else min(self.least, least)
        if most is not None:
            self.most = max(self.most or 0, most)


def add_histograms(one: Sequence[int], other: Sequence[int]) -> list[int]:
    """Two histograms of the same bounds as one; an empty one counts nothing."""
    if not one or not other:
        return list(one or other)
    return [a + b for a, b in zip(one, other, strict=True)]


def quantile(histogram: Sequence[int], q: float) -> float | None:
    """The latency in microseconds below which the share `q` lies, to about 6 %; None of nothing."""
    total = sum(histogram)
    if not total:
        return None
    wanted, seen = q * total, 0
    for i, count in enumerate(histogram):
        if count and seen + count >= wanted:
            low = LATENCY_BOUNDS_US[i - 1] if i else 0.0
            high = LATENCY_BOUNDS_US[min(i, len(LATENCY_BOUNDS_US) - 1)]
            return low + (high - low) * max(0.0, wanted - seen) / count
        seen += count
    return LATENCY_BOUNDS_US[-1]
