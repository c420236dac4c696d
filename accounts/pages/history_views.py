"""What happened, as pages: one's own activity, and the history of an object."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from accounts import selectors
from accounts.api.history_serializers import HistoryFilter
from accounts.pages import actor
from accounts.selectors import history
from common.errors import Invalid

ACTIVITY = "What you did, and what happened to your account and keys."
SECURITY = "Look through it now and then. If something was not you, change your password."


def wanted(request: HttpRequest) -> history.Wanted:
    """Which part of a history the address asks for. Raises Invalid."""
    form = HistoryFilter(data={name: request.GET[name] for name in request.GET})
    if not form.is_valid():
        name, faults = next(iter(form.errors.items()))
        raise Invalid(f"{name}: {faults[0]}")
    return form.wanted()


def history_page(
    request: HttpRequest, *, name: str, back: str, subject_id: UUID, organization_id: UUID
) -> HttpResponse:
    """The history of an object that the reader may see, with the way back to it."""
    found = history.history_of(subject_id, organization_id=organization_id, wanted=wanted(request))
    context = {"history": found, "name": name, "back": back}
    return render(request, "accounts/history.html", context)


@login_required
@require_safe
def activity(request: HttpRequest) -> HttpResponse:
    """All of one's own history."""
    found = history.own_activity(actor(request), wanted(request))
    context = {"history": found, "title": "Activity", "lead": ACTIVITY, "here": "activity"}
    return render(request, "accounts/activity.html", context)


@login_required
@require_safe
def security_events(request: HttpRequest) -> HttpResponse:
    """What concerns the safety of one's account."""
    found = history.own_security_events(actor(request), wanted(request))
    context = {"history": found, "title": "Security events", "lead": SECURITY}
    context |= {"here": "security"}
    return render(request, "accounts/activity.html", context)


@login_required
@require_safe
def key_history(request: HttpRequest, key_id: UUID) -> HttpResponse:
    """What happened to a key that one may see."""
    key = selectors.get_key(actor(request), key_id)
    return history_page(
        request,
        name=f"the key {key.name}",
        back=reverse("keys"),
        subject_id=key.id,
        organization_id=key.organization_id,
    )
