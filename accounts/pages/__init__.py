"""The HTML side of accounts, and what other apps' pages ask for."""

from __future__ import annotations

import time
from uuid import UUID

from django.contrib import auth
from django.http import HttpRequest

from accounts import services
from accounts.actors import Actor, actor_for_user
from accounts.guards import admit
from accounts.models import User
from common.context import note_origin, origin

BACKEND = "accounts.backends.EmailBackend"
# What the browser's session holds: the row of ours, and when its use was last noted.
SESSION = "slipway_session"
NOTED = "slipway_noted"
NOTE_EVERY = 600.0  # seconds


def actor(request: HttpRequest) -> Actor:
    """Who is logged in; one query the first time. For views behind `login_required`."""
    known = getattr(request, "_slipway_actor", None)
    if isinstance(known, Actor):
        return known
    user = request.user
    if not isinstance(user, User):
        raise TypeError("This page is public: it has no actor.")
    found = admit(actor_for_user(user, via="session"), origin().address)
    note_origin(via=found.via, session_id=session_id(request))
    _note_use(request)
    request._slipway_actor = found  # type: ignore[attr-defined]  # kept for this request
    return found


def enter(request: HttpRequest, user: User) -> None:
    """Log the browser in, and note the session for its list."""
    auth.login(request, user, backend=BACKEND)
    if request.session.session_key is None:
        request.session.create()
    session = services.open_browser_session(user, request.session.session_key or "")
    request.session[SESSION] = str(session.id)
    request.session[NOTED] = time.time()


def stay(request: HttpRequest, user: User) -> None:
    """Keep this browser in when the user's other sessions end with the old password."""
    auth.update_session_auth_hash(request, user)
    known = session_id(request)
    if known is not None:
        services.move_browser_session(known, request.session.session_key or "")


def session_id(request: HttpRequest) -> UUID | None:
    """The row of the browser's session; None for one that is not listed."""
    known = request.session.get(SESSION)
    return UUID(known) if known else None


def _note_use(request: HttpRequest) -> None:
    """Note that the session is in use, now and then."""
    known = session_id(request)
    if known is not None and time.time() - request.session.get(NOTED, 0) > NOTE_EVERY:
        request.session[NOTED] = time.time()
        services.note_browser_use(known)
