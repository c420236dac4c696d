"""The machine's last hours as lines, drawn here: the console's first page has them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from accounts.actors import Actor
from common import clock
from config import metrics

SPAN: Final = timedelta(hours=3)
WIDTH, HEIGHT = 320, 60
Values = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Chart:
    """One figure by minute: the line's points, and its least, middle and greatest value."""

    title: str
    unit: str
    points: str
    least: float
    mean: float
    greatest: float

    @property
    def said(self) -> str:
        """What the picture shows, in words."""
        return (
            f"{self.title}: between {self.least:g} and {self.greatest:g} {self.unit},"
            f" {self.mean:g} on average"
        )


def _part(used: str, total: str) -> Callable[[Values], float]:
    return lambda values: 100 * values[used] / max(values[total], 1)


def _queued(values: Values) -> float:
    return sum(value for name, value in values.items() if name.startswith("queue_"))


# Title, unit, how to read it, and what the line's height stands for at least.
FIGURES: Final[tuple[tuple[str, str, Callable[[Values], float], float], ...]] = (
    ("Processor", "%", lambda values: values["cpu_percent"], 100),
    ("Memory", "%", _part("memory_used_bytes", "memory_total_bytes"), 100),
    ("Disk", "%", _part("disk_used_bytes", "disk_total_bytes"), 100),
    ("Tasks that wait", "tasks", _queued, 10),
    ("Database connections", "connections", lambda values: values["db_connections"], 10),
    ("Events that wait", "events", lambda values: values["events_waiting"], 10),
)


def charts(who: Actor) -> list[Chart]:
    """The last three hours; a figure that no minute has is left out. Raises OperatorsOnly."""
    now = clock.now()
    rows = metrics.samples(who, resolution="minute", since=now - SPAN, until=now)
    samples = [(1 - (now - row.at) / SPAN, row.values) for row in rows]
    drawn = (_draw(title, unit, read, top, samples) for title, unit, read, top in FIGURES)
    return [chart for chart in drawn if chart is not None]


def _draw(
    title: str,
    unit: str,
    read: Callable[[Values], float],
    top: float,
    samples: list[tuple[float, Values]],
) -> Chart | None:
    found: list[tuple[float, float]] = []
    for place, values in samples:
        try:
            found.append((place, read(values)))
        except KeyError:
            continue  # a minute in which it could not be measured
    if not found:
        return None
    numbers = [value for _, value in found]
    high = max(top, *numbers)
    points = " ".join(
        f"{place * WIDTH:.1f},{HEIGHT - value / high * HEIGHT:.1f}" for place, value in found
    )
    mean = sum(numbers) / len(numbers)
    return Chart(title, unit, points, *(round(n, 1) for n in (min(numbers), mean, max(numbers))))
