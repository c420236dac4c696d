"""Sessions: opening, refreshing and ending them.

A refresh token is good for one use and gives the next of its family (RFC 9700, section 4.14.2).
One that comes a second time has been copied: the family ends. A client that sent it twice by
accident, within ten seconds, is told so instead.
"""

from __future__ import annotations

import ipaddress
from datetime import timedelta
from importlib import import_module
from typing import Literal
from uuid import UUID

from django.conf import settings
from django.db import transaction

from accounts.errors import BadToken, ConcurrentRefresh
from accounts.events import SessionEnded, SessionReuseDetected
from accounts.models import RefreshToken, Session, SessionKind, User
from accounts.tokens import RefreshClaims, Tokens, make_pair, read_refresh
from common import clock
from common.context import origin
from common.events import publish

LONGEST = timedelta(days=30)
GRACE = timedelta(seconds=10)

Reason = Literal["logged_out", "revoked", "reused", "password", "status", "expired"]


@transaction.atomic
def issue_tokens(user: User) -> Tokens:
    """A new session for a program, and its first pair of tokens."""
    return _next_pair(_open(user, SessionKind.JWT), user)


@transaction.atomic
def open_browser_session(user: User, browser_key: str) -> Session:
    """Note a log-in on the pages. `browser_key` is Django's session key."""
    return _open(user, SessionKind.BROWSER, browser_key)


def refresh_tokens(raw: str) -> Tokens:
    """The next pair of a family for a refresh token that was not used before.

    Raises ConcurrentRefresh for the same client's second try at once, else BadToken; where a copy
    shows, the family is ended first.
    """
    claims = read_refresh(raw)
    with transaction.atomic():
        tokens = _rotate(claims)
        stolen = tokens is None and _is_stolen(claims)
        if stolen:
            _end_stolen(claims)
    if tokens is not None:
        return tokens
    if stolen:
        raise BadToken
    raise ConcurrentRefresh("This token was used a moment ago. Use the answer to that call.")


def _rotate(claims: RefreshClaims) -> Tokens | None:
    """The next pair; None where the token was used already. BadToken where it is nobody's."""
    now = clock.now()
    # One statement decides who of many at once is first.
    first = RefreshToken.objects.filter(
        jti=claims.jti, session_id=claims.session_id, used_at__isnull=True, expires_at__gt=now
    ).update(used_at=now, updated_at=now)
    session = (
        Session.objects.alive()
        .select_related("user")
        .select_for_update(of=("self",))
        .filter(id=claims.session_id, user_id=claims.user_id)
        .first()
    )
    if session is None or not session.user.is_active:
        raise BadToken
    if session.user.token_version != claims.version:
        raise BadToken
    if not first:
        return None
    where = origin()
    session.last_used_at, session.address, session.agent = now, where.address or None, where.agent
    session.touch("last_used_at", "address", "agent")
    return _next_pair(session, session.user)


def _is_stolen(claims: RefreshClaims) -> bool:
    """Whether a used token comes from elsewhere, or too late to be an accident."""
    used = RefreshToken.objects.select_related("session").filter(jti=claims.jti).first()
    if used is None or used.used_at is None:
        raise BadToken
    late = clock.now() - used.used_at > GRACE
    return late or not _is_same_client(used.session)


def _is_same_client(session: Session) -> bool:
    where = origin()
    return where.agent == session.agent and _area(where.address) == _area(session.address)


def _area(address: str | None) -> str:
    """The network an address is in: a client's may change within it."""
    if not address:
        return ""
    bits = 24 if ipaddress.ip_address(address).version == 4 else 64
    return str(ipaddress.ip_network(f"{address}/{bits}", strict=False))


def _end_stolen(claims: RefreshClaims) -> None:
    session = Session.objects.alive().filter(id=claims.session_id).first()
    if session is not None:
        _end(session, "reused", actor_id=None)
        publish(
            SessionReuseDetected(session_id=session.id, user_id=session.user_id),
            actor_id=session.user_id,
        )


@transaction.atomic
def end_session(session: Session, *, actor_id: UUID, reason: Reason = "logged_out") -> None:
    """End one session: its cookie or tokens do nothing from now on. Twice is once."""
    if session.ended_at is None:
        _end(session, reason, actor_id=actor_id)


@transaction.atomic
def end_sessions(
    user: User, *, actor_id: UUID | None, reason: Reason, keep: UUID | None = None
) -> int:
    """End all of a user's sessions, but for `keep`; how many they were."""
    ended = [session for session in Session.objects.alive().filter(user=user) if session.id != keep]
    for session in ended:
        _end(session, reason, actor_id=actor_id)
    return len(ended)


def end_by_refresh_token(raw: str) -> None:
    """Log out by a refresh token. One that is not valid has nothing left to end."""
    try:
        claims = read_refresh(raw)
    except BadToken:
        return
    session = Session.objects.filter(id=claims.session_id, user_id=claims.user_id).first()
    if session is not None:
        end_session(session, actor_id=claims.user_id)


def note_browser_use(session_id: UUID) -> None:
    """Remember that a browser's session was used, and from where."""
    where = origin()
    Session.objects.filter(id=session_id).update(
        last_used_at=clock.now(), address=where.address or None, agent=where.agent
    )


def move_browser_session(session_id: UUID, browser_key: str) -> None:
    """Follow a browser whose cookie was changed: Django does that with a new password."""
    Session.objects.filter(id=session_id).update(browser_key=browser_key)


def sweep_sessions() -> int:
    """Delete sessions that ended a month ago, with their tokens; how many rows went."""
    deleted, _ = Session.objects.filter(expires_at__lt=clock.now() - LONGEST).delete()
    return deleted


def _open(user: User, kind: SessionKind, browser_key: str = "") -> Session:
    where, now = origin(), clock.now()
    return Session.objects.create(
        user=user,
        kind=kind,
        browser_key=browser_key,
        address=where.address or None,
        agent=where.agent,
        last_used_at=now,
        expires_at=now + LONGEST,
    )


def _next_pair(session: Session, user: User) -> Tokens:
    now = clock.now()
    tokens, jti, life = make_pair(user, session_id=session.id, left=session.expires_at - now)
    RefreshToken.objects.create(session=session, jti=jti, expires_at=now + life)
    return tokens


def _end(session: Session, reason: Reason, *, actor_id: UUID | None) -> None:
    session.ended_at, session.end_reason = clock.now(), reason
    session.touch("ended_at", "end_reason")
    if session.browser_key:
        key = session.browser_key
        transaction.on_commit(lambda: _forget_browser(key))
    publish(
        SessionEnded(session_id=session.id, user_id=session.user_id, reason=reason),
        actor_id=actor_id,
    )


def _forget_browser(browser_key: str) -> None:
    store = import_module(settings.SESSION_ENGINE).SessionStore
    store(browser_key).delete()
