"""Every write of this app, by area."""

from __future__ import annotations

from accounts.services.keys import NewKey, create_api_key, revoke_api_key, update_api_key
from accounts.services.people import (
    change_password,
    log_in,
    register_user,
    set_password,
    update_profile,
)
from accounts.services.status import (
    activate_user,
    appoint_operator,
    deactivate_user,
    delete_user,
    dismiss_operator,
    suspend_user,
)

__all__ = [
    "NewKey",
    "activate_user",
    "appoint_operator",
    "change_password",
    "create_api_key",
    "deactivate_user",
    "delete_user",
    "dismiss_operator",
    "log_in",
    "register_user",
    "revoke_api_key",
    "set_password",
    "suspend_user",
    "update_api_key",
    "update_profile",
]
