"""Uptime by day, from samples and hours; the page that shows it, and to whom how much."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from accounts.models import User
from config import metrics, uptime
from config.models import MetricHour, MetricSample
from config.pages.status import said
from conftest import FrozenClock

pytestmark = pytest.mark.django_db
WELL = {"jail_ok": 1.0, "cache_ok": 1.0, "web_ok": 1.0}


@pytest.fixture(autouse=True)
def nothing_kept() -> None:
    cache.delete(uptime.KEY)


def minutes(clock: FrozenClock, count: int, **values: float) -> None:
    """The last so many minutes, each measured."""
    MetricSample.objects.bulk_create(
        MetricSample(at=clock.now - timedelta(minutes=i + 1), values=WELL | values)
        for i in range(count)
    )


def part(name: str) -> uptime.Part:
    return next(one for one in uptime.parts() if one.name == name)


def test_days_before_the_first_figure_are_unknown(clock: FrozenClock) -> None:
    assert {day.state for day in part("work").days} == {"unknown"}
    minutes(clock, 60)
    cache.delete(uptime.KEY)
    days = part("work").days
    assert len(days) == uptime.DAYS
    assert [day.state for day in days[-2:]] == ["unknown", "good"]
    assert part("work").share == 100


def test_minutes_without_figures_are_down(clock: FrozenClock) -> None:
    minutes(clock, 600)
    MetricSample.objects.filter(at__gte=clock.now - timedelta(minutes=60)).delete()
    work = part("work")
    assert not work.ok
    assert work.days[-1].share == pytest.approx(540 / 599, abs=0.005)
    assert work.days[-1].state == "bad"


def test_a_part_that_fails_is_told_from_the_others(clock: FrozenClock) -> None:
    minutes(clock, 120)
    MetricSample.objects.filter(at__gte=clock.now - timedelta(minutes=2)).update(
        values=WELL | {"jail_ok": 0.0}
    )
    assert not part("jail").ok
    assert part("jail").days[-1].state == "fair"
    assert part("cache").ok
    assert part("cache").days[-1].state == "good"


def test_hours_that_are_summed_up_count_as_their_minutes(clock: FrozenClock) -> None:
    values = {name: {"mean": 1.0, "min": 1.0, "max": 1.0} for name in WELL}
    values["jail_ok"]["mean"] = 0.5
    MetricHour.objects.bulk_create(
        MetricHour(at=clock.now - timedelta(days=2, hours=i), samples=60, values=values)
        for i in range(48)
    )
    days = part("jail").days
    assert days[-4].share == pytest.approx(0.5)
    assert part("work").days[-4].share == 1
    assert days[-2].share == 0  # a whole day without a figure


def test_a_measured_minute_says_what_works(clock: FrozenClock) -> None:
    sample = metrics.sample()
    assert sample is not None
    assert sample.values["cache_ok"] == 1
    assert sample.values["jail_ok"] == 0


def test_a_share_is_never_rounded_up_to_all() -> None:
    assert said(0.99999) == "99.99 %"
    assert said(1) == "100 %"
    assert said(None) == "not measured"


def test_everybody_sees_the_state_and_operators_the_details(
    clock: FrozenClock, client: Client, alice: User, olga: User
) -> None:
    minutes(clock, 5)
    page = client.get("/status").content.decode()
    assert "Everything works." in page
    assert page.count("<rect") == uptime.DAYS * len(uptime.PARTS)
    for user, sees in ((alice, False), (olga, True)):
        client.force_login(user)
        page = client.get("/status").content.decode()
        assert ("For operators" in page) is sees
        assert ("sampled_at" in page) is sees


def test_a_summary_is_kept_for_a_minute(
    clock: FrozenClock, client: Client, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    minutes(clock, 5)
    client.get("/status")
    with django_assert_max_num_queries(1):
        client.get("/status")


def test_the_console_draws_the_last_hours(clock: FrozenClock, client: Client, olga: User) -> None:
    minutes(
        clock, 60, cpu_percent=40.0, memory_used_bytes=1, memory_total_bytes=4, queue_default=3.0
    )
    MetricSample.objects.filter(at=clock.now - timedelta(minutes=1)).update(values=WELL)
    client.force_login(olga)
    page = client.get("/admin/").content.decode()
    assert page.count("<polyline") == 3
    assert "Memory: between 25 and 25 %, 25 on average" in page
    assert "Tasks that wait: between 0 and 3 tasks" in page
