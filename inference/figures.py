"""Reading roll-ups: what versions and people did in a period, whatever the traffic.

Whole days (UTC) come from the days' table, the ends from the quarters': a month is some two
hundred rows, whatever was predicted.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
from django.db import connection

from common import clock
from common.ids import least_id
from inference.models import Prediction
from inference.rollups import Sums

DAY: Final = timedelta(days=1)
SCALARS: Final = "requests, rows, failed, duration_us_sum, inference_us_sum, cache_hits, last_at"
EVERYTHING: Final = (
    "requests, rows, failed, errors, duration_us_sum, duration_us_min, duration_us_max,"
    " latency_histogram, inference_us_sum, inference_us_min, inference_us_max,"
    " inference_histogram, labels, confidence_sum, confidence_count, confidence_histogram,"
    " cache_hits, last_at"
)
# Three ranges, each of which an index on (version, time) answers.
SPANS: Final = """
    SELECT version_id, {columns} FROM inference_dayrollup
    WHERE version_id = ANY(%(versions)s) AND day >= %(first)s AND day < %(last)s
    UNION ALL
    SELECT version_id, {columns} FROM inference_rollup
    WHERE version_id = ANY(%(versions)s) AND quarter >= %(since)s AND quarter < %(first)s
    UNION ALL
    SELECT version_id, {columns} FROM inference_rollup
    WHERE version_id = ANY(%(versions)s) AND quarter >= %(last)s AND quarter < %(until)s
"""
EVERYBODY: Final = SPANS.replace("version_id = ANY(%(versions)s) AND ", "")
MOST_LABELS: Final = 200
# Days of a zone are no days of UTC: the quarters say. In UTC the days' own table does.
SERIES: Final = """
SELECT {start}, sum(requests)::bigint, sum(rows)::bigint,
    sum(failed)::bigint, sum(duration_us_sum)::bigint, max(duration_us_max)
FROM {table}
WHERE version_id = ANY(%(versions)s) AND {column} >= %(since)s AND {column} < %(until)s
GROUP BY 1 ORDER BY 1
"""
PATTERN: Final = """
SELECT extract(hour FROM quarter AT TIME ZONE %(zone)s)::int,
    extract(isodow FROM quarter AT TIME ZONE %(zone)s)::int, sum(requests)::bigint
