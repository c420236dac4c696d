"""Accounts: people, keys, organizations, teams."""

from __future__ import annotations

from accounts.tests.factories import PASSWORD
from tests.matrix.table import Row, columns

LOG_IN = {"email": "stranger@example.org", "password": PASSWORD}
REGISTER = {"email": "brand-new@example.org", "password": PASSWORD}
PASSWORDS = {"current_password": PASSWORD, "new_password": "a wholly new phrase"}
NOBODY = {"token": "no-such-token"}

ROWS: list[Row] = columns(
    # anonymous stranger viewer user editor owner admin operator read-only other expired revoked
    ("POST", "auth/register", REGISTER, "201 201 201 201 201 201 201 201 201 201 201 201"),
    ("POST", "auth/login", LOG_IN, "200 200 200 200 200 200 200 200 200 200 200 200"),
    ("POST", "auth/refresh", {"refresh": "x"}, "401 401 401 401 401 401 401 401 401 401 401 401"),
    # A dead key is refused before anybody looks at the body; a key that works has no session.
    ("POST", "auth/logout", {"refresh": "x"}, "204 204 204 204 204 204 204 204 204 204 401 401"),
    ("POST", "auth/logout", {}, "401 204 204 204 204 204 204 204 400 400 401 401"),
    ("GET", "auth/sessions", None, "401 200 200 200 200 200 200 200 200 200 401 401"),
    ("DELETE", "auth/sessions", None, "401 204 204 204 204 204 204 204 403 204 401 401"),
    ("GET", "auth/sessions/{session}", None, "401 404 404 404 404 200 404 404 404 404 401 401"),
    ("DELETE", "auth/sessions/{session}", None, "401 404 404 404 404 204 404 404 403 404 401 401"),
    ("GET", "auth/me", None, "401 200 200 200 200 200 200 200 200 200 401 401"),
    ("PUT", "auth/profile", {"full_name": "N"}, "401 200 200 200 200 200 200 200 403 200 401 401"),
    ("PATCH", "auth/profile", {"full_name": "N"}, "401 200 200 200 200 200 200 200 403 200 401 401"),
    ("POST", "auth/change-password", PASSWORDS, "401 200 200 200 200 200 200 200 403 200 401 401"),
    ("GET", "api-keys", None, "401 200 200 200 200 200 200 200 200 200 401 401"),
    # A key that is for some models alone makes keys for these alone.
    ("POST", "api-keys", {"name": "n"}, "401 201 201 201 201 201 201 201 403 403 401 401"),
    ("GET", "api-keys/{key}", None, "401 404 404 404 404 200 200 404 200 200 401 401"),
    ("PUT", "api-keys/{key}", {"name": "n"}, "401 404 404 404 404 200 200 404 403 200 401 401"),
    ("PATCH", "api-keys/{key}", {"name": "n"}, "401 404 404 404 404 200 200 404 403 200 401 401"),
    # What a key may do, its holder alone changes: an admin would gain by it.
    ("PATCH", "api-keys/{key}", {"cidrs": ["10.0.0.0/8"]}, "401 404 404 404 404 200 403 404 403 403 401 401"),
    ("DELETE", "api-keys/{key}", None, "401 404 404 404 404 204 204 404 403 204 401 401"),
    ("POST", "api-keys/{key}/revoke", None, "401 404 404 404 404 200 200 404 403 200 401 401"),
    ("POST", "api-keys/{key}/roll", {}, "401 404 404 404 404 201 403 404 403 403 401 401"),
    ("POST", "api-keys/leaked", [{"token": "x"}], "200 200 200 200 200 200 200 200 200 200 200 200"),
    ("GET", "organizations", None, "401 200 200 200 200 200 200 200 200 200 401 401"),
    ("POST", "organizations", {"name": "N"}, "401 201 201 201 201 201 201 201 403 201 401 401"),
    ("GET", "organizations/acme", None, "401 404 404 404 404 200 200 404 200 200 401 401"),
    ("GET", "organizations/{organization}", None, "401 404 404 404 404 200 200 404 200 200 401 401"),
    ("PUT", "organizations/acme", {"name": "N"}, "401 404 404 404 404 200 200 404 403 200 401 401"),
    ("PATCH", "organizations/acme", {"name": "N"}, "401 404 404 404 404 200 200 404 403 200 401 401"),
    ("DELETE", "organizations/acme", None, "401 404 404 404 404 204 403 404 403 204 401 401"),
    ("GET", "organizations/acme/members", None, "401 404 404 404 404 200 200 404 200 200 401 401"),
    ("PUT", "organizations/acme/members/{member}", {"role": "viewer"}, "401 404 404 404 404 200 200 404 403 200 401 401"),
    ("PATCH", "organizations/acme/members/{member}", {"role": "viewer"}, "401 404 404 404 404 200 200 404 403 200 401 401"),
    ("PATCH", "organizations/acme/members/{member}", {"role": "owner"}, "401 404 404 404 404 200 403 404 403 200 401 401"),
    ("DELETE", "organizations/acme/members/{member}", None, "401 404 404 404 404 204 204 404 403 204 401 401"),
    ("DELETE", "organizations/acme/members/{owner_id}", None, "401 404 404 404 404 409 403 404 403 409 401 401"),
    ("GET", "organizations/acme/invitations", None, "401 404 404 404 404 200 200 404 403 200 401 401"),
    ("POST", "organizations/acme/invitations", {"email": "x@example.org"}, "401 404 404 404 404 201 201 404 403 201 401 401"),
    ("DELETE", "organizations/acme/invitations/{invitation}", None, "401 404 404 404 404 204 204 404 403 204 401 401"),
    ("GET", "organizations/acme/service-accounts", None, "401 404 404 404 404 200 200 404 200 200 401 401"),
    ("POST", "organizations/acme/service-accounts", {"name": "n"}, "401 404 404 404 404 201 201 404 403 201 401 401"),
    ("DELETE", "organizations/acme/service-accounts/{program}", None, "401 404 404 404 404 204 204 404 403 204 401 401"),
    ("POST", "organizations/acme/service-accounts/{program}/keys", {"name": "n"}, "401 404 404 404 404 201 201 404 403 403 401 401"),
    ("GET", "invitations", None, "401 200 200 200 200 200 200 200 200 200 401 401"),
    ("POST", "invitations/accept", NOBODY, "401 404 404 404 404 404 404 404 403 404 401 401"),
    ("POST", "invitations/{to_stranger}/accept", None, "401 200 404 404 404 404 404 404 403 404 401 401"),
    ("POST", "invitations/{to_stranger}/decline", None, "401 204 404 404 404 404 404 404 403 404 401 401"),
    ("GET", "teams", None, "401 200 200 200 200 200 200 200 200 200 401 401"),
    ("POST", "teams", {"name": "n"}, "401 201 201 201 201 201 201 201 403 201 401 401"),
    # `user` is in the team, as a member.
    ("GET", "teams/{team}", None, "401 404 404 200 404 200 200 404 200 200 401 401"),
    ("PUT", "teams/{team}", {"name": "n"}, "401 404 404 403 404 200 200 404 403 200 401 401"),
    ("PATCH", "teams/{team}", {"name": "n"}, "401 404 404 403 404 200 200 404 403 200 401 401"),
    ("DELETE", "teams/{team}", None, "401 404 404 403 404 204 204 404 403 204 401 401"),
    ("GET", "teams/{team}/members", None, "401 404 404 200 404 200 200 404 200 200 401 401"),
    ("POST", "teams/{team}/members", {"email": "stranger@example.org"}, "401 404 404 403 404 201 201 404 403 201 401 401"),
    ("PUT", "teams/{team}/members/{team_member}", {"role": "admin"}, "401 404 404 403 404 200 200 404 403 200 401 401"),
    ("PATCH", "teams/{team}/members/{team_member}", {"role": "admin"}, "401 404 404 403 404 200 200 404 403 200 401 401"),
    ("DELETE", "teams/{team}/members/{team_member}", None, "401 404 404 204 404 204 204 404 403 204 401 401"),
)  # fmt: skip
