"""What versions answered, by quarter of an hour: dashboards read these sums, never the rows.

Quarter hours, because some time zones are at :30 and :45. Everything is a sum, a count or a
histogram, so that roll-ups can be added to each other: to hours, days, models.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
import numpy as np
from django.db import connection
from django.db.models import Max, Sum
from psycopg.types.json import Jsonb

from inference.durations import Durations, add_histograms
from inference.models import DayRollUp, RollUp

QUARTER_MS: Final = 15 * 60 * 1000
DAY_MS: Final = 24 * 3600 * 1000
# Bucket i counts confidences from i/20 up to (i+1)/20; 1.0 is in the last.
CONFIDENCE_BUCKETS: Final = 20
MAX_LABELS: Final = 200
OTHER: Final = "other"
MAX_LABEL: Final = 100
MOST_CODES: Final = 20
MANY: Final = 32  # from here on a batch is counted at once, not row by row
SCALARS: Final = frozenset({str, int, float, bool})
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

Key = tuple[UUID, int]  # version, where the stretch begins in Unix milliseconds
COUNTS: Final = ("requests", "rows", "failed", "cache_hits", "confidence_count")


@dataclass(frozen=True, slots=True)
class Tier:
    """A table of roll-ups, and how long a stretch of time each row of it is for."""

    model: type[RollUp | DayRollUp]
    column: str
    length_ms: int

    @property
    def table(self) -> str:
        return self.model._meta.db_table  # public API, whatever its name says


QUARTERS: Final = Tier(RollUp, "quarter", QUARTER_MS)
DAYS: Final = Tier(DayRollUp, "day", DAY_MS)


@dataclass(frozen=True, slots=True)
class Totals:
    """All that a version ever answered. `rows` counts those of failed calls too."""

    requests: int = 0
    rows: int = 0
    failed: int = 0
    inference_us: int = 0
    duration_us: int = 0
    last_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Fact:
    """What one prediction adds to its roll-up. `labels` is empty but for classifiers."""

    version_id: UUID
    user_id: UUID
    at_ms: int
    status: int
    code: str
    rows: int
    inference_us: int
    duration_us: int
    cache_hit: bool
    labels: Sequence[Any] = ()
    confidence: Sequence[float | None] = ()


@dataclass(slots=True)
class Sums:
    """One roll-up's figures while they are added to. `duration` is of whole calls."""

    requests: int = 0
    rows: int = 0
    failed: int = 0
    errors: dict[str, int] = field(default_factory=dict)
    duration: Durations = field(default_factory=Durations)
    inference: Durations = field(default_factory=Durations)
    labels: dict[str, int] = field(default_factory=dict)
    confidence_sum: float = 0.0
    confidence_count: int = 0
    confidence: list[int] = field(default_factory=lambda: [0] * CONFIDENCE_BUCKETS)
    cache_hits: int = 0
    last_ms: int = 0

    def add(self, fact: Fact) -> None:
        """Count one prediction."""
        self.requests += 1
        self.rows += fact.rows
        self.duration.add(fact.duration_us)
        self.cache_hits += fact.cache_hit
        self.last_ms = max(self.last_ms, fact.at_ms)
        if fact.status >= 400:
            self.failed += 1
            code = fact.code or str(fact.status)
            self.errors[code] = self.errors.get(code, 0) + 1
        else:  # what is refused never comes to the model, or is stopped there
            self.inference.add(fact.inference_us)
        count_labels(self.labels, fact.labels)
        if len(fact.confidence) < MANY:
            for value in fact.confidence:
                if value is not None:
                    self.confidence_sum += value
                    self.confidence_count += 1
                    self.confidence[_confidence_bucket(value)] += 1
        else:
            self._add_many([value for value in fact.confidence if value is not None])

    def _add_many(self, confidence: list[float]) -> None:
        """Count a batch's confidences."""
        self.confidence_sum += sum(confidence)
        self.confidence_count += len(confidence)
        places = (np.array(confidence) * CONFIDENCE_BUCKETS).astype(np.int64)
        counts = np.bincount(places.clip(0, CONFIDENCE_BUCKETS - 1), minlength=CONFIDENCE_BUCKETS)
        self.confidence = add_histograms(self.confidence, counts.tolist())

    def merge(self, row: Mapping[str, Any]) -> None:
        """Add a stored roll-up's figures."""
        self.requests += row["requests"]
        self.rows += row["rows"]
        self.failed += row["failed"]
        self.duration.plus(_durations(row, "duration_us", "latency_histogram"))
        self.inference.plus(_durations(row, "inference_us", "inference_histogram"))
        self.cache_hits += row["cache_hits"]
        self.confidence_sum += row["confidence_sum"]
        self.confidence_count += row["confidence_count"]
        self.confidence = add_histograms(self.confidence, row["confidence_histogram"])
        for code, count in row["errors"].items():
            self.errors[code] = self.errors.get(code, 0) + count
        self.labels = merged_labels(row["labels"], self.labels)
        self.last_ms = max(self.last_ms, (row["last_at"] - EPOCH) // timedelta(milliseconds=1))

    def plus(self, other: Sums) -> None:
        """Add another's figures."""
        for name in (*COUNTS, "confidence_sum"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.duration.plus(other.duration)
        self.inference.plus(other.inference)
        self.confidence = add_histograms(self.confidence, other.confidence)
        for code, count in other.errors.items():
            self.errors[code] = self.errors.get(code, 0) + count
        self.labels = merged_labels(self.labels, other.labels)
        self.last_ms = max(self.last_ms, other.last_ms)


def label_text(label: Any) -> str:
    """A label as the text under which it is counted: itself, or its JSON."""
    text = label if isinstance(label, str) else msgspec.json.encode(label).decode()
    return text[:MAX_LABEL].replace("\0", "\ufffd")


def merged_labels(stored: Mapping[str, int], more: Mapping[str, int]) -> dict[str, int]:
    """The counts of both; the stored keep their places when there are too many."""
    labels = dict(stored)
    for label, count in more.items():
        _count_label(labels, label, count)
    return labels


def sum_up(facts: Iterable[Fact]) -> dict[Key, Sums]:
    """The roll-ups of these predictions."""
    sums: dict[Key, Sums] = {}
    for fact in facts:
        key = (fact.version_id, fact.at_ms // QUARTER_MS * QUARTER_MS)
        if key not in sums:
            sums[key] = Sums()
        sums[key].add(fact)
    return sums


def by_days(sums: Mapping[Key, Sums]) -> dict[Key, Sums]:
    """The same by days (UTC)."""
    days: dict[Key, Sums] = {}
    for (version, quarter), one in sorted(sums.items()):
        days.setdefault((version, quarter // DAY_MS * DAY_MS), Sums()).plus(one)
    return days


def add_to_stored(sums: Mapping[Key, Sums]) -> None:
    """Add quarters to the tables of quarters and of days, within the caller's transaction.

    Rows are made and locked in the order of their keys, quarters before days: two workers with
    the same keys wait for each other and never for ever.
    """
    days = by_days(sums)
    _add(QUARTERS, sums)
    _add(DAYS, days)


def put(tier: Tier, sums: Mapping[Key, Sums]) -> None:
    """Write these figures in place of what stands there, within the caller's transaction."""
    _make(tier, sorted(sums))
    _write(tier, sums)


def _add(tier: Tier, sums: Mapping[Key, Sums]) -> None:
    keys = sorted(sums)
    _make(tier, keys)
    for version, start in keys:
        row = tier.model.objects.select_for_update().filter(
            version=version, **{tier.column: moment(start)}
        )
        sums[version, start].merge(row.values().get())
    _write(tier, sums)


def _make(tier: Tier, keys: Sequence[Key]) -> None:
    """Empty rows where there are none."""
    with connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO {tier.table} (version_id, {tier.column}, requests, rows, failed, errors,"  # noqa: S608  # ours
            " duration_us_sum, latency_histogram, inference_us_sum, inference_histogram, labels,"
            " confidence_sum, confidence_count, confidence_histogram, cache_hits, last_at)"
            " VALUES (%s, %s, 0, 0, 0, '{}', 0, '{}', 0, '{}', '{}', 0, 0, '{}', 0, 'epoch')"
            f" ON CONFLICT (version_id, {tier.column}) DO NOTHING",
            [(version, moment(start)) for version, start in keys],
        )


def _write(tier: Tier, sums: Mapping[Key, Sums]) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(
            f"UPDATE {tier.table} SET requests = %s, rows = %s, failed = %s, errors = %s,"  # noqa: S608  # ours
            " duration_us_sum = %s, duration_us_min = %s, duration_us_max = %s,"
            " latency_histogram = %s, inference_us_sum = %s, inference_us_min = %s,"
            " inference_us_max = %s, inference_histogram = %s, labels = %s, confidence_sum = %s,"
            " confidence_count = %s, confidence_histogram = %s, cache_hits = %s, last_at = %s"
            f" WHERE version_id = %s AND {tier.column} = %s",
            [(*_columns(sums[key]), key[0], moment(key[1])) for key in sorted(sums)],
        )


def totals(version_ids: Iterable[UUID]) -> dict[UUID, Totals]:
    """What each of these versions answered in all; versions never asked are absent. One query."""
    found = (
        RollUp.objects.filter(version_id__in=list(version_ids))
        .order_by()
        .values_list("version_id")
        .annotate(
            Sum("requests"), Sum("rows"), Sum("failed"), Sum("inference_us_sum"),
            Sum("duration_us_sum"), Max("last_at"),
        )
    )  # fmt: skip
    return {
        version: Totals(int(requests), int(rows), int(failed), int(inference), int(duration), last)
        for version, requests, rows, failed, inference, duration, last in found
    }


@dataclass(frozen=True, slots=True)
class PlatformTotals:
    """What all versions answered together; `errors` are the most frequent codes."""

    requests: int
    rows: int
    failed: int
    errors: dict[str, int]


def platform_totals(*, since: datetime) -> PlatformTotals:
    """The sums of all roll-ups from a moment on, to the quarter hour. Two queries."""
    rows = RollUp.objects.filter(quarter__gte=since).order_by()
    sums = rows.aggregate(a=Sum("requests"), b=Sum("rows"), c=Sum("failed"))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT key, sum(value::bigint)::bigint FROM inference_rollup,"
            " jsonb_each_text(errors) WHERE quarter >= %s GROUP BY key ORDER BY 2 DESC LIMIT %s",
            [since, MOST_CODES],
        )
        errors = dict(cursor.fetchall())
    requests, rows_, failed = (int(sums[name] or 0) for name in "abc")
    return PlatformTotals(requests, rows_, failed, errors)


def moment(milliseconds: int) -> datetime:
    """Unix milliseconds as a time."""
    return EPOCH + timedelta(milliseconds=milliseconds)


def _columns(sums: Sums) -> tuple[Any, ...]:
    return (
        sums.requests, sums.rows, sums.failed, Jsonb(sums.errors), *_columns_of(sums.duration),
        *_columns_of(sums.inference), Jsonb(sums.labels), sums.confidence_sum,
        sums.confidence_count, sums.confidence, sums.cache_hits, moment(sums.last_ms),
    )  # fmt: skip


def _columns_of(durations: Durations) -> tuple[Any, ...]:
    return durations.total, durations.least, durations.most, durations.histogram


def _durations(row: Mapping[str, Any], name: str, histogram: str) -> Durations:
    """Those of a stored roll-up."""
    return Durations(row[f"{name}_sum"], row[f"{name}_min"], row[f"{name}_max"], row[histogram])


def _counted(labels: Sequence[Any]) -> Iterable[tuple[Any, int]]:
    """Labels and how often each is there, in the order in which they first come."""
    kinds = set(map(type, labels))
    # Of one kind alone: Python takes True, 1 and 1.0 for the same.
    if len(labels) < MANY or len(kinds) > 1 or not kinds <= SCALARS:
        return ((label, 1) for label in labels)
    return Counter(labels).items()


def count_labels(counts: dict[str, int], labels: Sequence[Any]) -> None:
    """Add a call's labels to the counts, which hold MAX_LABELS of them and the rest as `other`."""
    for label, count in _counted(labels):
        _count_label(counts, label_text(label), count)


def _count_label(labels: dict[str, int], label: str, count: int) -> None:
    if label not in labels and len(labels) >= MAX_LABELS:
        label = OTHER
    labels[label] = labels.get(label, 0) + count


def _confidence_bucket(value: float) -> int:
    return min(max(int(value * CONFIDENCE_BUCKETS), 0), CONFIDENCE_BUCKETS - 1)
