"""Figures as templates draw them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from analytics.periods import Period
from analytics.shapes import starts


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a chart; `percent` of the longest. `place` is its number, from 0 up."""

    label: str
    count: int
    percent: float
    place: int

    @property
    def top(self) -> float:
        """Where a standing bar begins, from above, in a drawing a hundred units high."""
        return 100 - self.percent


def bars(counts: Sequence[tuple[str, int]]) -> list[Bar]:
    """Bars in the given order."""
    most = max((count for _, count in counts), default=0)
    return [
        Bar(label, count, 100 * count / most if most else 0.0, place)
        for place, (label, count) in enumerate(counts)
    ]


def charts(daily: Sequence[dict[str, Any]], period: Period) -> list[dict[str, Any]]:
    """A series' points, each with the moment it begins.

    `x` is in Unix seconds of the zone's own clock, so that a chart which knows UTC alone shows days
    where the zone has them.
    """
    return [
        {**point, "x": int(start.timestamp()) + _offset(start, period)}
        for point, start in zip(daily, starts(period), strict=True)
    ]


def _offset(start: Any, period: Period) -> int:
    offset = start.astimezone(period.zone).utcoffset()
    return int(offset.total_seconds()) if offset is not None else 0
