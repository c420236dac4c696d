"""Roll-ups made anew from the log, or compared with it.

A quarter of an hour at a time, while nobody adds to the roll-ups: predictions go on being answered
and written to the journal meanwhile, and wait there. What is older than the log is left alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction

from common import clock
from common.ids import least_id
from inference.models import Prediction, QualityRollUp, RollUp, UserRollUp
from inference.partitions import partitions
from inference.people import PersonSums, UserKey, add_people, sum_up_people
from inference.quality import Key as QualityKey
from inference.quality import Quality, quality_of_day
from inference.rollups import DAYS, EPOCH, QUARTERS, Fact, Key, Sums, Tier, moment, put, sum_up
from registry.models import ModelVersion

QUARTER: Final = timedelta(minutes=15)
DAY: Final = timedelta(days=1)
CHUNK: Final = 2000
FLOAT_SLACK: Final = 1e-6
TABLES: Final = (
    "inference_rollup, inference_dayrollup, inference_userrollup, inference_qualityrollup"
)


@dataclass(frozen=True, slots=True)
class Difference:
    """A roll-up that is not the sum of the log. `stored` or `counted` is None where it is not."""

    table: str
    version_id: UUID
    start: datetime
    stored: Mapping[str, Any] | None
    counted: Mapping[str, Any] | None


def first_whole_day() -> datetime | None:
    """The beginning of the log, as far as it is kept whole; None where nothing is kept."""
    kept = sorted(partitions().values())
    return datetime(kept[0].year, kept[0].month, kept[0].day, tzinfo=UTC) if kept else None


def rebuild(since: datetime, until: datetime) -> int:
    """Replace the roll-ups of every day that the range touches; returns how many predictions.

    Whole days, so that the days' rows stay the sums of their quarters.
    """
    counted = 0
    for day in _days(since, until):
        for start in _quarters(day):
            with transaction.atomic():
                _lock()
                facts = list(_facts(start))
                _replace(start, sum_up(facts), sum_up_people(facts))
            counted += len(facts)
        with transaction.atomic():
            _lock()
            _clear(DAYS, day, day + DAY)
            put(DAYS, _stored_day(day))
            _replace_quality(day.date())
    return counted


def compare(since: datetime, until: datetime) -> Iterator[Difference]:
    """The quarters and days, of versions and people, whose roll-ups are not the sums of the log."""
    for day in _days(since, until):
        total: dict[Key, Sums] = {}
        for start in _quarters(day):
            with transaction.atomic():
                _lock()
                facts = list(_facts(start))
                sums = sum_up(facts)
                yield from _differences(QUARTERS, sums, start, start + QUARTER)
                yield from _differences_of_people(sum_up_people(facts), start)
            for (version, _), one in sums.items():
                key = (version, _ms(day))
                total.setdefault(key, Sums()).plus(one)
        with transaction.atomic():
            _lock()
            yield from _differences(DAYS, total, day, day + DAY)
            yield from _differences_of_quality(day)


def _lock() -> None:
    """Keep workers from adding while a quarter is looked at; they wait, and go on."""
    with connection.cursor() as cursor:
        cursor.execute(f"LOCK TABLE {TABLES} IN SHARE ROW EXCLUSIVE MODE")


def _replace(
    start: datetime, sums: Mapping[Key, Sums], people: Mapping[UserKey, PersonSums]
) -> None:
    _clear(QUARTERS, start, start + QUARTER)
    put(QUARTERS, sums)
    UserRollUp.objects.filter(quarter=start).delete()
    add_people(people)


def _replace_quality(day: date) -> None:
    QualityRollUp.objects.filter(day=day).delete()
    QualityRollUp.objects.bulk_create(
        QualityRollUp(version_id=version, day=day, user_id=user, **asdict(sums))
        for (version, _, user), sums in quality_of_day(day).items()
    )


def _clear(tier: Tier, since: datetime, until: datetime) -> None:
    between = {f"{tier.column}__gte": since, f"{tier.column}__lt": until}
    tier.model.objects.filter(**between).delete()


def _facts(start: datetime) -> Iterator[Fact]:
    """What the log says of a quarter of an hour: by the time in the ids, as roll-ups have it."""
    rows = Prediction.objects.filter(id__gte=least_id(start), id__lt=least_id(start + QUARTER))
    fields = (
        "id", "version_id", "user_id", "status", "code", "rows", "inference_us", "duration_us",
        "cache_hit", "outputs",
    )  # fmt: skip
    classify: dict[UUID, bool] = {}
    for row in rows.order_by("id").values(*fields).iterator(chunk_size=CHUNK):
        version = row["version_id"]
        if version not in classify:
            found = ModelVersion.objects.filter(id=version).values_list("signature__classes")
            classify[version] = any(classes for (classes,) in found)
        outputs = row.pop("outputs")
        answer = outputs if isinstance(outputs, dict) else {}
        yield Fact(
            at_ms=row.pop("id").int >> 80,
            labels=answer.get("predictions") or () if classify[version] else (),
            confidence=answer.get("confidence") or (),
            **row,
        )


def _stored_day(day: datetime) -> dict[Key, Sums]:
    """A day's sums, from its quarters as they stand."""
    sums: dict[Key, Sums] = {}
    quarters = RollUp.objects.filter(quarter__gte=day, quarter__lt=day + DAY).order_by("quarter")
    for row in quarters.values():
        sums.setdefault((row["version_id"], _ms(day)), Sums()).merge(row)
    return sums


