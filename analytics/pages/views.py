"""Figures for people with a browser."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.text import slugify
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.pages import actor
from analytics import selectors, services
from analytics.api.renderers import parts, table
from analytics.api.serializers import DashboardFiguresOutput, ModelFiguresOutput
from analytics.pages.shapes import bars, charts
from analytics.periods import BadPeriod, Resolution, parse_period
from common.errors import DomainError


@never_cache
@login_required
@require_safe
def dashboard(request: HttpRequest) -> HttpResponse:
    """How one's models do, together and each."""
    context = _period(request)
    found = selectors.user_dashboard(actor(request), context["period"])
    body = DashboardFiguresOutput(found).data
    if "part" in request.GET:
        return _as_csv(request, body, "dashboard")
    context |= {
        "parts": list(parts(body)),
        "found": found,
        "chart": charts(found.daily, found.period),
        "labels": bars(found.labels),
        "hours": bars([(f"{one['hour']:02}", one["total"]) for one in found.hours]),
        "weekdays": bars([(one["weekday"], one["total"]) for one in found.weekdays]),
        "counted": selectors.is_counted(actor(request)),
    }
    return render(request, "analytics/dashboard.html", context)


@never_cache
@login_required
@require_safe
def model(request: HttpRequest, owner: str, name: str) -> HttpResponse:
    """How one model does."""
    context = _period(request)
    found = selectors.model_figures(actor(request), f"{owner}/{name}", context["period"])
    body = ModelFiguresOutput(found).data
    if "part" in request.GET:
        return _as_csv(request, body, name)
    context |= {
        "parts": list(parts(body)),
        "found": found,
        "chart": charts(found.daily, found.period),
        "labels": bars(found.labels[:20]),
        "errors": bars(found.errors[:20]),
        "hours": bars([(f"{one['hour']:02}", one["total"]) for one in found.hours]),
        "weekdays": bars([(one["weekday"], one["total"]) for one in found.weekdays]),
        "confidence": bars(
            [(f"{one['from']:.2f}", one["count"]) for one in found.confidence["histogram"]]
        ),
    }
    return render(request, "analytics/model.html", context)


@never_cache
@login_required
@require_safe
def compare(request: HttpRequest) -> HttpResponse:
    """Several models side by side."""
    context = _period(request)
    refs = [ref.strip() for ref in request.GET.get("refs", "").split(",") if ref.strip()]
    if refs:
        try:
            context["models"] = selectors.compare_models(actor(request), refs, context["period"])
        except DomainError as error:
            context["problem"] = error.message
    return render(request, "analytics/compare.html", context)


@never_cache
@login_required
@require_safe
def platform(request: HttpRequest) -> HttpResponse:
    """How the platform is used, for operators."""
    context = _period(request)
    found = selectors.platform_overview(actor(request), context["period"])
    context |= {
        "found": found,
        "chart": charts(found.daily, found.period),
        "features": bars([(one["type"], one["count"]) for one in found.features[:20]]),
        "funnel": bars(
            [
                ("signed up", found.funnel.signed_up),
                ("uploaded a model", found.funnel.uploaded),
                ("made a prediction", found.funnel.predicted),
            ]
        ),
    }
    return render(request, "analytics/platform.html", context)


@login_required
@require_POST
def count_me(request: HttpRequest) -> HttpResponse:
    """Be counted in the operators' figures of feature use, or not."""
    services.set_counted(actor=actor(request), counted=request.POST.get("counted") == "on")
    return redirect("analytics")


def _as_csv(request: HttpRequest, body: dict[str, Any], name: str) -> HttpResponse:
    part = request.GET["part"]
    answer = HttpResponse(table(parts(body), part), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{name}-{slugify(part)}.csv"'
    return answer


def _period(request: HttpRequest) -> dict[str, Any]:
    """The period that the address names; where it names none that is one, thirty days and why."""
    problem, given = "", {name: str(value) for name, value in request.GET.items() if value}
    try:
        period = parse_period(given)
    except BadPeriod as error:
        period, problem = parse_period({}), error.message
    return {
        "period": period,
        "problem": problem,
        "given": request.GET,
        "resolutions": list(Resolution),
    }
