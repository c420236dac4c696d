"""Every write to API keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from accounts import keys
from accounts.actors import Actor
from accounts.errors import KeyDenied, KeyExceeded
from accounts.events import ApiKeyCreated, ApiKeyRevoked, ApiKeyUpdated
from accounts.models import ApiKey
from accounts.permissions import can_edit_key
from accounts.scopes import ALL, DEFAULT_KEY_SCOPES, in_order
from common import clock
from common.errors import Fault, Invalid
from common.events import publish


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key's row and, this once, the key itself."""

    row: ApiKey
    secret: str


@transaction.atomic
def create_api_key(
    *,
    actor: Actor,
    name: str,
    scopes: Sequence[str] = DEFAULT_KEY_SCOPES,
    expires_at: datetime | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> NewKey:
    """Make a key of the actor's in the actor's organization. The secret is kept nowhere.

    Raises Invalid for unknown scopes or an expiry that is over, and KeyExceeded where a key asks
    for a key that may do more, or live longer, than itself.
    """
    _check_request(scopes, expires_at)
    expires_at = _within_own_key(actor, scopes, expires_at)
    secret = keys.make_key()
    now = clock.now()
    row = ApiKey.objects.create(
        organization=actor.organization,
        user=actor.user,
        name=name,
        prefix=keys.shown_prefix(secret),
        key_hash=keys.hash_key(secret),
        scopes=in_order(scopes),
        expires_at=expires_at,
        metadata=dict(metadata or {}),
        created_at=now,
        updated_at=now,
    )
    publish(
        ApiKeyCreated(
            key_id=row.id,
            user_id=actor.id,
            name=row.name,
            prefix=row.prefix,
            scopes=row.scopes,
            expires_at=row.expires_at,
        ),
        actor_id=actor.id,
        organization_id=row.organization_id,
    )
    return NewKey(row, secret)


@transaction.atomic
def update_api_key(key: ApiKey, changes: Mapping[str, Any], *, actor: Actor) -> ApiKey:
    """Change `name` or `metadata`. What a key may do is fixed when it is made."""
    _check_edit(actor, key)
    changed = sorted(field for field, value in changes.items() if getattr(key, field) != value)
    if not changed:
        return key
    for field in changed:
        setattr(key, field, changes[field])
    key.touch(*changed)
    publish(
        ApiKeyUpdated(key_id=key.id, fields=changed),
        actor_id=actor.id,
        organization_id=key.organization_id,
    )
    return key


@transaction.atomic
def revoke_api_key(key: ApiKey, *, actor: Actor) -> ApiKey:
    """Make a key void for ever. Doing it twice is doing it once."""
    if not actor.is_operator:
        _check_edit(actor, key)
    now = clock.now()
    # In SQL, so that of two at once one revokes, and there is one event.
    revoked = ApiKey.objects.filter(id=key.id, revoked_at__isnull=True).update(
        revoked_at=now, updated_at=now
    )
    key.refresh_from_db(fields=["revoked_at", "updated_at"])
    if revoked:
        publish(
            ApiKeyRevoked(key_id=key.id, user_id=key.user_id),
            actor_id=actor.id,
            organization_id=key.organization_id,
        )
    return key


def _check_edit(actor: Actor, key: ApiKey) -> None:
    if not can_edit_key(actor, key):
        raise KeyDenied("This key is somebody else's.")


def _check_request(scopes: Sequence[str], expires_at: datetime | None) -> None:
    faults = [
        Fault("/scopes", f"There is no scope {name[:60]!r}.", "unknown_scope")
        for name in dict.fromkeys(scopes)
        if name not in ALL
    ]
    if not scopes:
        faults.append(Fault("/scopes", "A key needs a scope.", "empty"))
    if expires_at is not None and expires_at <= clock.now():
        faults.append(Fault("/expires_at", "This moment is over.", "in_the_past"))
    if faults:
        raise Invalid(" ".join(fault.detail for fault in faults), errors=faults)


def _within_own_key(
    actor: Actor, scopes: Sequence[str], expires_at: datetime | None
) -> datetime | None:
    """The expiry of a new key: no later than that of the key which makes it."""
    lacking = in_order(set(scopes) - actor.scopes)
    if lacking:
        raise KeyExceeded(f"Your key lacks {', '.join(lacking)} and can't give it to another.")
    if actor.key_id is None:
        return expires_at
    own = ApiKey.objects.values_list("expires_at", flat=True).get(id=actor.key_id)
    if own is None or (expires_at is not None and expires_at <= own):
        return expires_at
    if expires_at is None:
        return own
    raise KeyExceeded(
        f"Your key ends at {own:%Y-%m-%d %H:%M} UTC; a key it makes can't outlive it."
    )
