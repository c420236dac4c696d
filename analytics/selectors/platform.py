"""How the platform is used, for operators."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import Count, Exists, OuterRef, Sum

from accounts.actors import Actor
from accounts.models import User
from accounts.permissions import check_operator
from accounts.selectors.operators import count_by_status
from analytics.models import OptOut
from analytics.periods import Period
from analytics.shapes import Counts, filled, trend
from common.http import health
from common.ids import least_id
from common.models import EventRecord
from inference import figures
from inference.models import UserRollUp
from registry.models import ModelVersion
from registry.selectors import count_models

MOST_FEATURES: Final = 40


@dataclass(frozen=True, slots=True)
class Funnel:
    """Of those who signed up in the period: how many uploaded, and how many then predicted."""

    signed_up: int
    uploaded: int
    predicted: int


@dataclass(frozen=True, slots=True)
class PlatformFigures:
    """The platform in a period. `features` counts what people did who let themselves be counted."""

    period: Period
    counts: Counts
    before: Counts
    daily: list[dict[str, Any]]
    users: dict[str, int]
    active_users: int
    models: int
    storage_bytes: int
    health: dict[str, bool]
    features: list[dict[str, Any]]
    funnel: Funnel
    opted_out: int

    @property
    def trend(self) -> dict[str, float | None]:
        """By what share calls and failures grew over the period before."""
        return trend(self.counts, self.before)


def platform_overview(actor: Actor, period: Period) -> PlatformFigures:
    """How the platform is used. Raises OperatorsOnly."""
    check_operator(actor)
    since, until = period.since, period.until
    asked = UserRollUp.objects.filter(quarter__gte=since, quarter__lt=until)
    return PlatformFigures(
        period=period,
        counts=Counts(*figures.platform_counts(since, until)),
        before=Counts(*figures.platform_counts(period.before.since, period.before.until)),
        daily=filled(
            figures.platform_series(since, until, unit=period.resolution, zone=period.sql_zone),
            period,
        ),
        users=count_by_status(),
        active_users=asked.values("user_id").distinct().count(),
        models=count_models(),
        storage_bytes=ModelVersion.objects.aggregate(all=Sum("size"))["all"] or 0,
        health={
            "database": bool(health.check_database()["ok"]),
            "cache": bool(health.check_cache()["ok"]),
            "jail": bool(health.check_jail().get("ok")),
        },
        features=_features(since, until),
        funnel=_funnel(since, until),
        opted_out=OptOut.objects.count(),
    )


def _features(since: datetime, until: datetime) -> list[dict[str, Any]]:
    """What people did, by type of event: how often, and how many of them."""
    rows = EventRecord.objects.filter(
        id__gte=least_id(since), id__lt=least_id(until), actor_id__isnull=False
    ).exclude(actor_id__in=OptOut.objects.values("user_id"))
    counted = (
        rows.order_by()
        .values("type")
        .annotate(count=Count("id"), people=Count("actor_id", distinct=True))
    )
    return [dict(one) for one in counted.order_by("-count", "type")[:MOST_FEATURES]]


def _funnel(since: datetime, until: datetime) -> Funnel:
    new = User.objects.filter(created_at__gte=since, created_at__lt=until, service_of=None).exclude(
        id__in=OptOut.objects.values("user_id")
    )
    uploads = EventRecord.objects.filter(actor_id=OuterRef("id"), type="model_version.received")
    calls = UserRollUp.objects.filter(user_id=OuterRef("id"))
    uploaded = new.filter(Exists(uploads))
    return Funnel(new.count(), uploaded.count(), uploaded.filter(Exists(calls)).count())