FROM {table} WHERE {whose} GROUP BY 1, 2
"""
PERSON: Final = (
    "user_id = %(user)s AND quarter >= %(since)s AND quarter < %(until)s"
    " AND (%(versions)s::uuid[] IS NULL OR version_id = ANY(%(versions)s))"
)


@dataclass(frozen=True, slots=True)
class Point:
    """A stretch of a series. `mean_us` and `max_us` are None where nothing was asked."""

    start: datetime
    requests: int = 0
    rows: int = 0
    failed: int = 0
    mean_us: float | None = None
    max_us: int | None = None


@dataclass(frozen=True, slots=True)
class VersionCounts:
    """What one version answered in a period."""

    requests: int
    rows: int
    failed: int
    mean_us: float
    last_at: datetime


def sums_of(versions: Collection[UUID], since: datetime, until: datetime) -> Sums:
    """All that these versions answered in a period, as one. One query."""
    total = Sums()
    for row in _spans(EVERYTHING, versions, since, until):
        total.merge(row)
    return total


def counts_by_version(
    versions: Collection[UUID], since: datetime, until: datetime
) -> dict[UUID, VersionCounts]:
    """The counts of each version that was asked at all. One query, one row a version."""
    inner = SPANS.format(columns=SCALARS)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT version_id, sum(requests)::bigint, sum(rows)::bigint, sum(failed)::bigint,"  # noqa: S608  # ours
            f" sum(duration_us_sum)::float8, max(last_at) FROM ({inner}) AS s"
            " GROUP BY version_id HAVING sum(requests) > 0",
            _bounds(versions, since, until),
        )
        return {
            id_: VersionCounts(requests, rows, failed, us / requests, last)
            for id_, requests, rows, failed, us, last in cursor.fetchall()
        }


def series(
    versions: Collection[UUID],
    since: datetime,
    until: datetime,
    *,
    unit: str,
    zone: str,
) -> dict[datetime, Point]:
    """What these versions answered by `unit` (hour, day, week, month, or quarter of an hour).

    By the beginning of each stretch, in the zone; stretches without a call are absent. One query.
    """
    query, values = _series_query(unit, zone, by_day=_is_whole_days(since, until, unit, zone))
    return _points(query, values | {"versions": list(versions), "since": since, "until": until})


def pattern(
    versions: Collection[UUID], since: datetime, until: datetime, *, zone: str
) -> Mapping[tuple[int, int], int]:
    """Requests by hour of the day (0 to 23) and day of the week (1 is Monday). One query."""
    values = {"versions": list(versions), "since": since, "until": until, "zone": zone}
    whose = "version_id = ANY(%(versions)s) AND quarter >= %(since)s AND quarter < %(until)s"
    return _pattern("inference_rollup", whose, values)


def pattern_of_person(
    user_id: UUID,
    since: datetime,
    until: datetime,
    *,
    zone: str,
    versions: Collection[UUID] | None = None,
) -> Mapping[tuple[int, int], int]:
    """The same of what one person asked."""
    values = _of_person(user_id, since, until, versions) | {"zone": zone}
    return _pattern("inference_userrollup", PERSON, values)


def counts_of_person(
    user_id: UUID, since: datetime, until: datetime, *, versions: Collection[UUID] | None = None
) -> dict[UUID, tuple[int, int, int, int]]:
    """Requests, rows, failed and inference microseconds of one person, by version. One query."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT version_id, sum(requests)::bigint, sum(rows)::bigint, sum(failed)::bigint,"  # noqa: S608  # ours
            " sum(inference_us_sum)::bigint FROM inference_userrollup"
            f" WHERE {PERSON} GROUP BY version_id",
            _of_person(user_id, since, until, versions),
        )
        return {row[0]: tuple(row[1:]) for row in cursor.fetchall()}


def series_of_person(
    user_id: UUID,
    since: datetime,
    until: datetime,
    *,
    unit: str,
    zone: str,
    versions: Collection[UUID] | None = None,
) -> dict[datetime, Point]:
    """What one person asked, by `unit`, as `series` has it. One query."""
    start, values = _truncated("quarter", unit, zone)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {start}, sum(requests)::bigint, sum(rows)::bigint, sum(failed)::bigint"  # noqa: S608  # ours
            f" FROM inference_userrollup WHERE {PERSON} GROUP BY 1 ORDER BY 1",
            values | _of_person(user_id, since, until, versions),
        )
        return {at: Point(at, *counts) for at, *counts in cursor.fetchall()}


def label_counts(versions: Collection[UUID], since: datetime, until: datetime) -> dict[str, int]:
    """How often each label was answered, by all these versions together. One query."""
    inner = SPANS.format(columns="labels")
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT l.key, sum(l.value::bigint)::bigint FROM ({inner}) AS s,"  # noqa: S608  # ours
            " jsonb_each_text(s.labels) AS l GROUP BY l.key ORDER BY 2 DESC LIMIT %(most)s",
            _bounds(versions, since, until) | {"most": MOST_LABELS},
        )
        return dict(cursor.fetchall())


