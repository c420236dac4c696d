"""Which time a figure is about, and in which zone its days begin."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from enum import StrEnum
from functools import cache
from typing import Final, NoReturn
from zoneinfo import ZoneInfo, available_timezones

from common import clock
from common.errors import Fault, Invalid

QUARTER: Final = timedelta(minutes=15)
DEFAULT_DAYS: Final = 30
MOST_DAYS: Final = 400
EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC)
MOST_POINTS: Final = 2000
LOCAL: Final = {"localtime", "Factory", "posixrules"}  # a machine's own, or no zone at all
OFFSET: Final = re.compile(r"([+-])([01]\d):([0-5]\d)")


class Resolution(StrEnum):
    """How long a point of a series is."""

    QUARTER = "quarter"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


LENGTHS: Final[Mapping[Resolution, timedelta]] = {
    Resolution.QUARTER: QUARTER,
    Resolution.HOUR: timedelta(hours=1),
    Resolution.DAY: timedelta(days=1),
    Resolution.WEEK: timedelta(days=7),
    Resolution.MONTH: timedelta(days=28),
}


class BadPeriod(Invalid):
    default_code = "bad_period"


@dataclass(frozen=True, slots=True)
class Period:
    """From `since` up to, not including, `until`, both at quarters of an hour.

    `zone` is where days begin; `sql_zone` the same for PostgreSQL, which reads the sign of a text
    such as `+05:45` the other way round.
    """

    since: datetime
    until: datetime
    zone: tzinfo
    zone_name: str
    resolution: Resolution = Resolution.DAY

    @property
    def sql_zone(self) -> str:
        if isinstance(self.zone, ZoneInfo):
            return self.zone.key
        minutes = (self.zone.utcoffset(None) or timedelta(0)) // timedelta(minutes=1)
        if minutes == 0:
            return "UTC"
        # POSIX counts westwards, PostgreSQL with it.
        hours, rest = divmod(abs(minutes), 60)
        return f"<offset>{'-' if minutes > 0 else '+'}{hours:02}:{rest:02}"

    @property
    def length(self) -> timedelta:
        return self.until - self.since

    @property
    def before(self) -> Period:
        """The period of the same length just before: what a trend is measured against."""
        return Period(
            self.since - self.length, self.since, self.zone, self.zone_name, self.resolution
        )


def parse_period(given: Mapping[str, str]) -> Period:
    """Read `days` or `from` and `to`, `tz` and `resolution`; 30 days by day in UTC unless said.

    `from` and `to` are days (`2026-03-01`, the last one included) or moments (RFC 3339; without
    an offset, in the zone). Raises BadPeriod, which names the parameter.
    """
    zone = _zone(given.get("tz") or "UTC")
    resolution = _resolution(given.get("resolution") or Resolution.DAY)
    since, until = _ends(given, zone)
    if since < EARLIEST or until > LATEST:
        _refuse("from" if since < EARLIEST else "to", "A period lies between 1970 and 2200.")
    if until <= since:
        _refuse("from" if "from" in given else "to", "The period ends before it begins.")
    if until - since > timedelta(days=MOST_DAYS + 1):
        _refuse("from", f"A period has at most {MOST_DAYS} days.")
    points = (until - since) / LENGTHS[resolution]
    if points > MOST_POINTS:
        _refuse(
            "resolution",
            f"This would be {points:,.0f} points, and {MOST_POINTS:,} is the limit: ask for less "
            "time or a coarser resolution.",
        )
    return Period(since, until, zone, given.get("tz") or "UTC", resolution)


def _ends(given: Mapping[str, str], zone: tzinfo) -> tuple[datetime, datetime]:
    if given.get("days") and (given.get("from") or given.get("to")):
        _refuse("days", "Say days, or from and to.")
    # The present quarter hour belongs to it, as far as it has come.
    now = clock.now()
    now += QUARTER - _past_quarter(now)
    if given.get("from") or given.get("to"):
        until = _moment(given["to"], "to", zone, last=True) if given.get("to") else now
        if not given.get("from"):
            return until - timedelta(days=DEFAULT_DAYS), until
        return _moment(given["from"], "from", zone, last=False), until
    days = given.get("days") or str(DEFAULT_DAYS)
    if not (days.isascii() and days.isdigit() and 1 <= int(days[:6]) <= MOST_DAYS):
        _refuse("days", f"days is a whole number from 1 to {MOST_DAYS}.")
    today = clock.now().astimezone(zone).date()
    return _midnight(today - timedelta(days=int(days) - 1), zone), now


def _moment(text: str, name: str, zone: tzinfo, *, last: bool) -> datetime:
    try:
        if len(text) == len("2026-03-01"):
            day = date.fromisoformat(text)
            return _midnight(day + timedelta(days=1) if last else day, zone)
        found = datetime.fromisoformat(text)
        found = (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        _refuse(name, f"{name} is a day such as 2026-03-01, or a moment such as 2026-03-01T12:00Z.")
    return _next_quarter(found) if last else found - _past_quarter(found)


def _midnight(day: date, zone: tzinfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def _past_quarter(at: datetime) -> timedelta:
    return timedelta(minutes=at.minute % 15, seconds=at.second, microseconds=at.microsecond)


def _next_quarter(at: datetime) -> datetime:
    past = _past_quarter(at)
    return at - past + QUARTER if past else at


def _zone(name: str) -> tzinfo:
    found = OFFSET.fullmatch(name)
    if found is not None:
        offset = timedelta(hours=int(found[2]), minutes=int(found[3]))
        if offset % QUARTER:
            _refuse("tz", "An offset is whole quarters of an hour, such as +05:45.")
        return timezone(-offset if found[1] == "-" else offset)
    if name not in _zones():
        _refuse("tz", f"There is no time zone {name[:50]!r}: write Europe/Paris, UTC or +05:45.")
    return ZoneInfo(name)


@cache
def _zones() -> frozenset[str]:
    """The zones that PostgreSQL knows too. Looking for them takes tens of milliseconds."""
    return frozenset(available_timezones()) - LOCAL


def _resolution(name: str) -> Resolution:
    try:
        return Resolution(name)
    except ValueError:
        _refuse("resolution", f"resolution is one of {', '.join(Resolution)}.")


def _refuse(name: str, message: str) -> NoReturn:
    raise BadPeriod(message, errors=[Fault(f"?{name}", message, "bad_period")])
