"""Sums in the shapes that answers and pages show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from analytics.periods import LENGTHS, Period, Resolution
from inference.durations import Durations
from inference.figures import Point

US: Final = 1000.0  # microseconds of a millisecond
WEEKDAYS: Final = (
    "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Counts:
    """How many calls, of how many rows, and how many of the calls failed."""

    total: int
    rows: int
    failed: int

    @property
    def succeeded(self) -> int:
        return self.total - self.failed

    @property
    def success_rate(self) -> float | None:
        """A share from 0 to 1; None of nothing."""
        return self.succeeded / self.total if self.total else None


def ms(us: float | None) -> float | None:
    """Microseconds as milliseconds, to the microsecond."""
    return None if us is None else round(us / US, 3)


def spread(durations: Durations, calls: int) -> dict[str, float | None]:
    """Mean, extremes and percentiles in milliseconds; each None of nothing.

    Percentiles are read from a histogram whose bounds are 12 % apart, within the extremes.
    """
    return {
        "mean": ms(durations.mean(calls)), "min": ms(durations.least), "max": ms(durations.most),
        "p50": ms(durations.quantile(0.5)), "p95": ms(durations.quantile(0.95)),
        "p99": ms(durations.quantile(0.99)),
    }  # fmt: skip


def filled(points: Mapping[datetime, Point], period: Period) -> list[dict[str, Any]]:
    """A series without gaps: one point for every stretch of the period, in order."""
    return [_shown(points.get(start, Point(start)), period) for start in starts(period)]


def starts(period: Period) -> list[datetime]:
    """Where each stretch of a period begins, in its zone."""
    unit = period.resolution
    at = period.since.astimezone(period.zone)
    if unit in {Resolution.DAY, Resolution.WEEK, Resolution.MONTH}:
        return _days(period, unit, at.date())
    found, at_utc = [], period.since
    if unit is Resolution.HOUR:
        at_utc -= timedelta(minutes=at.minute)
    while at_utc < period.until:
        found.append(at_utc)
        at_utc += LENGTHS[unit]
    return found


def _days(period: Period, unit: Resolution, day: date) -> list[datetime]:
    """Days of a zone are 23 to 25 hours long: they are counted, not added up."""
    if unit is Resolution.WEEK:
        day -= timedelta(days=day.weekday())
    elif unit is Resolution.MONTH:
        day = day.replace(day=1)
    found: list[datetime] = []
    while (start := datetime(day.year, day.month, day.day, tzinfo=period.zone)) < period.until:
        found.append(start)
        if unit is Resolution.MONTH:
            day = (day + timedelta(days=31)).replace(day=1)
        else:
            day += LENGTHS[unit]
    return found


def by_hour(pattern: Mapping[tuple[int, int], int]) -> list[dict[str, int]]:
    """Requests by hour of the day, all 24."""
    return [
        {"hour": hour, "total": sum(n for (h, _), n in pattern.items() if h == hour)}
        for hour in range(24)
    ]


def by_weekday(pattern: Mapping[tuple[int, int], int]) -> list[dict[str, Any]]:
    """Requests by day of the week, Monday first."""
    return [
        {"weekday": name, "total": sum(n for (_, d), n in pattern.items() if d == number)}
        for number, name in enumerate(WEEKDAYS, 1)
    ]


def top(counts: Mapping[str, int], most: int) -> list[tuple[str, int]]:
    """The largest first; ties by name."""
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:most]


def change(now: float, before: float) -> float | None:
    """By what share something grew; None where there was nothing before."""
    return round((now - before) / before, 4) if before else None


def trend(now: Counts, before: Counts) -> dict[str, float | None]:
    """By what share calls and failures grew over the period before."""
    return {
        "total": change(now.total, before.total), "failed": change(now.failed, before.failed),
    }  # fmt: skip


def _shown(point: Point, period: Period) -> dict[str, Any]:
    local = point.start.astimezone(period.zone)
    days = period.resolution in {Resolution.DAY, Resolution.WEEK, Resolution.MONTH}
    return {
        "date": local.date().isoformat() if days else local.isoformat(),
        "total": point.requests,
        "succeeded": point.requests - point.failed,
        "failed": point.failed,
        "rows": point.rows,
        "mean_ms": ms(point.mean_us),
        "max_ms": ms(point.max_us),
    }
