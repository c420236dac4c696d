"""JWTs: issued and checked by simplejwt; here is what they carry and when they hold."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar
from uuid import UUID

from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken, Token

from accounts.actors import Actor, actor_by_id
from accounts.errors import BadToken
from accounts.models import User

MAX_LENGTH = 4096
VERSION_CLAIM = "ver"

T = TypeVar("T", bound=Token)


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a log-in gives. `expires_in` is the access token's life in seconds."""

    access: str
    refresh: str
    expires_in: int
    token_type: str = "bearer"  # noqa: S105  RFC 6750's word


def issue_tokens(user: User) -> Tokens:
    """A new pair for the user."""
    refresh = RefreshToken.for_user(user)
    refresh[VERSION_CLAIM] = user.token_version
    return _pair(refresh, str(refresh))


def refresh_pair(raw: str) -> Tokens:
    """A new access token for a refresh token whose user is still active; else BadToken."""
    token, _ = _check(RefreshToken, raw)
    return _pair(token, raw)


def actor_for_token(raw: str) -> Actor:
    """Who an access token speaks for, in one query; else BadToken."""
    return _check(AccessToken, raw)[1]


def actor_and_end(raw: str) -> tuple[Actor, datetime]:
    """The same, and when the token ends."""
    token, actor = _check(AccessToken, raw)
    return actor, datetime.fromtimestamp(token["exp"], UTC)


def _pair(refresh: RefreshToken, raw: str) -> Tokens:
    # The access token copies the refresh token's claims, the version among them.
    access = refresh.access_token
    return Tokens(str(access), raw, int(access.lifetime.total_seconds()))


def _check(kind: type[T], raw: str) -> tuple[T, Actor]:
    if len(raw) > MAX_LENGTH:
        raise BadToken
    try:
        token = kind(raw)  # type: ignore[arg-type]  # takes the text, though its hint says Token
        user_id = UUID(token["sub"])
    except (TokenError, KeyError, ValueError, TypeError, AttributeError):
        raise BadToken from None
    actor = actor_by_id(user_id, via="jwt")
    if actor is None or not actor.user.is_active:
        raise BadToken
    if token.get(VERSION_CLAIM) != actor.user.token_version:
        raise BadToken
    return token, actor
