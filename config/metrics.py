"""Keeping the figures of each minute and hour, and telling operators of a part that fails."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import TruncHour

from accounts.actors import Actor
from accounts.events import PartFailing, PartRecovered
from accounts.permissions import check_operator
from common import clock
from common.events import publish
from config.gauges import Figures, differences, read_counters, read_gauges
from config.models import MetricHour, MetricSample

KEEP_SAMPLES: Final = timedelta(days=30)
KEEP_HOURS: Final = timedelta(days=400)
# A part that fails in so many samples running is told of; a restart takes less.
ALARM_AFTER: Final = 2
JAIL_DOWN: Final = "jail_down"


@transaction.atomic
def sample() -> MetricSample | None:
    """Measure and keep this minute; None where somebody has done so."""
    at = clock.now().replace(second=0, microsecond=0)
    if MetricSample.objects.filter(at=at).exists():
        return None
    before = MetricSample.objects.filter(at__gte=at - timedelta(minutes=5), at__lt=at).first()
    counters, values = read_counters(), read_gauges()
    if before is not None:
        values |= differences(counters, before.counters)
    counters[JAIL_DOWN] = _jail_down(values, before.counters if before else {})
    made = MetricSample.objects.bulk_create(
        [MetricSample(at=at, values=values, counters=counters)], ignore_conflicts=True
    )
    return made[0]


def samples(
    actor: Actor, *, resolution: str, since: datetime, until: datetime
) -> QuerySet[MetricSample] | QuerySet[MetricHour]:
    """The minutes or hours between two moments, oldest first. Raises OperatorsOnly."""
    check_operator(actor)
    rows = MetricHour.objects.all() if resolution == "hour" else MetricSample.objects.all()
    return rows.filter(at__gte=since, at__lt=until).order_by("at")


def roll_up() -> int:
    """Sum up the hours that are over and were not yet, drop what is too old; how many hours."""
    this_hour = clock.now().replace(minute=0, second=0, microsecond=0)
    hours = (
        MetricSample.objects.filter(at__lt=this_hour)
        .exclude(at__lt=this_hour - KEEP_SAMPLES)
        .annotate(hour=TruncHour("at"))
        .exclude(hour__in=MetricHour.objects.values("at"))
        .order_by("hour")
        .values_list("hour", flat=True)
        .distinct()
    )
    rows = [_summed(hour) for hour in hours]
    MetricHour.objects.bulk_create(rows, ignore_conflicts=True)
    MetricSample.objects.filter(at__lt=clock.now() - KEEP_SAMPLES).delete()
    MetricHour.objects.filter(at__lt=clock.now() - KEEP_HOURS).delete()
    return len(rows)


def _summed(hour: datetime) -> MetricHour:
    """One hour's figures. A figure that some minutes lack is that of the others."""
    found: dict[str, list[float]] = {}
    samples = MetricSample.objects.filter(at__gte=hour, at__lt=hour + timedelta(hours=1))
    count = 0
    for row in samples:
        count += 1
        for name, value in row.values.items():
            found.setdefault(name, []).append(value)
    values = {
        name: {"mean": round(sum(all_) / len(all_), 3), "min": min(all_), "max": max(all_)}
        for name, all_ in found.items()
    }
    return MetricHour(at=hour, samples=count, values=values)


def _jail_down(values: Figures, before: Figures) -> float:
    """For how many samples running the jail has failed; its fall and rise are events."""
    was = before.get(JAIL_DOWN, 0)
    if values["jail_ok"]:
        if was >= ALARM_AFTER:
            publish(PartRecovered(part="jail"))
        return 0
    if was + 1 == ALARM_AFTER:
        detail = "Files can't be checked, and models that are not compiled don't answer."
        publish(PartFailing(part="jail", detail=detail))
    return was + 1
