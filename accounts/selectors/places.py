"""Reads of organizations, their people, invitations and teams, each for one actor."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.db.models import BooleanField, Count, ExpressionWrapper, OuterRef, Q, Subquery
from django.db.models import CharField as Text
from django.db.models.query import QuerySet

from accounts.actors import Actor
from accounts.errors import InvitationNotFound, OrganizationNotFound, TeamNotFound
from accounts.models import (
    Invitation,
    Membership,
    Organization,
    OrganizationQuerySet,
    Role,
    Team,
    TeamMembership,
    TeamQuerySet,
)
from accounts.permissions import check_admin

IS_PERSONAL = ExpressionWrapper(Q(personal_to__isnull=False), output_field=BooleanField())


def list_organizations(actor: Actor) -> OrganizationQuerySet:
    """The actor's organizations, each with `role` and `personal`."""
    own = Membership.objects.filter(organization_id=OuterRef("id"), user_id=actor.id)
    return Organization.objects.visible_to(actor).annotate(
        role=Subquery(own.values("role")[:1]), personal=IS_PERSONAL
    )


def list_homes(actor: Actor) -> list[Organization]:
    """Where the actor may put models, their present organization first."""
    found = [each for each in list_organizations(actor) if actor.role_in(each.id) != Role.VIEWER]
    return sorted(found, key=lambda each: each.id != actor.organization.id)


def get_organization(actor: Actor, ref: str) -> Organization:
    """One by slug or id; OrganizationNotFound where there is none the actor is in."""
    try:
        wanted = Q(id=UUID(ref))
    except ValueError:
        wanted = Q(slug=ref.lower())
    found = list_organizations(actor).filter(wanted).first()
    if found is None:
        raise OrganizationNotFound("There is no such organization.")
    return found


def as_owner(organization: Organization) -> Organization:
    """A new organization as `list_organizations` would give it to its maker."""
    return _shown(organization, Role.OWNER)


def as_member(place: Membership) -> Organization:
    """A place's organization as `list_organizations` would give it to the member."""
    return _shown(place.organization, place.role)


def _shown(organization: Organization, role: str) -> Organization:
    organization.role = role  # type: ignore[attr-defined]  # as the annotation has it
    organization.personal = organization.personal_to_id is not None  # type: ignore[attr-defined]
    return organization


def list_members(organization: Organization) -> QuerySet[Membership]:
    """People and programs, those who came first first."""
    return Membership.objects.filter(organization=organization).select_related("user")


def list_programs(organization: Organization) -> QuerySet[Membership]:
    """The places of an organization's service accounts."""
    return list_members(organization).filter(user__service_of=organization, user__is_active=True)


def list_invitations(organization: Organization, *, actor: Actor) -> QuerySet[Invitation]:
    """An organization's invitations, newest first, for its owners and admins."""
    check_admin(actor, organization)
    return organization.invitations.select_related("organization", "invited_by")


def get_invitation(organization: Organization, invitation_id: UUID) -> Invitation:
    """One of an organization's invitations, or InvitationNotFound."""
    found = organization.invitations.select_related("organization").filter(id=invitation_id)
    return _known(found.first())


def invitations_to(actor: Actor) -> QuerySet[Invitation]:
    """The open invitations to the actor's own address, newest first.

    None as long as it could be anybody's address: where there is mail, they must have verified it.
    """
    if settings.EMAIL_CONFIGURED and actor.user.email_verified_at is None:
        return Invitation.objects.none()
    mine = Invitation.objects.open().filter(email_key=actor.user.email_key)
    return mine.select_related("organization", "invited_by")


def invitation_to(actor: Actor, invitation_id: UUID) -> Invitation:
    """One of them, or InvitationNotFound."""
    return _known(invitations_to(actor).filter(id=invitation_id).first())


def _known(found: Invitation | None) -> Invitation:
    if found is None:
        raise InvitationNotFound("There is no such invitation.")
    return found


def list_teams(actor: Actor) -> TeamQuerySet:
    """The teams the actor can see, by name, each with `members` and the actor's `role`."""
    own = TeamMembership.objects.filter(team_id=OuterRef("id"), user_id=actor.id)
    role = Subquery(own.values("role")[:1], output_field=Text())
    return (
        Team.objects.visible_to(actor)
        .select_related("organization")
        .annotate(members=Count("memberships"), role=role)
        .order_by("name", "id")
    )


def get_team(actor: Actor, team_id: UUID) -> Team:
    """One of them, or TeamNotFound."""
    found = list_teams(actor).filter(id=team_id).first()
    if found is None:
        raise TeamNotFound("There is no such team.")
    return found


def list_team_members(team: Team) -> QuerySet[TeamMembership]:
    """A team's members, those who came first first."""
    return TeamMembership.objects.filter(team=team).select_related("user")
