"""The platform at a glance, for operators: from counts and roll-ups, never from single rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.http import HttpRequest

from accounts.actors import Actor
from accounts.pages import actor
from accounts.permissions import check_operator
from accounts.selectors.history import count_alarms
from accounts.selectors.operators import AuditState, audit_state, count_by_status
from common import clock
from common.http import health
from config.charts import charts
from config.gauges import queue_lengths
from config.models import MetricSample
from inference.rollups import PlatformTotals, platform_totals
from registry.selectors import count_models, count_versions_by_state

ALIVE = timedelta(minutes=3)


@dataclass(frozen=True, slots=True)
class Figures:
    """What the dashboard shows. `alarms` are security events of the last day, by type."""

    users: dict[str, int]
    models: int
    versions: dict[str, int]
    last_day: PlatformTotals
    last_week: PlatformTotals
    queues: dict[str, int]
    alarms: dict[str, int]
    audit: AuditState


def figures(who: Actor) -> Figures:
    """The platform at this moment. Raises OperatorsOnly."""
    check_operator(who)
    now = clock.now()
    return Figures(
        users=count_by_status(),
        models=count_models(),
        versions=count_versions_by_state(),
        last_day=platform_totals(since=now - timedelta(days=1)),
        last_week=platform_totals(since=now - timedelta(days=7)),
        queues=queue_lengths(),
        alarms=count_alarms(since=now - timedelta(days=1)),
        audit=audit_state(who),
    )


def callback(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Give the console's first page its figures (unfold calls it)."""
    who = actor(request)
    return {**context, "figures": figures(who), "charts": charts(who)}


def dependencies(who: Actor) -> dict[str, dict[str, Any]]:
    """Every part this installation stands on, each with `ok`. Raises OperatorsOnly."""
    check_operator(who)
    sample = MetricSample.objects.first()
    values = sample.values if sample else {}
    free = 1 - values.get("disk_used_bytes", 0) / values.get("disk_total_bytes", 1)
    queues = queue_lengths()
    return {
        "database": health.check_database(),
        "cache": health.check_cache(),
        "jail": health.check_jail(),
        "broker": {"ok": bool(queues), "queues": queues},
        # The sample is made by a worker, whom beat asked: without both there is none.
        "worker": {
            "ok": sample is not None and clock.now() - sample.at < ALIVE,
            "sampled_at": sample.at.isoformat() if sample else None,
        },
        "disk": {"ok": free > health.LEAST_FREE, "free": round(free, 3)},
    }
