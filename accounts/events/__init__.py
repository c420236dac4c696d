"""What happens to accounts: ids and facts, never a secret or an address."""

from __future__ import annotations

from accounts.events.keys import (
    ApiKeyCreated,
    ApiKeyLeaked,
    ApiKeyRevoked,
    ApiKeyRolled,
    ApiKeyUpdated,
)
from accounts.events.limits import LimitsChanged
from accounts.events.notifications import NotificationPreferencesChanged
from accounts.events.organizations import (
    InvitationClosed,
    InvitationCreated,
    MemberJoined,
    MemberRemoved,
    MemberRoleChanged,
    OrganizationCreated,
    OrganizationDeleted,
    OrganizationUpdated,
    ServiceAccountCreated,
    ServiceAccountDeleted,
    TeamCreated,
    TeamDeleted,
    TeamMemberAdded,
    TeamMemberRemoved,
    TeamMemberRoleChanged,
    TeamUpdated,
)
from accounts.events.people import (
    OperatorAppointed,
    OperatorDismissed,
    PasswordChanged,
    ProfileUpdated,
    UserActivated,
    UserDeactivated,
    UserDeleted,
    UserLoggedIn,
    UserRegistered,
    UserSuspended,
)
from accounts.events.platform import AuditChainBroken, PartFailing, PartRecovered
from accounts.events.proofs import EmailVerified, ResetAsked, SignUpAsked, VerificationAsked
from accounts.events.sessions import (
    SessionEnded,
    SessionReuseDetected,
)
from accounts.events.threats import IpRulesChanged, LoginFailed, NewDevice, ThreatDetected

__all__ = [
    "ApiKeyCreated",
    "ApiKeyLeaked",
    "ApiKeyRevoked",
    "ApiKeyRolled",
    "ApiKeyUpdated",
    "AuditChainBroken",
    "EmailVerified",
    "InvitationClosed",
    "InvitationCreated",
    "IpRulesChanged",
    "LimitsChanged",
    "LoginFailed",
    "MemberJoined",
    "MemberRemoved",
    "MemberRoleChanged",
    "NewDevice",
    "NotificationPreferencesChanged",
    "OperatorAppointed",
    "OperatorDismissed",
    "OrganizationCreated",
    "OrganizationDeleted",
    "OrganizationUpdated",
    "PartFailing",
    "PartRecovered",
    "PasswordChanged",
    "ProfileUpdated",
    "ResetAsked",
    "ServiceAccountCreated",
    "ServiceAccountDeleted",
    "SessionEnded",
    "SessionReuseDetected",
    "SignUpAsked",
    "TeamCreated",
    "TeamDeleted",
    "TeamMemberAdded",
    "TeamMemberRemoved",
    "TeamMemberRoleChanged",
    "TeamUpdated",
    "ThreatDetected",
    "UserActivated",
    "UserDeactivated",
    "UserDeleted",
    "UserLoggedIn",
    "UserRegistered",
    "UserSuspended",
    "VerificationAsked",
]
