"""Model cards, and versions side by side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.defaultfilters import filesizeformat
from django.template.loader import render_to_string
from django.views.decorators.http import require_safe

from accounts.pages import actor
from common.errors import Conflict, Invalid
from inference import cards
from inference.cards import Card
from inference.lineage import lineage
from inference.quality import Quality
from registry.refs import ModelRef
from registry.selectors import get_model

Value = Callable[[Card], Any]


@dataclass(frozen=True, slots=True)
class Line:
    """One fact of each version that is compared; a value is None where there is nothing to say."""

    label: str
    values: list[Any]

    @property
    def differs(self) -> bool:
        return any(value != self.values[0] for value in self.values)


@login_required
@require_safe
def card(request: HttpRequest, owner: str, name: str) -> HttpResponse:
    """A version's card: as a page, or as Markdown to take along."""
    version = request.GET.get("version", "")
    number = int(version) if version.isdecimal() and len(version) < 10 else None
    ref = f"{owner}/{name}" if number is None else f"{owner}/{name}/versions/{number}"
    found = cards.card(actor(request), ref)
    context = {"card": found, "days": cards.LIVE_DAYS, "model": found.version.model}
    if request.GET.get("format") != "markdown":
        context["lineage"] = lineage(actor(request), ref)
    if request.GET.get("format") != "markdown":
        return render(request, "inference/card.html", context)
    response = HttpResponse(
        render_to_string("inference/card.md", context), content_type="text/markdown; charset=utf-8"
    )
    response["Content-Disposition"] = f'attachment; filename="{name}-{found.version.number}.md"'
    return response


@login_required
@require_safe
def compare(request: HttpRequest, owner: str, name: str) -> HttpResponse:
    """Versions of one model side by side, as they were ticked in its list."""
    who = actor(request)
    model = get_model(who, ModelRef(owner=owner, name=name))
    chosen = request.GET.getlist("version")[: cards.MOST_COMPARED + 1]
    context: dict[str, Any] = {"model": model, "days": cards.LIVE_DAYS}
    try:
        found = cards.compare(who, [f"{model.reference}/versions/{one}" for one in chosen]).cards
    except (Invalid, Conflict) as error:
        context["problem"] = error.message
        return render(request, "inference/compare.html", context, status=400)
    context |= {"cards": found, "lines": [_line(label, value, found) for label, value in FACTS]}
    context["features"] = _features(found)
    return render(request, "inference/compare.html", context)


def _line(label: str, value: Value, found: list[Card]) -> Line:
    return Line(label, [value(one) for one in found])


def _features(found: list[Card]) -> list[Line]:
    """Every feature that any version takes, and as what each takes it."""
    taken = [{feature["name"]: _kind(feature) for feature in one.features} for one in found]
    names = dict.fromkeys(name for one in taken for name in one)
    return [Line(name, [one.get(name) for one in taken]) for name in names]


def _kind(feature: dict[str, Any]) -> str:
    return f"{feature['dtype']}, may be missing" if feature.get("nullable") else feature["dtype"]


def _quality(show: Callable[[Quality], float | None], digits: int = 4) -> Value:
    def value(one: Card) -> Any:
        shown = show(one.live.quality) if one.live else None
        return None if shown is None else f"{shown:.{digits}f}"

    return value


def _live(show: Callable[[cards.Live], Any]) -> Value:
    return lambda one: show(one.live) if one.live else None


def _share(live: cards.Live) -> str | None:
    return None if live.error_rate is None else f"{100 * live.error_rate:.2f} %"


def _milliseconds(live: cards.Live) -> str | None:
    return None if live.mean_ms is None else f"{live.mean_ms:g} ms"


FACTS: list[tuple[str, Value]] = [
    ("Aliases", lambda one: ", ".join(f"@{alias.name}" for alias in one.aliases) or None),
    ("Status", lambda one: one.version.status),
    ("Task", lambda one: (one.version.signature or {}).get("task")),
    ("Made with", lambda one: one.version.framework),
    ("Libraries", lambda one: ", ".join(f"{k} {v}" for k, v in one.version.libraries.items())),
    ("Format", lambda one: one.version.format),
    ("Size", lambda one: filesizeformat(one.version.size)),
    ("Served by", lambda one: one.version.runtime),
    ("Calls", _live(lambda live: live.requests)),
    ("Failed", _live(_share)),
    ("Mean of a call", _live(_milliseconds)),
    ("Accuracy", _quality(lambda quality: quality.accuracy)),
    ("F1, macro", _quality(lambda quality: quality.f1_macro)),
    ("RMSE", _quality(lambda quality: quality.rmse)),
]
