"""Every write of this app: `people` for users, `keys` for API keys."""

from __future__ import annotations

from accounts.services.keys import NewKey, create_api_key, revoke_api_key, update_api_key
from accounts.services.people import (
    activate_user,
    appoint_operator,
    change_password,
    deactivate_user,
    log_in,
    register_user,
    set_password,
    update_profile,
)

__all__ = [
    "NewKey",
    "activate_user",
    "appoint_operator",
    "change_password",
    "create_api_key",
    "deactivate_user",
    "log_in",
    "register_user",
    "revoke_api_key",
    "set_password",
    "update_api_key",
    "update_profile",
]
