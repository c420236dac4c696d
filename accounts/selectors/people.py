"""Who one is, and the keys one may see."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q

from accounts.actors import Actor
from accounts.errors import KeyNotFound, SessionNotFound
from accounts.models import ApiKey, ApiKeyQuerySet, Membership, Session, SessionQuerySet, User
from accounts.scopes import in_order
from common import clock


def list_keys(actor: Actor) -> ApiKeyQuerySet:
    """Every key the actor may see, revoked ones too, newest first."""
    return ApiKey.objects.visible_to(actor).select_related("user", "organization")


def get_key(actor: Actor, key_id: UUID) -> ApiKey:
    """One key; KeyNotFound where there is none the actor may see."""
    key = list_keys(actor).filter(id=key_id).first()
    if key is None:
        raise KeyNotFound("There is no such API key.")
    return key


def newest_key_name(actor: Actor, *, scope: str) -> str:
    """The name of the actor's newest key that works and has the scope; "" where there is none."""
    alive = Q(expires_at__isnull=True) | Q(expires_at__gt=clock.now())
    mine = ApiKey.objects.filter(
        alive,
        user_id=actor.id,
        organization=actor.organization,
        revoked_at__isnull=True,
        scopes__contains=[scope],
    )
    return mine.values_list("name", flat=True).first() or ""


@dataclass(frozen=True, slots=True)
class Me:
    """What a caller learns about themselves. `places` are those the credential can see."""

    user: User
    places: list[Membership]
    ordered_scopes: list[str]
    via: str


def describe_me(actor: Actor) -> Me:
    """The actor, for themselves to see."""
    places = Membership.objects.filter(
        user_id=actor.id, organization_id__in=actor.organization_ids
    ).select_related("organization")
    return Me(actor.user, list(places), in_order(actor.scopes), actor.via)


def list_sessions(actor: Actor) -> SessionQuerySet:
    """The actor's sessions that are alive, the last used first."""
    return Session.objects.visible_to(actor).alive()


def get_session(actor: Actor, session_id: UUID) -> Session:
    """One of them, or SessionNotFound."""
    found = list_sessions(actor).filter(id=session_id).first()
    if found is None:
        raise SessionNotFound("There is no such session.")
    return found
