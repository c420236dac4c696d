"""What happens to organizations, their people and their teams."""

from __future__ import annotations

from uuid import UUID

from common.events import Event, event


@event("organization.created", subject="organization_id")
class OrganizationCreated(Event):
    """There is a new organization, with one owner."""

    organization_id: UUID
    slug: str


@event("organization.updated", subject="organization_id")
class OrganizationUpdated(Event):
    """The named fields of an organization changed; never its slug."""

    organization_id: UUID
    fields: list[str]


@event("organization.deleted", subject="organization_id")
class OrganizationDeleted(Event):
    """An organization is gone for good: its keys are revoked, its models archived."""

    organization_id: UUID
    slug: str


@event("organization.member_joined", subject="organization_id")
class MemberJoined(Event):
    """Somebody accepted an invitation."""

    organization_id: UUID
    user_id: UUID
    role: str


@event("organization.member_role_changed", subject="organization_id")
class MemberRoleChanged(Event):
    """A member may do more or less than before."""

    organization_id: UUID
    user_id: UUID
    before: str
    role: str


@event("organization.member_removed", subject="organization_id")
class MemberRemoved(Event):
    """A member left or was removed; their keys there are revoked."""

    organization_id: UUID
    user_id: UUID


@event("invitation.created", subject="organization_id")
class InvitationCreated(Event):
    """Somebody is offered a place in an organization; `user_id` is set where they are known."""

    invitation_id: UUID
    organization_id: UUID
    user_id: UUID | None
    role: str


@event("invitation.closed", subject="organization_id")
class InvitationClosed(Event):
    """An invitation can't be accepted any more: `how` is accepted, declined or revoked."""

    invitation_id: UUID
    organization_id: UUID
    how: str


@event("service_account.created", subject="organization_id")
class ServiceAccountCreated(Event):
    """An organization has a program of its own now, which acts by keys."""

    organization_id: UUID
    user_id: UUID
    name: str
    role: str


@event("service_account.deleted", subject="organization_id")
class ServiceAccountDeleted(Event):
    """A program's keys are revoked; what it did stays under its name."""

    organization_id: UUID
    user_id: UUID


@event("team.created", subject="team_id")
class TeamCreated(Event):
    """There is a new team."""

    team_id: UUID
    organization_id: UUID
    name: str


@event("team.updated", subject="team_id")
class TeamUpdated(Event):
    """The named fields of a team changed."""

    team_id: UUID
    fields: list[str]


@event("team.deleted", subject="team_id")
class TeamDeleted(Event):
    """A team is gone, and what was shared with it is shared no more."""

    team_id: UUID
    name: str


@event("team.member_added", subject="team_id")
class TeamMemberAdded(Event):
    """Somebody is in a team now, and sees what is shared with it."""

    team_id: UUID
    user_id: UUID
    role: str


@event("team.member_role_changed", subject="team_id")
class TeamMemberRoleChanged(Event):
    """A team's member may do more or less than before."""

    team_id: UUID
    user_id: UUID
    before: str
    role: str


@event("team.member_removed", subject="team_id")
class TeamMemberRemoved(Event):
    """Somebody left a team or was removed."""

    team_id: UUID
    user_id: UUID
