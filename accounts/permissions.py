"""Who may do what. Pure: everything asked for is on the actor already."""

from __future__ import annotations

from accounts.actors import Actor
from accounts.errors import AdminsOnly, OperatorsOnly, OwnersOnly
from accounts.models import ApiKey, Organization, Role, Team

ADMINS = frozenset({Role.OWNER, Role.ADMIN})


def check_operator(actor: Actor) -> None:
    """Raise OperatorsOnly for who does not run this platform."""
    if not actor.is_operator:
        raise OperatorsOnly("Only an operator may do this.")


def can_edit_key(actor: Actor, key: ApiKey) -> bool:
    """Rename or revoke it: one's own, or any in an organization one administers."""
    return key.organization_id in actor.organization_ids and (
        key.user_id == actor.id or key.organization_id in actor.administered_ids
    )


def can_empower_key(actor: Actor, key: ApiKey) -> bool:
    """Say what it may do, and roll it: one's own, or a service account's one administers.

    Nobody else: whoever holds a key acts as its user, who may have more rights than an admin.
    """
    if key.user_id == actor.id:
        return key.organization_id in actor.organization_ids
    return bool(key.user.service_of_id) and key.organization_id in actor.administered_ids


def check_admin(actor: Actor, organization: Organization) -> None:
    """Raise AdminsOnly for who is neither owner nor admin of the organization."""
    if actor.role_in(organization.id) not in ADMINS:
        raise AdminsOnly(f"Only owners and admins of {organization.slug} may do this.")


def check_owner(actor: Actor, organization: Organization) -> None:
    """Raise OwnersOnly for who does not own the organization."""
    if actor.role_in(organization.id) != Role.OWNER:
        raise OwnersOnly(f"Only owners of {organization.slug} may do this.")


def check_may_give(actor: Actor, organization: Organization, role: str) -> None:
    """Raise for a role that the actor may not give or take: only owners make owners."""
    if role == Role.OWNER:
        check_owner(actor, organization)
    else:
        check_admin(actor, organization)


def can_manage_team(actor: Actor, team: Team, own_role: str) -> bool:
    """Change it and its members. `own_role` is the actor's in the team, "" outside of it."""
    return actor.role_in(team.organization_id) in ADMINS or own_role in ADMINS


def can_make_team(actor: Actor, organization: Organization) -> bool:
    return actor.role_in(organization.id) in {Role.OWNER, Role.ADMIN, Role.MEMBER}
