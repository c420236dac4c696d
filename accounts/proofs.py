"""The secrets in mailed links and codes: derived, so that no table and no event holds them."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.core import signing
from django.utils.crypto import constant_time_compare, salted_hmac

from accounts.errors import BadEmailToken
from accounts.models import EmailToken, Purpose, User

LIVES = {
    Purpose.VERIFY: timedelta(hours=24),
    Purpose.RESET: timedelta(hours=1),
    Purpose.NOTICE: timedelta(hours=1),
}
CODE_DIGITS = 8
CODE_TRIES = 5
SALT = "accounts.email_token"


def link_token(token: EmailToken) -> str:
    """What a mailed link ends with."""
    return _signer(token.purpose).sign(token.id.hex)


def read_link_token(text: str, purpose: Purpose) -> UUID:
    """The row's id of a link for this purpose; BadEmailToken for what is none of ours."""
    try:
        return UUID(_signer(purpose).unsign(text))
    except (signing.BadSignature, ValueError):
        raise BadEmailToken from None


def mailed_code(token: EmailToken) -> str:
    """The eight digits to type where the link can't be opened."""
    digest = salted_hmac(f"{SALT}.code", token.id.hex, algorithm="sha256").hexdigest()
    return f"{int(digest, 16) % 10**CODE_DIGITS:0{CODE_DIGITS}}"


def is_code(token: EmailToken, code: str) -> bool:
    return constant_time_compare(mailed_code(token), code)


def fingerprint(user: User, purpose: str) -> str:
    """Of the address, and for a reset of the password: another of either voids the mail."""
    facts = user.email_key + (f"\n{user.password}" if purpose == Purpose.RESET else "")
    return salted_hmac(f"{SALT}.{purpose}", facts, algorithm="sha256").hexdigest()


def _signer(purpose: str) -> signing.Signer:
    return signing.Signer(salt=f"{SALT}.{purpose}", sep=".")
