"""Whether it works, for everybody; with what is wrong, for operators."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.pages import actor
from config import uptime
from config.dashboard import dependencies

BAR, GAP, HEIGHT = 6, 2, 34  # of a day's bar, in units of the picture


@dataclass(frozen=True, slots=True)
class Bar:
    """One day's bar: where it stands, its colour, and what it says."""

    x: int
    state: str
    title: str


@never_cache
@require_safe
def status(request: HttpRequest) -> HttpResponse:
    """Each part now and over the last ninety days."""
    parts = uptime.parts()
    sees_details = request.user.is_authenticated and request.user.is_staff
    context = {
        "parts": [(part, bars(part)) for part in parts],
        "rows": rows(parts),
        "all_well": all(part.ok for part in parts),
        "days": uptime.DAYS,
        "width": uptime.DAYS * (BAR + GAP) - GAP,
        "bar_width": BAR,
        "height": HEIGHT,
        "checks": dependencies(actor(request)) if sees_details else None,
    }
    return render(request, "config/status.html", context)


def bars(part: uptime.Part) -> list[Bar]:
    """The picture's bars, oldest first."""
    return [
        Bar(number * (BAR + GAP), day.state, f"{day.day:%d %B %Y}: {said(day.share)}")
        for number, day in enumerate(part.days)
    ]


def rows(parts: list[uptime.Part]) -> list[tuple[date, list[str]]]:
    """The same as a table: each day that is known, newest first, with each part's share."""
    days = zip(*(part.days for part in parts), strict=True)
    known = [row for row in days if any(day.share is not None for day in row)]
    return [(row[0].day, [said(day.share) for day in row]) for row in reversed(known)]


def said(share: float | None) -> str:
    """A share in words; never rounded up to all of it."""
    if share is None:
        return "not measured"
    return "100 %" if share == 1 else f"{int(share * 10_000) / 100:.2f} %"
