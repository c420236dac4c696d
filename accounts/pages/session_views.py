"""Where one is logged in, for people with a browser."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts import selectors, services
from accounts.pages import actor, session_id

PAGE_SIZE = 20


@never_cache
@login_required
@require_safe
def sessions(request: HttpRequest) -> HttpResponse:
    """The sessions that are alive, this one marked."""
    page = Paginator(selectors.list_sessions(actor(request)), PAGE_SIZE)
    context = {"page": page.get_page(request.GET.get("page")), "current": session_id(request)}
    return render(request, "accounts/sessions.html", context)


@login_required
@require_POST
def end_session(request: HttpRequest, ended_id: UUID) -> HttpResponse:
    """Log out there."""
    who = actor(request)
    session = selectors.get_session(who, ended_id)
    services.end_session(session, actor_id=who.id, reason="revoked")
    messages.success(request, f"{session.device} is logged out.")
    return redirect("sessions")


@login_required
@require_POST
def end_other_sessions(request: HttpRequest) -> HttpResponse:
    """Log out everywhere but here."""
    who = actor(request)
    keep = session_id(request)
    count = services.end_sessions(who.user, actor_id=who.id, reason="revoked", keep=keep)
    messages.success(request, f"{count} other sessions are logged out.")
    return redirect("sessions")


@never_cache
def console_login(request: HttpRequest) -> HttpResponse:
    """The console's log-in is everybody's, so that its sessions are listed and ended alike."""
    if request.user.is_authenticated:
        raise PermissionDenied
    return redirect(f"/login?{urlencode({'next': request.GET.get('next', '/admin/')})}")
