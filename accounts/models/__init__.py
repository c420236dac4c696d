"""People, organizations, who belongs where, and API keys."""

from __future__ import annotations

from accounts.models.keys import ApiKey, ApiKeyQuerySet
from accounts.models.organizations import (
    Invitation,
    InvitationQuerySet,
    Membership,
    Organization,
    OrganizationQuerySet,
    Role,
    Team,
    TeamMembership,
    TeamQuerySet,
)
from accounts.models.people import StatusChange, User, UserManager, UserStatus

__all__ = [
    "ApiKey",
    "ApiKeyQuerySet",
    "Invitation",
    "InvitationQuerySet",
    "Membership",
    "Organization",
    "OrganizationQuerySet",
    "Role",
    "StatusChange",
    "Team",
    "TeamMembership",
    "TeamQuerySet",
    "User",
    "UserManager",
    "UserStatus",
]
