"""People, organizations, who belongs where, API keys and limits."""

from __future__ import annotations

from accounts.models.keys import ApiKey, ApiKeyQuerySet
from accounts.models.limits import LimitKind, LimitPolicy
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

__all__ = [
    "ApiKey",
    "ApiKeyQuerySet",
    "EmailToken",
    "Invitation",
    "InvitationQuerySet",
    "LimitKind",
    "LimitPolicy",
    "Membership",
    "Organization",
    "OrganizationQuerySet",
    "Purpose",
    "RefreshToken",
    "Role",
    "Session",
    "SessionKind",
    "SessionQuerySet",
    "SignUp",
    "StatusChange",
    "Team",
    "TeamMembership",
    "TeamQuerySet",
    "User",
    "UserManager",
    "UserStatus",
]
