"""A cookie by which a browser proves that it was logged in to an account before.

It opens nothing: whoever has it need not wait while others guess at the account's password.
"""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from accounts.attempts import account_digest
from accounts.emails import email_key
from accounts.models import User

COOKIE = "slipway_device"
SALT = "accounts.device"
LIFE = 365 * 86_400  # seconds


def is_known_device(request: HttpRequest, email: str) -> bool:
    """Whether the browser was logged in to this account within a year."""
    found = request.get_signed_cookie(COOKIE, default="", salt=SALT, max_age=LIFE)
    return found == account_digest(email_key(email))


def remember_device(response: HttpResponse, user: User) -> HttpResponse:
    """Give the browser its proof."""
    response.set_signed_cookie(
        COOKIE,
        account_digest(user.email_key),
        salt=SALT,
        max_age=LIFE,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
    return response