def labels_of_person(
    user_id: UUID, since: datetime, until: datetime, *, versions: Collection[UUID] | None = None
) -> dict[str, int]:
    """How often each label was answered to one person. One query."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT l.key, sum(l.value::bigint)::bigint FROM inference_userrollup,"  # noqa: S608  # ours
            f" jsonb_each_text(labels) AS l WHERE {PERSON}"
            " GROUP BY l.key ORDER BY 2 DESC, 1 LIMIT %(most)s",
            _of_person(user_id, since, until, versions) | {"most": MOST_LABELS},
        )
        return dict(cursor.fetchall())


def platform_counts(since: datetime, until: datetime) -> tuple[int, int, int]:
    """Requests, rows and failed of all versions together. One query."""
    inner = EVERYBODY.format(columns="requests, rows, failed")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(sum(requests), 0)::bigint, coalesce(sum(rows), 0)::bigint,"  # noqa: S608  # ours
            f" coalesce(sum(failed), 0)::bigint FROM ({inner}) AS s",
            _bounds([], since, until),
        )
        requests, rows, failed = cursor.fetchone()
    return requests, rows, failed


def platform_series(
    since: datetime, until: datetime, *, unit: str, zone: str
) -> dict[datetime, Point]:
    """What all versions answered together, as `series` has it. One query."""
    by_day = _is_whole_days(since, until, unit, zone)
    query, values = _series_query(unit, zone, by_day=by_day)
    query = query.replace("version_id = ANY(%(versions)s) AND ", "")
    return _points(query, values | {"since": since, "until": until})


def recent_errors(
    versions: Collection[UUID], since: datetime, until: datetime, *, limit: int
) -> list[Prediction]:
    """The period's latest failed calls. One query for each version, by an index of failures."""
    found: list[Prediction] = []
    within = {"id__gte": least_id(since), "id__lt": least_id(until)}
    for version in versions:
        rows = Prediction.objects.filter(version_id=version, status__gte=400, **within)
        found += rows.order_by("-id").defer("inputs", "outputs")[:limit]
    return sorted(found, key=lambda row: row.id, reverse=True)[:limit]


def _points(query: str, values: dict[str, Any]) -> dict[datetime, Point]:
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        return {
            start: Point(start, requests, rows, failed, us / requests if requests else None, most)
            for start, requests, rows, failed, us, most in cursor.fetchall()
        }


def _spans(
    columns: str, versions: Collection[UUID], since: datetime, until: datetime
) -> Iterator[dict[str, Any]]:
    names = [name.strip() for name in columns.split(",")]
    with connection.cursor() as cursor:
        cursor.execute(SPANS.format(columns=columns), _bounds(versions, since, until))
        for row in cursor.fetchall():
            found = dict(zip(names, row[1:], strict=True))
            # Django leaves reading JSON to its fields.
            yield found | {name: msgspec.json.decode(found[name]) for name in ("errors", "labels")}


def _bounds(versions: Collection[UUID], since: datetime, until: datetime) -> dict[str, Any]:
    """The period's ends, and the whole days between: from `first` up to, not including, `last`."""
    floor = since.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    first = floor if floor == since else floor + DAY
    last = until.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if first >= last:
        first = last = until
    return {
        "versions": list(versions), "since": since, "until": until, "first": first, "last": last,
    }  # fmt: skip


def _is_whole_days(since: datetime, until: datetime, unit: str, zone: str) -> bool:
    """Whether the days' table can say: days of UTC, the last of which may be today."""
    if zone != "UTC" or unit not in {"day", "week", "month"}:
        return False
    bounds = _bounds([], since, until)
    return bounds["first"] == since and (bounds["last"] == until or until > clock.now())


def _series_query(unit: str, zone: str, *, by_day: bool) -> tuple[str, dict[str, Any]]:
    table, column = ("inference_dayrollup", "day") if by_day else ("inference_rollup", "quarter")
    start, values = _truncated(column, unit, zone)
    return SERIES.format(start=start, table=table, column=column), values


def _truncated(column: str, unit: str, zone: str) -> tuple[str, dict[str, Any]]:
    """An expression for the beginning of a row's stretch in a zone, and its values."""
    if unit == "quarter":
        return column, {}
    # Of the moment itself: the local hour that a clock goes back over happens twice.
    return f"date_trunc(%(unit)s, {column}, %(zone)s)", {"unit": unit, "zone": zone}


def _pattern(table: str, whose: str, values: Mapping[str, Any]) -> Mapping[tuple[int, int], int]:
    with connection.cursor() as cursor:
        cursor.execute(PATTERN.format(table=table, whose=whose), values)
        return {(hour, day): count for hour, day, count in cursor.fetchall()}


def _of_person(
    user_id: UUID, since: datetime, until: datetime, versions: Collection[UUID] | None
) -> dict[str, Any]:
    only = None if versions is None else list(versions)
    return {"user": user_id, "since": since, "until": until, "versions": only}
