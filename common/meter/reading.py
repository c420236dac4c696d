"""Adding up the slots, and writing the sums as Prometheus reads them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path

import structlog
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector, CollectorRegistry

from common.meter import families as declared
from common.meter.families import SECOND, SEPARATOR, Counter, Histogram, Level
from common.meter.scraped import Scraped, registered
from common.meter.slots import FRESH, LEVEL, PULSE, REFUSED, SUFFIX, entries

logger = structlog.get_logger(__name__)

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(slots=True)
class Sums:
    """What all slots say together: `values` by series, and what their writers had no room for."""

    values: dict[str, list[int]] = field(default_factory=dict)
    refused: int = 0

    def add(self, data: bytes, now: float) -> None:
        cells = memoryview(data).cast("Q")
        fresh = now - cells[PULSE] < FRESH
        self.refused += cells[REFUSED]
        for raw, first, count in entries(data):
            key = raw.removeprefix(LEVEL)
            family = declared.families.get(key.partition(SEPARATOR)[0])
            found = cells[first : first + count].tolist()
            if isinstance(family, Level):
                if not fresh:
                    continue
                if family.over == "max":
                    self.values[key] = [max(found[0], *self.values.get(key, [0]))]
                    continue
            before = self.values.get(key)
            self.values[key] = (
                found if before is None else [a + b for a, b in zip(before, found, strict=False)]
            )


def read_slots(folder: Path) -> Sums:
    """Add up the slots below the folder, and this process's own where it has none there."""
    sums, now = Sums(), time.time()
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        data = path.read_bytes()
        if len(data) >= declared.slot().cells.nbytes:
            sums.add(data, now)
    own = declared.slot()
    if own.fd is None:
        own.show()
        sums.add(own.read(), now)
    return sums


def level(sums: Sums, family: Level, *labels: str) -> int:
    """One level over all processes that live; 0 where none has it."""
    return sums.values.get(SEPARATOR.join((family.name, *labels)), [0])[0]


def exposition(folder: Path) -> bytes:
    """Every metric in Prometheus' text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Everything(folder))
    return generate_latest(registry)


class _Everything(Collector):
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        sums = read_slots(self._folder)
        rows: dict[str, list[tuple[list[str], list[int]]]] = {}
        for key, values in sorted(sums.values.items()):
            name, *labels = key.split(SEPARATOR)
            rows.setdefault(name, []).append((labels if key != name else [], values))
        for family in declared.families.values():
            yield _metric(family, rows.get(family.name, []))
        refused = CounterMetricFamily(
            "slipway_meter_series_refused", "Series for which a process had no room."
        )
        refused.add_metric([], sums.refused)
        yield refused
        yield from _scraped()


def _metric(family: declared.Family, rows: list[tuple[list[str], list[int]]]) -> Metric:
    rows = [(labels, values) for labels, values in rows if len(labels) == len(family.labels)]
    match family:
        case Histogram():
            return _histogram(family, rows)
        case Counter():
            counter = CounterMetricFamily(family.name, family.help, labels=family.labels)
            for labels, values in rows:
                counter.add_metric(labels, values[0])
            return counter
    gauge = GaugeMetricFamily(family.name, family.help, labels=family.labels)
    for labels, values in rows:
        gauge.add_metric(labels, values[0])
    return gauge


def _histogram(family: Histogram, rows: list[tuple[list[str], list[int]]]) -> Metric:
    metric = HistogramMetricFamily(family.name, family.help, labels=family.labels)
    names = [*(f"{bound / SECOND:g}" for bound in family.bounds), "+Inf"]
    for labels, values in rows:
        if len(values) == len(names) + 1:  # else an older version's, with other buckets
            counts = list(accumulate(values[:-1]))
            buckets = list(zip(names, map(float, counts), strict=True))
            metric.add_metric(labels, buckets, values[-1] / SECOND)
    return metric


def _scraped() -> Iterator[Metric]:
    """What is looked up now; `slipway_scrape_failed` names what could not be."""
    failed = GaugeMetricFamily(
        "slipway_scrape_failed", "Whether a figure could not be looked up.", labels=["metric"]
    )
    for one in registered.values():
        try:
            yield _looked_up(one)
        except Exception as error:  # noqa: BLE001  one figure's fault must not hide the others
            logger.warning("metric_not_read", metric=one.name, error=str(error))
            failed.add_metric([one.name], 1)
        else:
            failed.add_metric([one.name], 0)
    yield failed


def _looked_up(one: Scraped) -> Metric:
    gauge = GaugeMetricFamily(one.name, one.help, labels=one.labels)
    for labels, value in one.look_up():
        gauge.add_metric(list(labels), value)
    return gauge
