"""It reads any period in any zone, and says what is wrong with the others."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from analytics import periods
from analytics.periods import BadPeriod, parse_period
from analytics.shapes import starts
from conftest import FrozenClock

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def test_thirty_days_in_utc_unless_said(clock: FrozenClock) -> None:
    period = parse_period({})
    assert (period.since, period.until) == (
        datetime(2026, 1, 31, tzinfo=UTC),
        NOON + timedelta(minutes=15),
    )
    assert len(starts(period)) == 30


@pytest.mark.parametrize(
    ("given", "since", "until"),
    [
        ({"days": "1"}, "2026-03-01T00:00Z", "2026-03-01T12:15Z"),
        ({"days": "1", "tz": "+05:45"}, "2026-02-28T18:15Z", "2026-03-01T12:15Z"),
        ({"days": "1", "tz": "-09:30"}, "2026-03-01T09:30Z", "2026-03-01T12:15Z"),
        ({"from": "2026-02-01", "to": "2026-02-03"}, "2026-02-01T00:00Z", "2026-02-04T00:00Z"),
        (
            {"from": "2026-02-01", "to": "2026-02-01", "tz": "Asia/Kathmandu"},
            "2026-01-31T18:15Z",
            "2026-02-01T18:15Z",
        ),
        (
            {"from": "2026-02-01T10:07Z", "to": "2026-02-01T10:16Z"},
            "2026-02-01T10:00Z",
            "2026-02-01T10:30Z",
        ),
    ],
)
def test_a_period_begins_and_ends_at_quarters(
    clock: FrozenClock, given: dict[str, str], since: str, until: str
) -> None:
    period = parse_period(given)
    assert period.since == datetime.fromisoformat(since)
    assert period.until == datetime.fromisoformat(until)


def test_a_day_with_a_clock_change_has_its_own_length(clock: FrozenClock) -> None:
    given = {"from": "2025-10-26", "to": "2025-10-26", "tz": "Europe/Paris", "resolution": "hour"}
    assert len(starts(parse_period(given))) == 25
    week = parse_period(
        {"from": "2025-10-24", "to": "2025-10-28", "tz": "Europe/Paris", "resolution": "day"}
    )
    assert [start.hour for start in starts(week)] == [0] * 5


def test_months_begin_on_the_first(clock: FrozenClock) -> None:
    period = parse_period({"from": "2025-11-15", "to": "2026-02-10", "resolution": "month"})
    assert [start.strftime("%Y-%m-%d") for start in starts(period)] == [
        "2025-11-01",
        "2025-12-01",
        "2026-01-01",
        "2026-02-01",
    ]


@pytest.mark.parametrize(
    ("given", "name", "said"),
    [
        ({"from": "2026-02-02", "to": "2026-02-01"}, "from", "ends before it begins"),
        ({"from": "2027-01-01"}, "from", "ends before it begins"),
        ({"days": "0"}, "days", "1 to 400"),
        ({"days": "401"}, "days", "1 to 400"),
        ({"days": "-1"}, "days", "1 to 400"),
        ({"days": "many"}, "days", "1 to 400"),
        ({"days": "9" * 5000}, "days", "1 to 400"),
        ({"days": "3", "from": "2026-02-01"}, "days", "or from and to"),
        ({"from": "yesterday"}, "from", "2026-03-01"),
        ({"to": "2026-13-01"}, "to", "2026-03-01"),
        ({"from": "0001-01-01", "to": "0001-01-02", "tz": "+14:00"}, "from", ""),
        ({"from": "0001-01-01", "to": "0001-01-02"}, "from", "between 1970 and 2200"),
        ({"from": "9999-01-01", "to": "9999-01-02"}, "to", "between 1970 and 2200"),
        ({"tz": "+00:10"}, "tz", "whole quarters"),
        ({"tz": "Mars/Olympus"}, "tz", "no time zone"),
        ({"tz": "localtime"}, "tz", "no time zone"),
        ({"tz": "../../etc/passwd"}, "tz", "no time zone"),
        ({"tz": "+25:00"}, "tz", "no time zone"),
        ({"resolution": "minute"}, "resolution", "one of"),
        ({"days": "365", "resolution": "hour"}, "resolution", "2,000 is the limit"),
        ({"from": "2024-01-01", "to": "2026-01-01"}, "from", "at most 400 days"),
    ],
)
def test_what_is_no_period_is_named(
    clock: FrozenClock, given: dict[str, str], name: str, said: str
) -> None:
    with pytest.raises(BadPeriod) as refused:
        parse_period(given)
    assert refused.value.errors[0].pointer == f"?{name}"
    assert said in refused.value.message


def test_the_period_before_is_as_long(clock: FrozenClock) -> None:
    period = parse_period({"days": "7"})
    assert period.before.until == period.since
    assert period.before.length == period.length > timedelta(days=6)


@pytest.mark.django_db
def test_every_zone_that_is_taken_is_one_of_postgresqls() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM pg_timezone_names")
        known = {name for (name,) in cursor.fetchall()}
    assert periods._zones() - known == set()
