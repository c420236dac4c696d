"""Who sends the request: a JWT or an API key, on every route alike (RFC 6750)."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from accounts import keys
from accounts.actors import Actor, actor_for_key
from accounts.errors import REALM, BadToken, CredentialInQuery, TwoCredentials
from accounts.guards import admit, is_guarded
from accounts.models import ApiKey, User
from accounts.scans import scans
from accounts.tokens import actor_and_end
from common import clock
from common.context import note_origin, origin

IN_QUERY = frozenset({"access_token", "api_key", "apikey", "x-api-key", "authorization"})
LAST_USED_EVERY = timedelta(minutes=1)


class CredentialAuthentication(BaseAuthentication):
    """`Authorization: Bearer <JWT or key>` or `X-API-Key: <key>`, or a key as the password of
    `Authorization: Basic`; sets `request.auth` to an Actor.

    Whatever is wrong with a credential, the answer is the same BadToken.
    """

    def authenticate(self, request: Request) -> tuple[User, Actor] | None:
        if not IN_QUERY.isdisjoint(name.lower() for name in request.query_params):
            raise CredentialInQuery("Send the credential in a header, never in the address.")
        authorization = request.headers.get("Authorization")
        api_key = request.headers.get("X-API-Key")
        if authorization is None and api_key is None:
            return None
        if authorization is not None and api_key is not None:
            raise TwoCredentials("Send Authorization or X-API-Key, not both.")
        actor = actor_by_key(api_key) if api_key is not None else _bearer(authorization or "")
        note_origin(via=actor.via, key_id=actor.key_id)
        return actor.user, actor

    def authenticate_header(self, request: Request) -> str:
        """The challenge to a request without credentials: it carries no `error`."""
        return REALM


def actor_by_key(key: str) -> Actor:
    """Who a key speaks for, in one query; BadToken, and no query for what is no key by its looks.

    Notes that the key was used, at most once a minute.
    """
    return _credential_by_key(key).actor


@dataclass(frozen=True, slots=True)
class Credential:
    """Who a key or token speaks for, and until when: `ends_at` is None where it has no end.

    `is_guarded`: what the actor may do is so from this address, and maybe not from another.
    """

    actor: Actor
    ends_at: datetime | None
    is_guarded: bool


def read_credential(token: str) -> Credential:
    """Read a key or an access token, for caches that must know its end; BadToken as ever."""
    if token.startswith(keys.PREFIX):
        return _credential_by_key(token)
    actor, ends_at = actor_and_end(token)
    return Credential(admit(actor, origin().address), ends_at, is_guarded(actor))


def _credential_by_key(key: str) -> Credential:
    if not keys.is_key(key):
        raise BadToken
    scans.check(origin().address)
    row = (
        ApiKey.objects.with_role()
        .select_related("user", "organization")
        .filter(key_hash=keys.hash_key(key))
        .first()
    )
    if row is None:
        scans.note(origin().address)
    actor = actor_for_key(row) if row is not None and row.state == "active" else None
    if row is None or actor is None or not actor.user.is_active:
        raise BadToken
    admit(actor, origin().address)
    _note_use(row)
    return Credential(actor, row.expires_at, is_guarded(actor))


def _bearer(authorization: str) -> Actor:
    scheme, _, token = authorization.partition(" ")
    match scheme.lower():
        case "bearer":
            return read_credential(token.strip()).actor
        case "basic":
            return actor_by_key(_password(token))
    raise BadToken


def _password(given: str) -> str:
    """The password of RFC 7617, which must be a key: some clients can send nothing else."""
    try:
        pair = base64.b64decode(given.strip(), validate=True).decode()
    except ValueError:
        raise BadToken from None
    return pair.partition(":")[2]


def _note_use(key: ApiKey) -> None:
    now = clock.now()
    if key.last_used_at is not None and now - key.last_used_at < LAST_USED_EVERY:
        return
    # The condition again in SQL: of many requests at once, one writes.
    ApiKey.objects.filter(
        Q(last_used_at__isnull=True) | Q(last_used_at__lte=now - LAST_USED_EVERY), id=key.id
    ).update(last_used_at=now)
