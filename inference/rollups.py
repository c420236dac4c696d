"""What versions answered, by quarter of an hour: dashboards read these sums, never the rows.

Quarter hours, because some time zones are at :30 and :45. Everything is a sum, a count or a
histogram, so that roll-ups can be added to each other: to hours, days, models.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
from django.db import connection
from django.db.models import Max, Sum
from psycopg.types.json import Jsonb

from inference.models import DayRollUp, RollUp

QUARTER_MS: Final = 15 * 60 * 1000
DAY_MS: Final = 24 * 3600 * 1000
# Microseconds from 10 us to 100 s, twenty to a decade (12 % apart). Bucket i of a histogram counts
# durations from bound i-1 up to, not including, bound i; the first begins at 0, the last is open.
LATENCY_BOUNDS_US: Final = tuple(round(10 ** (1 + i / 20), 3) for i in range(141))
LATENCY_BUCKETS: Final = len(LATENCY_BOUNDS_US) + 1
# Bucket i counts confidences from i/20 up to (i+1)/20; 1.0 is in the last.
CONFIDENCE_BUCKETS: Final = 20
MAX_LABELS: Final = 200
OTHER: Final = "other"
MAX_LABEL: Final = 100
MOST_CODES: Final = 20
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

Key = tuple[UUID, int]  # version, where the stretch begins in Unix milliseconds
UserKey = tuple[UUID, int, UUID]  # person, quarter in Unix milliseconds, version
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
    """One roll-up's figures while they are added to."""

    requests: int = 0
    rows: int = 0
    failed: int = 0
    errors: dict[str, int] = field(default_factory=dict)
    duration_us: int = 0
    duration_us_min: int | None = None
    duration_us_max: int | None = None
    inference_us: int = 0
    latency: list[int] = field(default_factory=lambda: [0] * LATENCY_BUCKETS)
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
        self.duration_us += fact.duration_us
        self._widen(fact.duration_us, fact.duration_us)
        self.inference_us += fact.inference_us
        self.latency[bisect_right(LATENCY_BOUNDS_US, fact.duration_us)] += 1
        self.cache_hits += fact.cache_hit
        self.last_ms = max(self.last_ms, fact.at_ms)
        if fact.status >= 400:
            self.failed += 1
            code = fact.code or str(fact.status)
            self.errors[code] = self.errors.get(code, 0) + 1
        for label in fact.labels:
            _count_label(self.labels, label_text(label), 1)
        for value in fact.confidence:
            if value is not None:
                self.confidence_sum += value
                self.confidence_count += 1
                self.confidence[_confidence_bucket(value)] += 1

    def merge(self, row: Mapping[str, Any]) -> None:
        """Add a stored roll-up's figures."""
        self.requests += row["requests"]
        self.rows += row["rows"]
        self.failed += row["failed"]
        self.duration_us += row["duration_us_sum"]
        self._widen(row["duration_us_min"], row["duration_us_max"])
        self.inference_us += row["inference_us_sum"]
        self.cache_hits += row["cache_hits"]
        self.confidence_sum += row["confidence_sum"]
        self.confidence_count += row["confidence_count"]
        self.latency = add_histograms(self.latency, row["latency_histogram"])
        self.confidence = add_histograms(self.confidence, row["confidence_histogram"])
        for code, count in row["errors"].items():
            self.errors[code] = self.errors.get(code, 0) + count
        # The stored labels first: they keep their places when there are too many.
        labels = dict(row["labels"])
        for label, count in self.labels.items():
            _count_label(labels, label, count)
        self.labels = labels
        self.last_ms = max(self.last_ms, (row["last_at"] - EPOCH) // timedelta(milliseconds=1))

    def plus(self, other: Sums) -> None:
        """Add another's figures."""
        for name in (*COUNTS, "duration_us", "inference_us", "confidence_sum"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self._widen(other.duration_us_min, other.duration_us_max)
        self.latency = add_histograms(self.latency, other.latency)
        self.confidence = add_histograms(self.confidence, other.confidence)
        for code, count in other.errors.items():
            self.errors[code] = self.errors.get(code, 0) + count
        for label, count in other.labels.items():
            _count_label(self.labels, label, count)
        self.last_ms = max(self.last_ms, other.last_ms)

    def _widen(self, least: int | None, most: int | None) -> None:
        if least is not None:
            known = self.duration_us_min
            self.duration_us_min = least if known is None else min(known, least)
        if most is not None:
            self.duration_us_max = max(self.duration_us_max or 0, most)


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


def label_text(label: Any) -> str:
    """A label as the text under which it is counted: itself, or its JSON."""
    text = label if isinstance(label, str) else msgspec.json.encode(label).decode()
    return text[:MAX_LABEL].replace("\0", "\ufffd")


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


def sum_up_people(facts: Iterable[Fact]) -> dict[UserKey, list[int]]:
    """Requests, rows, failed and microseconds by person, quarter and version."""
    sums: dict[UserKey, list[int]] = {}
    for fact in facts:
        key = (fact.user_id, fact.at_ms // QUARTER_MS * QUARTER_MS, fact.version_id)
        one = sums.setdefault(key, [0, 0, 0, 0])
        one[0] += 1
        one[1] += fact.rows
        one[2] += fact.status >= 400
        one[3] += fact.inference_us
    return sums


def add_people(sums: Mapping[UserKey, Sequence[int]]) -> None:
    """Add to what people asked, within the caller's transaction, in the order of the keys."""
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO inference_userrollup AS t (user_id, quarter, version_id, requests, rows,"
            " failed, inference_us_sum) VALUES (%s, %s, %s, %s, %s, %s, %s)"
            " ON CONFLICT (user_id, quarter, version_id) DO UPDATE SET"
            " requests = t.requests + excluded.requests, rows = t.rows + excluded.rows,"
            " failed = t.failed + excluded.failed,"
            " inference_us_sum = t.inference_us_sum + excluded.inference_us_sum",
            [(key[0], moment(key[1]), key[2], *sums[key]) for key in sorted(sums)],
        )


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
            " duration_us_sum, inference_us_sum, latency_histogram, labels, confidence_sum,"
            " confidence_count, confidence_histogram, cache_hits, last_at)"
            " VALUES (%s, %s, 0, 0, 0, '{}', 0, 0, '{}', '{}', 0, 0, '{}', 0, 'epoch')"
            f" ON CONFLICT (version_id, {tier.column}) DO NOTHING",
            [(version, moment(start)) for version, start in keys],
        )


def _write(tier: Tier, sums: Mapping[Key, Sums]) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(
            f"UPDATE {tier.table} SET requests = %s, rows = %s, failed = %s, errors = %s,"  # noqa: S608  # ours
            " duration_us_sum = %s, duration_us_min = %s, duration_us_max = %s,"
            " inference_us_sum = %s, latency_histogram = %s, labels = %s, confidence_sum = %s,"
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
        sums.requests, sums.rows, sums.failed, Jsonb(sums.errors), sums.duration_us,
        sums.duration_us_min, sums.duration_us_max, sums.inference_us, sums.latency,
        Jsonb(sums.labels), sums.confidence_sum, sums.confidence_count, sums.confidence,
        sums.cache_hits, moment(sums.last_ms),
    )  # fmt: skip


def _count_label(labels: dict[str, int], label: str, count: int) -> None:
    if label not in labels and len(labels) >= MAX_LABELS:
        label = OTHER
    labels[label] = labels.get(label, 0) + count


def _confidence_bucket(value: float) -> int:
    return min(max(int(value * CONFIDENCE_BUCKETS), 0), CONFIDENCE_BUCKETS - 1)
