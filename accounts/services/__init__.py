"""Every write of this app, by area."""

from __future__ import annotations

from accounts.services.invitations import (
    accept_invitation,
    decline_invitation,
    invitation_by_token,
    invitation_token,
    invite,
    revoke_invitation,
)
from accounts.services.keys import (
    NewKey,
    create_api_key,
    report_leaked_key,
    revoke_api_key,
    roll_api_key,
    update_api_key,
)
from accounts.services.limits import create_limit, delete_limit, update_limit
from accounts.services.organizations import (
    create_organization,
    delete_organization,
    remove_member,
    set_member_role,
    update_organization,
)
from accounts.services.people import (
    change_password,
    log_in,
    register_user,
    set_password,
    update_profile,
)
from accounts.services.programs import (
    create_service_account,
    create_service_key,
    delete_service_account,
    get_service_account,
)
from accounts.services.sessions import (
    end_by_refresh_token,
    end_session,
    end_sessions,
    issue_tokens,
    move_browser_session,
    note_browser_use,
    open_browser_session,
    refresh_tokens,
    sweep_sessions,
)
from accounts.services.status import (
    activate_user,
    appoint_operator,
    deactivate_user,
    delete_user,
    dismiss_operator,
    suspend_user,
)
from accounts.services.teams import (
    add_team_member,
    create_team,
    delete_team,
    remove_team_member,
    set_team_member_role,
    update_team,
)

__all__ = [
    "NewKey",
    "accept_invitation",
    "activate_user",
    "add_team_member",
    "appoint_operator",
    "change_password",
    "create_api_key",
    "create_limit",
    "create_organization",
    "create_service_account",
    "create_service_key",
    "create_team",
    "deactivate_user",
    "decline_invitation",
    "delete_limit",
    "delete_organization",
    "delete_service_account",
    "delete_team",
    "delete_user",
    "dismiss_operator",
    "end_by_refresh_token",
    "end_session",
    "end_sessions",
    "get_service_account",
    "invitation_by_token",
    "invitation_token",
    "invite",
    "issue_tokens",
    "log_in",
    "move_browser_session",
    "note_browser_use",
    "open_browser_session",
    "refresh_tokens",
    "register_user",
    "remove_member",
    "remove_team_member",
    "report_leaked_key",
    "revoke_api_key",
    "revoke_invitation",
    "roll_api_key",
    "set_member_role",
    "set_password",
    "set_team_member_role",
    "suspend_user",
    "sweep_sessions",
    "update_api_key",
    "update_limit",
    "update_organization",
    "update_profile",
    "update_team",
]
