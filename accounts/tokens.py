"""JWTs: issued and checked by simplejwt; here is what they carry and when they hold.

`sid` is the session, `ver` the user's `token_version`, `jti` the token's own name. Whether a
session is alive and a refresh token unused stands in the database (`accounts.services.sessions`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from uuid import UUID

from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken, Token

from accounts.actors import Actor, actor_by_id
from accounts.errors import BadToken
from accounts.models import User
from common.context import note_origin

MAX_LENGTH = 4096
VERSION_CLAIM = "ver"
SESSION_CLAIM = "sid"

T = TypeVar("T", bound=Token)


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a log-in gives. `expires_in` is the access token's life in seconds."""

    access: str
    refresh: str
    expires_in: int
    token_type: str = "bearer"  # noqa: S105  RFC 6750's word


@dataclass(frozen=True, slots=True)
class RefreshClaims:
    """What a refresh token of ours says; nothing of it was looked up yet."""

    user_id: UUID
    session_id: UUID
    version: int
    jti: str


def make_pair(user: User, *, session_id: UUID, left: timedelta) -> tuple[Tokens, str, timedelta]:
    """A pair of tokens of a session that lasts so long, the refresh token's `jti` and its life.

    Neither outlives the session.
    """
    refresh = RefreshToken.for_user(user)
    refresh[VERSION_CLAIM] = user.token_version
    refresh[SESSION_CLAIM] = str(session_id)
    life = min(refresh.lifetime, left)
    refresh.set_exp(lifetime=life)
    # The access token copies the refresh token's claims, version and session among them.
    access = refresh.access_token
    short = min(access.lifetime, left)
    access.set_exp(lifetime=short)
    return Tokens(str(access), str(refresh), int(short.total_seconds())), str(refresh["jti"]), life


def read_refresh(raw: str) -> RefreshClaims:
    """What a refresh token says, its signature and times checked; else BadToken."""
    token = _decode(RefreshToken, raw)
    try:
        return RefreshClaims(
            user_id=UUID(token["sub"]),
            session_id=UUID(token[SESSION_CLAIM]),
            version=int(token[VERSION_CLAIM]),
            jti=str(token["jti"]),
        )
    except (KeyError, ValueError, TypeError, AttributeError):
        raise BadToken from None


def actor_for_token(raw: str) -> Actor:
    """Who an access token speaks for, in one query; else BadToken."""
    return actor_and_end(raw)[0]


def actor_and_end(raw: str) -> tuple[Actor, datetime]:
    """The same, and when the token ends."""
    token = _decode(AccessToken, raw)
    try:
        user_id, session_id = UUID(token["sub"]), UUID(token[SESSION_CLAIM])
    except (KeyError, ValueError, TypeError, AttributeError):
        raise BadToken from None
    actor = actor_by_id(user_id, via="jwt", session_id=session_id)
    if actor is None or not actor.user.is_active:
        raise BadToken
    if token.get(VERSION_CLAIM) != actor.user.token_version:
        raise BadToken
    note_origin(session_id=session_id)
    return actor, datetime.fromtimestamp(token["exp"], UTC)


def _decode(kind: type[T], raw: str) -> T:
    if len(raw) > MAX_LENGTH:
        raise BadToken
    try:
        return kind(raw)  # type: ignore[arg-type]  # takes the text, though its hint says Token
    except (TokenError, KeyError, ValueError, TypeError, AttributeError):
        raise BadToken from None
