"""People, organizations, keys, limits, sessions, and what people are told."""

from __future__ import annotations

from accounts.models.audit import AuditCheck
from accounts.models.keys import ApiKey, ApiKeyQuerySet
from accounts.models.limits import LimitKind, LimitPolicy
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
from accounts.models.proofs import EmailToken, Purpose, SignUp
from accounts.models.sessions import RefreshToken, Session, SessionKind, SessionQuerySet
from accounts.models.threats import Effect, IpRule, IpRuleQuerySet, Source

__all__ = [
    "ApiKey",
    "ApiKeyQuerySet",
    "AuditCheck",
    "Digest",
    "DigestChoice",
    "DigestKind",
    "Effect",
    "EmailToken",
    "Invitation",
    "InvitationQuerySet",
    "IpRule",
    "IpRuleQuerySet",
    "LimitKind",
    "LimitPolicy",
    "Membership",
    "Notification",
    "NotificationChoice",
    "Organization",
    "OrganizationQuerySet",
    "Purpose",
    "RefreshToken",
    "Role",
    "Session",
    "SessionKind",
    "SessionQuerySet",
    "SignUp",
    "Source",
    "StatusChange",
    "Team",
    "TeamMembership",
    "TeamQuerySet",
    "User",
    "UserManager",
    "UserStatus",
]
