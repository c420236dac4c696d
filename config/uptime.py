"""When the parts worked: per day, from the figures of each minute and hour.

A minute that has no figures is one in which no worker measured: background work was down, or all
of it. Days before the first figure are no days of this installation.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Final

from django.core.cache import cache

from common import clock
from config.models import MetricHour, MetricSample

DAYS: Final = 90
ALIVE: Final = timedelta(minutes=3)
HOLDS: Final = 60  # seconds for which a summary is kept
MINUTES: Final = 24 * 60
KEY: Final = "uptime"
# Each part, its name for people, and the figure that says it works; "" where measuring says so.
PARTS: Final = (
    ("web", "Website and API", "web_ok"),
    ("work", "Background work", ""),
    ("jail", "Checking of uploads", "jail_ok"),
    ("cache", "Cache and limits", "cache_ok"),
)
NEARLY: Final = 0.999
MOSTLY: Final = 0.98


@dataclass(frozen=True, slots=True)
class Day:
    """One day of one part. `share` is the part of its minutes in which it worked; None: unknown."""

    day: date
    share: float | None

    @property
    def state(self) -> str:
        """unknown, good, fair or bad: the colour of its bar."""
        if self.share is None:
            return "unknown"
        if self.share >= NEARLY:
            return "good"
        return "fair" if self.share >= MOSTLY else "bad"


@dataclass(frozen=True, slots=True)
class Part:
    """One part: whether it works now, and its last DAYS days, oldest first."""

    name: str
    title: str
    ok: bool
    days: list[Day]

    @property
    def share(self) -> float | None:
        """Over all days that are known, in percent."""
        known = [day.share for day in self.days if day.share is not None]
        return 100 * sum(known) / len(known) if known else None


@dataclass(slots=True)
class _Minutes:
    """One day's minutes: those measured, and by figure those in which it was well."""

    measured: float = 0
    well: dict[str, float] = field(default_factory=dict)

    def add(self, count: float, means: list[float | None]) -> None:
        self.measured += count
        for figure, mean in zip(FIGURES, means, strict=True):
            # What was not measured was as well as whatever measured.
            self.well[figure] = self.well.get(figure, 0) + count * (1 if mean is None else mean)


FIGURES: Final = tuple(figure for _, _, figure in PARTS if figure)


def parts() -> list[Part]:
    """Every part with its days. Kept for a minute, so that no number of askers is a load."""
    now = clock.now()
    found: list[list[float | None]] | None = cache.get(KEY)
    if found is None:
        found = _shares(now)
        cache.set(KEY, found, HOLDS)
    last = MetricSample.objects.first()
    first_day = now.date() - timedelta(days=DAYS - 1)
    return [
        Part(
            name,
            title,
            _works_now(last, figure, now),
            [Day(first_day + timedelta(days=i), share) for i, share in enumerate(shares)],
        )
        for (name, title, figure), shares in zip(PARTS, found, strict=True)
    ]


def _works_now(last: MetricSample | None, figure: str, now: datetime) -> bool:
    """From the last minute's figures. Whoever asks is being answered: the website works."""
    if figure == "web_ok":
        return True
    if last is None or now - last.at > ALIVE:
        return False
    return bool(last.values.get(figure, 1)) if figure else True


def _shares(now: datetime) -> list[list[float | None]]:
    """By part, and day: the share of the minutes in which it worked."""
    since = datetime.combine(now.date() - timedelta(days=DAYS - 1), datetime.min.time(), UTC)
    days: dict[date, _Minutes] = {}
    first: datetime | None = None
    for at, count, means in _measured(since):
        first = at if first is None else min(first, at)
        days.setdefault(at.date(), _Minutes()).add(count, means)
    return [
        [
            _share(days.get(day), figure, _expected(day, first, now))
            for day in (since.date() + timedelta(days=i) for i in range(DAYS))
        ]
        for _, _, figure in PARTS
    ]


def _measured(since: datetime) -> Iterator[tuple[datetime, float, list[float | None]]]:
    """Hours that are summed up, then the minutes after the last of them."""
    means = [f"values__{figure}__mean" for figure in FIGURES]
    hours = MetricHour.objects.filter(at__gte=since).order_by("at")
    last = since
    for at, count, *found in hours.values_list("at", "samples", *means):
        last = at + timedelta(hours=1)
        yield at, count, found
    minutes = MetricSample.objects.filter(at__gte=last).order_by("at")
    for at, *found in minutes.values_list("at", *(f"values__{figure}" for figure in FIGURES)):
        yield at, 1, found


def _expected(day: date, first: datetime | None, now: datetime) -> float:
    """How many minutes of the day there were to measure: from the first ever until now."""
    if first is None:
        return 0
    begin = datetime.combine(day, datetime.min.time(), UTC)
    end = min(begin + timedelta(days=1), now - timedelta(minutes=1))
    return max(0.0, (end - max(begin, first)).total_seconds() / 60)


def _share(minutes: _Minutes | None, figure: str, expected: float) -> float | None:
    if expected < 1:
        return None
    if minutes is None:
        return 0.0
    worked = minutes.well.get(figure, 0) if figure else minutes.measured
    return min(1.0, worked / expected)
