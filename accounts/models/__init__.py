"""People, organizations, who belongs where, API keys and limits."""

from __future__ import annotations

from accounts.models.keys import ApiKey, ApiKeyQuerySet
from accounts.models.limits import LimitKind, LimitPolicy
from accounts.models.organizations import Membership, Organization, Role
from accounts.models.people import User, UserManager, UserStatus

__all__ = [
    "ApiKey",
    "ApiKeyQuerySet",
    "LimitKind",
    "LimitPolicy",
    "Membership",
    "Organization",
    "Role",
    "User",
    "UserManager",
    "UserStatus",
]
