"""The HTML side of accounts, and what other apps' pages ask for."""

from __future__ import annotations

from django.http import HttpRequest

from accounts.actors import Actor, actor_for_user
from accounts.models import User
from common.context import note_origin


def actor(request: HttpRequest) -> Actor:
    """Who is logged in; one query the first time. For views behind `login_required`."""
    known = getattr(request, "_slipway_actor", None)
    if isinstance(known, Actor):
        return known
    user = request.user
    if not isinstance(user, User):
        raise TypeError("This page is public: it has no actor.")
    found = actor_for_user(user, via="session")
    note_origin(via=found.via)
    request._slipway_actor = found  # type: ignore[attr-defined]  # kept for this request
    return found
