"""The notification centre as pages."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import services
from accounts.models import DigestKind
from accounts.pages import actor
from accounts.selectors import notifications as selectors
from accounts.selectors.notifications import Preference

PAGE_SIZE = 20


@never_cache
@login_required
@require_safe
def notifications(request: HttpRequest) -> HttpResponse:
    """What one was told, all or what was not read."""
    unread = request.GET.get("unread") == "1"
    rows = selectors.list_notifications(actor(request), unread=unread)
    page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    return render(request, "accounts/notifications.html", {"page": page, "unread": unread})


@login_required
@require_POST
def read(request: HttpRequest, notification_id: UUID) -> HttpResponse:
    """Note that one was read."""
    services.mark_read(notification_id, actor=actor(request))
    return redirect("notifications")


@login_required
@require_POST
def read_all(request: HttpRequest) -> HttpResponse:
    """Note that all were read."""
    services.mark_all_read(actor=actor(request))
    return redirect("notifications")


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def preferences(request: HttpRequest) -> HttpResponse:
    """How one wants to be told of what."""
    found = selectors.preferences(actor(request))
    if request.method == "POST":
        services.set_preferences(
            actor=actor(request),
            digest=request.POST["digest"] if request.POST.get("digest") in DigestKind else None,
            channels={one.type: _channels(request.POST, one) for one in found.types},
        )
        messages.success(request, "Saved.")
        return redirect("notification-preferences")
    context = {"preferences": found, "digests": DigestKind.choices}
    return render(request, "accounts/notification_preferences.html", context)


def _channels(given: QueryDict, one: Preference) -> services.Channels:
    """The two boxes of a type: one that can't be unticked is not sent by browsers."""
    boxes = given.getlist(one.type)
    return services.Channels(in_app="in_app" in boxes, email="email" in boxes or one.mandatory)
