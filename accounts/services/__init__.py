"""Every write of this app: `people` for users, `keys` for API keys, `limits` for rates."""

from __future__ import annotations

from accounts.services.keys import NewKey, create_api_key, revoke_api_key, update_api_key
from accounts.services.limits import create_limit, delete_limit, update_limit
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
    "create_limit",
    "deactivate_user",
    "delete_limit",
    "log_in",
    "register_user",
    "revoke_api_key",
    "set_password",
    "update_api_key",
    "update_limit",
    "update_profile",
]
