"""What accounts refuse."""

from __future__ import annotations

from typing import ClassVar

from common.errors import Conflict, Denied, DomainError, Invalid, NotFound, Unavailable

REALM = 'Bearer realm="slipway"'


class EmailTaken(Conflict):
    default_code = "email_taken"


class BadCredentials(DomainError):
    """E-mail and password do not belong together, or the account is not active."""

    status = 401
    title = "Unauthorized"
    default_code = "invalid_credentials"
    auth_header: ClassVar[str] = REALM


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
