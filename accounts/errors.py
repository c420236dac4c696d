"""What accounts refuse."""

from __future__ import annotations

from typing import ClassVar

from common.errors import (
    Conflict,
    Denied,
    DomainError,
    Invalid,
    Limited,
    NotFound,
    Unavailable,
)

REALM = 'Bearer realm="slipway"'


class EmailTaken(Conflict):
    default_code = "email_taken"


class BadCredentials(DomainError):
    """E-mail and password do not belong together, or the account is not active."""

    status = 401
    title = "Unauthorized"
    default_code = "invalid_credentials"
    auth_header: ClassVar[str] = REALM


class EmailNotVerified(Denied):
    """The password is right; whether the address is theirs is not known yet."""

    default_code = "email_not_verified"

    def __init__(self) -> None:
        super().__init__(
            "Verify your e-mail address first: open the link in the mail we sent to you."
        )


class BadEmailToken(Invalid):
    """A mailed link or code that is mistyped, used, too old or nobody's: never said which."""

    default_code = "invalid_token"

    def __init__(self) -> None:
        super().__init__("This link or code is not valid. It may be mistyped, used or too old.")


class BadToken(DomainError):
    """A key or token that is malformed, expired, revoked or nobody's: never said which."""

    status = 401
    title = "Unauthorized"
    default_code = "invalid_token"
    auth_header: ClassVar[str] = (
        f'{REALM}, error="invalid_token", error_description="The credential is not valid."'
    )

    def __init__(self) -> None:
        super().__init__("The credential is not valid. It may be mistyped, expired or revoked.")


class TwoCredentials(Invalid):
    """RFC 6750, section 2: one way of sending a credential in one request."""

    default_code = "invalid_request"
    auth_header: ClassVar[str] = f'{REALM}, error="invalid_request"'


class CredentialInQuery(Invalid):
    """A credential in an address ends up in logs and histories; it is refused, not read."""

    default_code = "invalid_request"
    auth_header: ClassVar[str] = f'{REALM}, error="invalid_request"'


class InsufficientScope(Denied):
    """RFC 6750, section 3.1."""

    default_code = "insufficient_scope"

    def __init__(self, scope: str) -> None:
        super().__init__(f"This needs the scope {scope}, which the credential lacks.")
        self.auth_header = f'{REALM}, error="insufficient_scope", scope="{scope}"'


class KeyExceeded(Denied):
    """A key can't make a key that may do more, or lives longer, than itself."""

    default_code = "exceeds_own_key"


class KeyDenied(Denied):
    default_code = "not_your_key"


class OperatorsOnly(Denied):
    default_code = "operators_only"


class SlugsExhausted(Unavailable):
    """Every slug that was tried was taken in that very moment."""

    default_code = "no_free_slug"


class LimitExists(Conflict):
    """A target has one limit policy at most."""

    default_code = "limit_exists"


class LimitNotFound(NotFound):
    default_code = "limit_not_found"


class KeyNotFound(NotFound):
    default_code = "api_key_not_found"


class BadPassword(Invalid):
    default_code = "bad_password"


class NotYourAccount(Invalid):
    """An operator can't shut out, delete or dismiss themselves."""

    default_code = "own_account"


class StatusFinal(Conflict):
    default_code = "account_deleted"


class OrganizationNotFound(NotFound):
    default_code = "organization_not_found"


class MemberNotFound(NotFound):
    default_code = "member_not_found"


class AccountNotFound(NotFound):
    """Operators alone are told so."""

    default_code = "account_not_found"


class InvitationNotFound(NotFound):
    default_code = "invitation_not_found"


class TeamNotFound(NotFound):
    default_code = "team_not_found"


class UserNotFound(Invalid):
    """Nobody of that address has an account that works."""

    default_code = "user_not_found"


class AdminsOnly(Denied):
    """Owners and admins of the organization, or of the team, may do this."""

    default_code = "admins_only"


class OwnersOnly(Denied):
    default_code = "owners_only"


class SlugTaken(Conflict):
    default_code = "slug_taken"


class NameTaken(Conflict):
    default_code = "name_taken"


class LastOwner(Conflict):
    """An organization must not be left without an owner."""

    default_code = "last_owner"


class AlreadyMember(Conflict):
    default_code = "already_member"


class InvitationClosedError(Conflict):
    """The invitation was used, declined, taken back, or is too old."""

    default_code = "invitation_closed"


class KeyNotActive(Conflict):
    """What is revoked or expired can be neither rolled nor changed."""

    default_code = "api_key_not_active"


class ConcurrentRefresh(Conflict):
    """The same client sent a refresh token twice at once: one of the answers is its next pair."""

    default_code = "concurrent_refresh"


class SessionNotFound(NotFound):
    default_code = "session_not_found"


class NoSession(Invalid):
    """A key can't log out: it is revoked."""

    default_code = "no_session"


class AddressBlocked(Denied):
    """A rule keeps the client's address out. It is not said which, or since when."""

    default_code = "address_blocked"

    def __init__(self) -> None:
        super().__init__("Requests from your address are not taken.")


class AddressNotAllowed(Denied):
    """The key, or its organization, works from certain networks alone."""

    default_code = "address_not_allowed"

    def __init__(self) -> None:
        super().__init__("This credential does not work from your address.")


class WouldLockYouOut(Conflict):
    default_code = "would_lock_you_out"


class RuleNotFound(NotFound):
    default_code = "ip_rule_not_found"


class TooManyAttempts(Limited):
    """Wrong passwords came too fast. It is the same for accounts that do not exist."""

    default_code = "too_many_attempts"
