"""People, organizations, who belongs where, and API keys."""

from __future__ import annotations

from accounts.models.keys import ApiKey, ApiKeyQuerySet
from accounts.models.organizations import Membership, Organization, Role
from accounts.models.people import User, UserManager, UserStatus

__all__ = [
    "ApiKey",
    "ApiKeyQuerySet",
    "Membership",
    "Organization",
    "Role",
    "User",
    "UserManager",
    "UserStatus",
]
