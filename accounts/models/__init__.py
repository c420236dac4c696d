"""People, organizations, who belongs where, API keys, and what people are told."""

from __future__ import annotations

from accounts.models.audit import AuditCheck
from accounts.models.keys import ApiKey, ApiKeyQuerySet
from accounts.models.notifications import (
    Digest,
    DigestChoice,
    DigestKind,
    Notification,
    NotificationChoice,
)
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
    "AuditCheck",
    "Digest",
    "DigestChoice",
    "DigestKind",
    "Invitation",
    "InvitationQuerySet",
    "Membership",
    "Notification",
    "NotificationChoice",
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
