"""The platform's figures: measured by the minute, summed up by the hour, shown to operators."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from accounts import services
from accounts.actors import actor_for_user
from accounts.models import User
from common.models import EventRecord
from config import gauges, metrics
from config.models import MetricHour, MetricSample
from conftest import FrozenClock
from inference.models import RollUp
from registry.tests.factories import make_model, make_version

pytestmark = pytest.mark.django_db
ClientFor = Callable[[User], APIClient]
HOUR = datetime(2026, 3, 1, 10, tzinfo=UTC)


def keep(at: datetime, **values: float) -> None:
    MetricSample.objects.create(at=at, values=values)


def test_a_minute_is_measured_once(clock: FrozenClock) -> None:
    assert metrics.sample() is not None
    assert metrics.sample() is None
    clock.advance(timedelta(minutes=1))
    second = metrics.sample()
    assert second is not None
    assert MetricSample.objects.count() == 2
    values = second.values
    assert 0 < values["memory_used_bytes"] < values["memory_total_bytes"]
    assert 0 < values["disk_used_bytes"] < values["disk_total_bytes"]
    assert 0 < values["db_connections"] <= values["db_connections_most"]
    assert values["queue_default"] >= 0
    assert values["cache_hits"] >= 0
    assert 0 <= values["cpu_percent"] <= 100


def test_counters_that_began_anew_tell_nothing() -> None:
    before = {"cpu_ticks": 900.0, "cpu_busy_ticks": 90.0, "cache_hits": 5.0, "cache_misses": 1.0}
    now = {"cpu_ticks": 10.0, "cpu_busy_ticks": 1.0, "cache_hits": 0.0, "cache_misses": 2.0}
    assert gauges.differences(now, before) == {}
    assert gauges.differences(now, {}) == {}
    later = {"cpu_ticks": 1000.0, "cpu_busy_ticks": 140.0, "cache_hits": 8.0, "cache_misses": 1.0}
    expected = {"cpu_percent": 50.0, "cache_hits": 3.0, "cache_misses": 0.0}
    assert gauges.differences(later, before) == expected


def test_hours_that_are_over_are_summed_up_once(clock: FrozenClock) -> None:
    for minute, value in ((0, 1.0), (30, 3.0), (59, 5.0)):
        keep(HOUR + timedelta(minutes=minute), load=value)
    keep(clock.now, load=9.0)  # this hour is not over
    assert metrics.roll_up() == 1
    assert metrics.roll_up() == 0
    hour = MetricHour.objects.get()
    assert (hour.at, hour.samples) == (HOUR, 3)
    assert hour.values == {"load": {"mean": 3.0, "min": 1.0, "max": 5.0}}


def test_old_figures_go(clock: FrozenClock) -> None:
    keep(clock.now - timedelta(days=31), load=1.0)
    keep(clock.now - timedelta(days=29), load=1.0)
    for days in (399, 401):
        MetricHour.objects.create(at=clock.now - timedelta(days=days), samples=1, values={})
    metrics.roll_up()
    assert MetricSample.objects.count() == 1
    assert MetricHour.objects.filter(at__lt=clock.now - timedelta(days=400)).count() == 0


def test_a_jail_that_fails_is_told_once_and_so_is_its_return(clock: FrozenClock) -> None:
    """The suite's settings name a socket where no jail listens."""
    for _ in range(4):
        metrics.sample()
        clock.advance(timedelta(minutes=1))
    assert [row.type for row in EventRecord.objects.all()] == ["platform.part_failing"]
    assert metrics._jail_down({"jail_ok": 1.0}, {metrics.JAIL_DOWN: 4.0}) == 0
    assert EventRecord.objects.filter(type="platform.part_recovered").count() == 1


@pytest.mark.parametrize("route", ["metrics", "health", "dashboard"])
def test_only_operators_may(
    alice: User, olga: User, client_for: ClientFor, anonymous: APIClient, route: str
) -> None:
    path = f"/api/v1/admin/{route}"
    assert client_for(olga).get(path).status_code == 200
    assert client_for(alice).get(path).status_code == 403
    assert anonymous.get(path).status_code == 401


def test_figures_are_shown_by_minute_and_hour(
    olga: User, client_for: ClientFor, clock: FrozenClock
) -> None:
    keep(clock.now - timedelta(minutes=5), load=2.0)
    keep(clock.now - timedelta(hours=5), load=1.0)
    metrics.roll_up()
    client = client_for(olga)
    body = client.get("/api/v1/admin/metrics").json()
    assert [row["values"] for row in body["samples"]] == [{"load": 2.0}]
    body = client.get("/api/v1/admin/metrics?resolution=hour").json()
    assert [row["values"]["load"]["max"] for row in body["samples"]] == [1.0, 2.0]
    wide = "/api/v1/admin/metrics?from=2025-01-01T00:00:00Z"
    assert client.get(wide).status_code == 400


def test_health_names_what_does_not_work(olga: User, client_for: ClientFor) -> None:
    body = client_for(olga).get("/api/v1/admin/health").json()
    assert body["status"] == "degraded"
    assert body["checks"]["database"]["ok"] is True
    assert body["checks"]["broker"]["ok"] is True
    assert body["checks"]["jail"]["ok"] is False
    assert body["checks"]["worker"] == {"ok": False, "sampled_at": None}


@pytest.fixture
def busy(alice: User, olga: User, clock: FrozenClock) -> None:
    version = make_version(make_model(alice))
    for days, failed in ((0, 3), (3, 0)):
        RollUp.objects.create(
            version=version,
            quarter=clock.now - timedelta(days=days),
            requests=10,
            rows=20,
            failed=failed,
            errors={"overloaded": failed} if failed else {},
            last_at=clock.now,
        )
    services.suspend_user(alice, actor=actor_for_user(olga))


def test_the_dashboard_adds_up(busy: None, olga: User, client_for: ClientFor) -> None:
    body = client_for(olga).get("/api/v1/admin/dashboard").json()
    assert body["users"] == {"active": 1, "suspended": 1}
    assert body["models"] == 1
    assert sum(body["versions"].values()) == 1
    day, week = body["last_day"], body["last_week"]
    assert day == {"requests": 10, "rows": 20, "failed": 3, "codes": {"overloaded": 3}}
    assert (week["requests"], week["failed"]) == (20, 3)
    assert body["audit"]["check"] is None
    assert set(body["queues"]) == {"default", "journal", "models", "webhooks", "bulk"}


def test_the_console_begins_with_it(busy: None, client: Client, olga: User) -> None:
    client.force_login(olga)
    page = client.get("/admin/").content.decode()
    assert "Predictions, 24 hours" in page
    assert "overloaded: 3" in page


@pytest.mark.parametrize(
    "table",
    [
        "common/auditseal", "accounts/auditcheck", "accounts/notification", "accounts/digest",
        "config/metricsample", "config/metrichour",
    ],
)  # fmt: skip
def test_operators_look_at_the_tables_and_change_nothing(
    client: Client, olga: User, table: str, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    client.force_login(olga)
    with django_assert_max_num_queries(12):
        assert client.get(f"/admin/{table}/").status_code == 200
    assert client.get(f"/admin/{table}/add/").status_code == 403
