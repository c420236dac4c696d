"""What happens to accounts: ids and facts, never a secret or an address."""

from __future__ import annotations

from accounts.events.keys import ApiKeyCreated, ApiKeyRevoked, ApiKeyUpdated
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

__all__ = [
    "ApiKeyCreated",
    "ApiKeyRevoked",
    "ApiKeyUpdated",
    "OperatorAppointed",
    "OperatorDismissed",
    "PasswordChanged",
    "ProfileUpdated",
    "UserActivated",
    "UserDeactivated",
    "UserDeleted",
    "UserLoggedIn",
    "UserRegistered",
    "UserSuspended",
]
