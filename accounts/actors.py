"""Who acts: what every service, predicate and `visible_to` is asked with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Literal
from uuid import UUID

from django.db.models import Exists, Q, QuerySet

from accounts import scopes as vocabulary
from accounts.models import ApiKey, Membership, Organization, Session, User

Via = Literal["session", "jwt", "key", "system"]
Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """A user, by one credential, with what that credential lets them see and do.

    `organization` is where new things go: the personal one, or the key's. `roles` maps every
    organization the actor can see to their role there. Where `networks` are given the credential
    works from there alone; where `model_refs` are (`owner/name` in small letters, or an id), for
    these models alone.
    """

    user: User
    organization: Organization
    roles: Mapping[UUID, str]
    scopes: frozenset[str]
    via: Via
    key_id: UUID | None = None
    session_id: UUID | None = None
    networks: tuple[Network, ...] = ()
    model_refs: frozenset[str] = frozenset()

    @property
    def id(self) -> UUID:
        """The user's id."""
        return self.user.id

    @property
    def organization_ids(self) -> frozenset[UUID]:
        """Every organization whose things the actor may see."""
        return frozenset(self.roles)

    @property
    def administered_ids(self) -> frozenset[UUID]:
        """The organizations where the actor is owner or admin."""
        return frozenset(id_ for id_, role in self.roles.items() if role in {"owner", "admin"})

    @property
    def is_operator(self) -> bool:
        """Whether the actor runs this platform. A key of an operator needs `org:admin` for it."""
        return self.user.is_staff and self.has_scope("org:admin")

    @property
    def is_at_home(self) -> bool:
        """Whether the actor works in their personal organization, and so for themselves.

        A key of another organization's reaches what that organization has, and nothing that was
        given to its holder in person.
        """
        return self.organization.personal_to_id == self.user.id

    def has_scope(self, scope: str) -> bool:
        return scope in self.scopes

    def role_in(self, organization_id: UUID) -> str:
        """owner, admin, member or viewer; "" in an organization the actor can't see."""
        return self.roles.get(organization_id, "")


def actor_for_user(user: User, *, via: Via = "system") -> Actor:
    """A person with all scopes, in all their organizations. One query."""
    actor = _actor(user, _places(user.id), via)
    if actor is None:
        raise TypeError("A program, or who is deleted, acts by keys alone.")
    return actor


def actor_by_id(user_id: UUID, *, via: Via, session_id: UUID) -> Actor | None:
    """The same by a session, from ids alone and in one query; None where that is not alive."""
    session = Session.objects.alive().filter(id=session_id, user_id=user_id)
    places = list(_places(user_id).filter(Exists(session)).select_related("organization", "user"))
    return _actor(places[0].user, places, via, session_id) if places else None


def actor_for_key(key: ApiKey) -> Actor | None:
    """The key's user in the key's organization alone; None where they left it.

    One query, or none where the key comes from `ApiKey.objects.with_role()` with `user` and
    `organization` selected.
    """
    role = _role(key)
    if role is None:
        return None
    return Actor(
        user=key.user,
        organization=key.organization,
        roles={key.organization_id: role},
        scopes=frozenset(key.scopes) & vocabulary.ALL,
        via="key",
        key_id=key.id,
        networks=tuple(ip_network(text) for text in key.cidrs),
        model_refs=frozenset(key.model_refs),
    )


def _places(user_id: UUID) -> QuerySet[Membership]:
    places = Membership.objects.filter(user_id=user_id, organization__deleted_at__isnull=True)
    return places.select_related("organization")


def _actor(
    user: User, places: Iterable[Membership], via: Via, session_id: UUID | None = None
) -> Actor | None:
    found = list(places)
    at_home = (p.organization for p in found if p.organization.personal_to_id == user.id)
    personal = next(at_home, None)
    if personal is None:
        return None
    # Saves a query where the user's slug is asked for.
    personal.personal_to = user
    return Actor(
        user=user,
        organization=personal,
        roles={place.organization_id: place.role for place in found},
        scopes=vocabulary.ALL,
        via=via,
        session_id=session_id,
    )


def _role(key: ApiKey) -> str | None:
    if hasattr(key, "role"):
        return str(key.role) if key.role else None
    return (
        Membership.objects.filter(organization_id=key.organization_id, user_id=key.user_id)
        .values_list("role", flat=True)
        .first()
    )


def made_by(actor: Actor) -> Q:
    """Of rows with `user_id` and `key_id`: those that are the actor's own.

    What a key of another organization's reaches is what came by that key: the rest its holder did
    in person, or by other keys.
    """
    mine = Q(user_id=actor.id)
    return mine if actor.is_at_home else mine & Q(key_id=actor.key_id)
