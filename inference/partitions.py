"""The predictions table's partitions: one for each day, by the time in the UUIDv7 key."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

import structlog
from django.db import DatabaseError, connection, transaction

from common import clock
from common.ids import least_id

logger = structlog.get_logger(__name__)

TABLE = "inference_prediction"
NET = f"{TABLE}_net"
DAYS_AHEAD = 3
# Two workers must not make the same partition at once; any number that nobody else uses.
LOCK = 0x5051
# Making a partition waits for readers of the net; it must not keep the journal waiting with it.
LOCK_TIMEOUT = "2s"
_known: set[date] = set()


def day_of(id_: int) -> date:
    """The day (UTC) in a UUIDv7."""
    return datetime.fromtimestamp((id_ >> 80) // 1000, UTC).date()


def ensure_partitions(days: Iterable[date]) -> None:
    """Make the partitions of these days where they are missing.

    Days that are long gone or far away are left to the net, and so is a day whose partition can't
    be made now: a row always has a place.
    """
    today = clock.now().date()
    for day in sorted(set(days) - _known):
        if abs((day - today).days) <= 366:  # within a year of now
            _ensure(day)


def make_ahead() -> None:
    """Make the partitions of today and the days to come."""
    today = clock.now().date()
    ensure_partitions(today + timedelta(days=i) for i in range(DAYS_AHEAD + 1))


def partitions() -> dict[str, date]:
    """Every day's partition by its table's name, oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = %s::regclass",
            [TABLE],
        )
        names = sorted(name for (name,) in cursor.fetchall() if name != NET)
    return {name: datetime.strptime(name[-8:], "%Y%m%d").date() for name in names}  # noqa: DTZ007


def drop_before(day: date) -> list[str]:
    """Drop the partitions of earlier days, and such rows from the net; the dropped tables."""
    dropped = []
    for name, its_day in partitions().items():
        if its_day < day:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
                cursor.execute("SELECT inference_drop_partition(%s)", [its_day])
            _known.discard(its_day)
            dropped.append(name)
    first = least_id(datetime(day.year, day.month, day.day, tzinfo=UTC))
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {NET} WHERE id < %s", [first])  # noqa: S608
    return dropped


def _ensure(day: date) -> None:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
            # By the tables' owner: the application's role makes none (its migration says how).
            cursor.execute("SELECT inference_make_partition(%s)", [day])
    except DatabaseError as error:
        logger.warning("partition_not_made", day=str(day), error=str(error))
        return
    if not connection.in_atomic_block:
        _known.add(day)