def _differences(
    tier: Tier, counted: Mapping[Key, Sums], since: datetime, until: datetime
) -> Iterator[Difference]:
    between = {f"{tier.column}__gte": since, f"{tier.column}__lt": until}
    stored: dict[Key, dict[str, Any]] = {}
    rows: Iterable[Mapping[str, Any]] = tier.model.objects.filter(**between).values()
    for row in rows:
        one = Sums()
        one.merge(row)
        stored[row["version_id"], _ms(row[tier.column])] = _shown(one)
    found = {key: _shown(one) for key, one in counted.items()}
    for key in sorted(stored.keys() | found.keys()):
        if not _same(stored.get(key), found.get(key)):
            yield Difference(tier.table, key[0], moment(key[1]), stored.get(key), found.get(key))


def _differences_of_people(
    counted: Mapping[UserKey, PersonSums], start: datetime
) -> Iterator[Difference]:
    rows = UserRollUp.objects.filter(quarter=start).values_list(
        "user_id", "version_id", *PersonSums.__slots__
    )
    stored = {(user, _ms(start), version): PersonSums(*sums) for user, version, *sums in rows}
    table = UserRollUp._meta.db_table
    for key in sorted(stored.keys() | counted.keys()):
        if stored.get(key) != counted.get(key):
            there, found = (
                asdict(one) if one else None for one in (stored.get(key), counted.get(key))
            )
            yield Difference(table, key[2], start, there, found)


def _differences_of_quality(midnight: datetime) -> Iterator[Difference]:
    """A day whose feedback was all taken back may have sums of nothing."""
    stored: dict[QualityKey, Quality] = {}
    for row in QualityRollUp.objects.filter(day=midnight.date()).values():
        stored[row["version_id"], row["day"], row["user_id"]] = one = Quality()
        one.merge(row)
    counted = quality_of_day(midnight.date())
    for key in sorted(stored.keys() | counted.keys()):
        there, found = (asdict(sums.get(key, Quality())) for sums in (stored, counted))
        if not _same_quality(there, found):
            yield Difference(QualityRollUp._meta.db_table, key[0], midnight, there, found)


def _same_quality(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two sums agree; floats are added up in another order."""
    return all(
        math.isclose(value, other[name], rel_tol=FLOAT_SLACK, abs_tol=FLOAT_SLACK)
        if isinstance(value, float)
        else value == other[name]
        for name, value in one.items()
    )


def _shown(sums: Sums) -> dict[str, Any]:
    return {name: getattr(sums, name) for name in Sums.__slots__}


def _same(one: Mapping[str, Any] | None, other: Mapping[str, Any] | None) -> bool:
    """Whether two sums agree; floats are added up in another order."""
    if one is None or other is None:
        return False
    names = [name for name in one if name != "confidence_sum"]
    apart = abs(one["confidence_sum"] - other["confidence_sum"])
    return all(one[name] == other[name] for name in names) and apart < FLOAT_SLACK


def _days(since: datetime, until: datetime) -> Iterator[datetime]:
    day = since.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    while day < until:
        yield day
        day += DAY


def _quarters(day: datetime) -> Iterator[datetime]:
    now = clock.now()
    for number in range(96):
        start = day + number * QUARTER
        if start <= now:
            yield start


def _ms(at: datetime) -> int:
    return (at - EPOCH) // timedelta(milliseconds=1)
