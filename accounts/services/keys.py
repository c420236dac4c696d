"""Every write to API keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from django.db import transaction

from accounts import keys
from accounts.actors import Actor
from accounts.errors import KeyDenied, KeyNotActive
from accounts.events import ApiKeyCreated, ApiKeyLeaked, ApiKeyRevoked, ApiKeyRolled, ApiKeyUpdated
from accounts.models import ApiKey, Organization, User
from accounts.permissions import can_edit_key, can_empower_key
from accounts.restrictions import check_wish, clean_cidrs, clean_refs, within_own_key
from accounts.scopes import DEFAULT_KEY_SCOPES, in_order
from common import clock
from common.events import publish

LONGEST_OVERLAP = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a new key shall be. `models` and `cidrs` restrict it; empty means anywhere."""

    name: str
    scopes: Sequence[str] = DEFAULT_KEY_SCOPES
    expires_at: datetime | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    models: Sequence[str] = ()
    cidrs: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key's row and, this once, the key itself."""

    row: ApiKey
    secret: str


def create_api_key(*, actor: Actor, **wished: Any) -> NewKey:
    """Make a key of the actor's in the actor's organization, by the fields of Wish.

    The secret is kept nowhere. Raises Invalid for unknown scopes, references, networks or an
    expiry that is over, and KeyExceeded where a key asks for a key that may do more, or live
    longer, than itself.
    """
    return insert_key(Wish(**wished), actor=actor, user=actor.user, organization=actor.organization)


@transaction.atomic
def insert_key(
    wish: Wish,
    *,
    actor: Actor,
    user: User,
    organization: Organization,
    rolled_from: ApiKey | None = None,
) -> NewKey:
    """Make a key for a user in an organization, which the caller has made sure is right."""
    home = organization.slug
    wish = replace(wish, models=clean_refs(wish.models, home=home), cidrs=clean_cidrs(wish.cidrs))
    check_wish(wish.scopes, wish.expires_at)
    expires_at = within_own_key(
        actor, wish.scopes, wish.expires_at, models=wish.models, cidrs=wish.cidrs
    )
    secret = keys.make_key()
    now = clock.now()
    row = ApiKey.objects.create(
        organization=organization,
        user=user,
        name=wish.name,
        prefix=keys.shown_prefix(secret),
        key_hash=keys.hash_key(secret),
        scopes=in_order(wish.scopes),
        expires_at=expires_at,
        metadata=dict(wish.metadata),
        model_refs=list(wish.models),
        cidrs=list(wish.cidrs),
        rolled_from=rolled_from,
        created_at=now,
        updated_at=now,
    )
    publish(
        ApiKeyCreated(
            key_id=row.id,
            user_id=user.id,
            name=row.name,
            prefix=row.prefix,
            scopes=row.scopes,
            expires_at=row.expires_at,
        ),
        actor_id=actor.id,
        organization_id=organization.id,
    )
    return NewKey(row, secret)


@transaction.atomic
def update_api_key(key: ApiKey, changes: Mapping[str, Any], *, actor: Actor) -> ApiKey:
    """Change any field of Wish. A key can't give another, or itself, what it lacks."""
    _check_edit(actor, key)
    wanted = dict(changes)
    if "models" in wanted:
        wanted["model_refs"] = clean_refs(wanted.pop("models"), home=key.organization.slug)
    if "cidrs" in wanted:
        wanted["cidrs"] = clean_cidrs(wanted["cidrs"])
    if "scopes" in wanted:
        wanted["scopes"] = in_order(wanted["scopes"])
    changed = sorted(name for name, value in wanted.items() if getattr(key, name) != value)
    if not changed:
        return key
    for name in changed:
        setattr(key, name, wanted[name])
    if {"scopes", "expires_at", "model_refs", "cidrs"} & set(changed):
        _check_widening(actor, key, changed)
    key.touch(*changed)
    publish(
        ApiKeyUpdated(key_id=key.id, user_id=key.user_id, fields=changed),
        actor_id=actor.id,
        organization_id=key.organization_id,
    )
    return key


def _check_widening(actor: Actor, key: ApiKey, changed: list[str]) -> None:
    _check_empower(actor, key)
    if key.revoked_at is not None:
        raise KeyNotActive("A revoked key stays as it is.")
    check_wish(key.scopes, key.expires_at if "expires_at" in changed else None)
    key.expires_at = within_own_key(
        actor, key.scopes, key.expires_at, models=key.model_refs, cidrs=key.cidrs
    )


@transaction.atomic
def roll_api_key(key: ApiKey, *, actor: Actor, overlap: timedelta = timedelta(days=1)) -> NewKey:
    """Make a key like this one, which ends after the overlap, at most 30 days; zero is at once."""
    _check_empower(actor, key)
    key = ApiKey.objects.select_for_update(of=("self",)).select_related(
        "user", "organization"
    ).get(id=key.id)  # fmt: skip
    if key.state != "active":
        raise KeyNotActive(f"The key is {key.state}. Make a new one.")
    made = insert_key(
        Wish(
            name=key.name, scopes=key.scopes, expires_at=key.expires_at, metadata=key.metadata,
            models=key.model_refs, cidrs=key.cidrs,
        ),
        actor=actor, user=key.user, organization=key.organization, rolled_from=key,
    )  # fmt: skip
    if not overlap:
        revoke_api_key(key, actor=actor)
        return made
    end = clock.now() + min(overlap, LONGEST_OVERLAP)
    key.expires_at = end if key.expires_at is None else min(end, key.expires_at)
    key.touch("expires_at")
    publish(
        ApiKeyRolled(
            key_id=key.id, user_id=key.user_id, new_key_id=made.row.id, ends_at=key.expires_at
        ),
        actor_id=actor.id,
        organization_id=key.organization_id,
    )
    return made


@transaction.atomic
def revoke_api_key(key: ApiKey, *, actor: Actor) -> ApiKey:
    """Make a key void for ever. Doing it twice is doing it once."""
    if not actor.is_operator:
        _check_edit(actor, key)
    if _revoke(key):
        publish(
            ApiKeyRevoked(key_id=key.id, user_id=key.user_id),
            actor_id=actor.id,
            organization_id=key.organization_id,
        )
    return key


@transaction.atomic
def report_leaked_key(secret: str, *, found_at: str) -> Literal["true_positive", "false_positive"]:
    """Revoke a key that was found in the open; whether the text was a key of ours at all.

    Whoever has it could use it as well: there is nothing that a false report could harm more.
    """
    if not keys.is_key(secret):
        return "false_positive"
    key = ApiKey.objects.filter(key_hash=keys.hash_key(secret)).first()
    if key is None:
        return "false_positive"
    if _revoke(key):
        publish(
            ApiKeyLeaked(key_id=key.id, user_id=key.user_id, found_at=found_at[:500]),
            organization_id=key.organization_id,
        )
    return "true_positive"


def _revoke(key: ApiKey) -> bool:
    now = clock.now()
    # In SQL, so that of two at once one revokes, and there is one event.
    revoked = ApiKey.objects.filter(id=key.id, revoked_at__isnull=True).update(
        revoked_at=now, updated_at=now
    )
    key.refresh_from_db(fields=["revoked_at", "updated_at"])
    return bool(revoked)


def _check_edit(actor: Actor, key: ApiKey) -> None:
    if not can_edit_key(actor, key):
        raise KeyDenied("This key is somebody else's.")


def _check_empower(actor: Actor, key: ApiKey) -> None:
    if not can_empower_key(actor, key):
        raise KeyDenied("Only its holder may say what a key may do.")
