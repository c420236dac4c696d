"""Every write to teams."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from accounts.actors import Actor
from accounts.emails import email_key
from accounts.errors import AdminsOnly, AlreadyMember, MemberNotFound, NameTaken, UserNotFound
from accounts.events import (
    TeamCreated,
    TeamDeleted,
    TeamMemberAdded,
    TeamMemberRemoved,
    TeamMemberRoleChanged,
    TeamUpdated,
)
from accounts.models import Organization, Role, Team, TeamMembership, User
from accounts.permissions import can_make_team, can_manage_team
from common import clock
from common.errors import Fault
from common.events import publish


@transaction.atomic
def create_team(
    *, actor: Actor, name: str, description: str = "", organization: Organization | None = None
) -> Team:
    """Make a team in an organization, the actor's own if none is named, and be its owner."""
    home = organization or actor.organization
    if not can_make_team(actor, home):
        raise AdminsOnly(f"A viewer of {home.slug} can't make teams.")
    team = Team(organization=home, name=name, description=description)
    _save(team, insert=True)
    TeamMembership.objects.create(team=team, user=actor.user, role=Role.OWNER)
    _publish(TeamCreated(team_id=team.id, organization_id=home.id, name=name), team, actor)
    return team


@transaction.atomic
def update_team(team: Team, changes: Mapping[str, Any], *, actor: Actor) -> Team:
    """Change its name or description. Raises AdminsOnly, NameTaken."""
    _check_manages(actor, team)
    changed = sorted(key for key, value in changes.items() if getattr(team, key) != value)
    if not changed:
        return team
    for key in changed:
        setattr(team, key, changes[key])
    team.updated_at = clock.now()
    _save(team)
    _publish(TeamUpdated(team_id=team.id, fields=changed), team, actor)
    return team


@transaction.atomic
def delete_team(team: Team, *, actor: Actor) -> None:
    """Delete a team: what was shared with it is shared no more. Its row stays for its figures."""
    _check_manages(actor, team)
    if Team.objects.filter(id=team.id, deleted_at=None).update(deleted_at=clock.now()):
        _publish(TeamDeleted(team_id=team.id, name=team.name), team, actor)


@transaction.atomic
def add_team_member(
    team: Team, *, actor: Actor, email: str, role: str = Role.MEMBER
) -> TeamMembership:
    """Put somebody who has an account into a team. Raises UserNotFound, AlreadyMember."""
    _check_manages(actor, team)
    user = User.objects.filter(email_key=email_key(email), is_active=True).first()
    if user is None:
        message = "Nobody of this address has an account."
        raise UserNotFound(message, errors=[Fault("/email", message, "user_not_found")])
    try:
        with transaction.atomic():
            place = TeamMembership.objects.create(team=team, user=user, role=role)
    except IntegrityError:
        raise AlreadyMember("They are in the team already.") from None
    _publish(TeamMemberAdded(team_id=team.id, user_id=user.id, role=role), team, actor)
    return place


@transaction.atomic
def set_team_member_role(team: Team, user_id: UUID, *, actor: Actor, role: str) -> TeamMembership:
    """Give a team's member another role."""
    _check_manages(actor, team)
    place = _place(team, user_id)
    before = place.role
    if before != role:
        place.role = role
        place.touch("role")
        _publish(
            TeamMemberRoleChanged(team_id=team.id, user_id=user_id, before=before, role=role),
            team,
            actor,
        )
    return place


@transaction.atomic
def remove_team_member(team: Team, user_id: UUID, *, actor: Actor) -> None:
    """Take somebody out of a team, or leave it."""
    if user_id != actor.id:
        _check_manages(actor, team)
    _place(team, user_id).delete()
    _publish(TeamMemberRemoved(team_id=team.id, user_id=user_id), team, actor)


def _save(team: Team, *, insert: bool = False) -> None:
    try:
        with transaction.atomic():
            team.save(force_insert=insert)
    except IntegrityError:
        message = f"There is a team {team.name!r} already."
        raise NameTaken(message, errors=[Fault("/name", message, "name_taken")]) from None


def _check_manages(actor: Actor, team: Team) -> None:
    places = TeamMembership.objects.filter(team=team, user_id=actor.id)
    own_role = places.values_list("role", flat=True).first()
    if not can_manage_team(actor, team, own_role or ""):
        raise AdminsOnly(f"Only those who look after {team.name} may do this.")


def _place(team: Team, user_id: UUID) -> TeamMembership:
    places = TeamMembership.objects.select_related("user__personal_organization")
    place = places.select_for_update(of=("self",)).filter(team=team, user_id=user_id).first()
    if place is None:
        raise MemberNotFound(f"{team.name} has no such member.")
    return place


def _publish(happened: Any, team: Team, actor: Actor) -> None:
    publish(happened, actor_id=actor.id, organization_id=team.organization_id)
