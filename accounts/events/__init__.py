"""What happens to accounts: ids and facts, never a secret or an address."""

from __future__ import annotations

from accounts.events.keys import ApiKeyCreated, ApiKeyRevoked, ApiKeyUpdated
from accounts.events.limits import LimitsChanged
from accounts.events.people import (
    OperatorAppointed,
    PasswordChanged,
    ProfileUpdated,
    UserActivated,
    UserDeactivated,
    UserLoggedIn,
    UserRegistered,
)

__all__ = [
    "ApiKeyCreated",
    "ApiKeyRevoked",
    "ApiKeyUpdated",
    "LimitsChanged",
    "OperatorAppointed",
    "PasswordChanged",
    "ProfileUpdated",
    "UserActivated",
    "UserDeactivated",
    "UserLoggedIn",
    "UserRegistered",
]
