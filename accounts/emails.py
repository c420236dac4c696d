"""E-mail addresses: which are well-formed, and which are the same."""

from __future__ import annotations

import unicodedata

import email_validator
import idna

from common.errors import Fault, Invalid

# Names of networks without a name in the world's DNS: mail does reach people there.
INTRANETS = {"local", "localhost", "test"}
email_validator.SPECIAL_USE_DOMAIN_NAMES[:] = [
    name for name in email_validator.SPECIAL_USE_DOMAIN_NAMES if name not in INTRANETS
]
MAX_LENGTH = 254  # RFC 5321, section 4.5.3.1.3, less the angle brackets


class BadEmail(ValueError):
    """The text is no address that mail could be sent to; the message says why."""


def email_key(email: str) -> str:
    """The form two spellings of one address share; for what is no address, the text itself.

    NFKC and case folding, and the domain in its ASCII form (UTS 46). The domain is not case-folded
    first: that would make one domain of `straße.de` and `strasse.de`.
    """
    local, _, domain = email.strip().rpartition("@")
    local = unicodedata.normalize("NFKC", local).casefold()
    try:
        ascii_domain = idna.encode(domain, uts46=True).decode()
    except (idna.IDNAError, UnicodeError):
        ascii_domain = domain.lower()
    return f"{local}@{ascii_domain}"


def check_email(email: str) -> str:
    """The address in form C without spaces around it; raises BadEmail."""
    address = unicodedata.normalize("NFC", email.strip())
    try:
        # A local part that is not ASCII needs SMTPUTF8, which hardly a server speaks.
        email_validator.validate_email(address, check_deliverability=False, allow_smtputf8=False)
        idna.encode(address.rpartition("@")[2], uts46=True)
    except (email_validator.EmailNotValidError, idna.IDNAError, UnicodeError):
        raise BadEmail("Enter an e-mail address like name@example.org.") from None
    if len(address) > MAX_LENGTH or len(email_key(address)) > MAX_LENGTH:
        raise BadEmail(f"An e-mail address has at most {MAX_LENGTH} characters.")
    return address


def checked_email(email: str) -> str:
    """The same for services: raises Invalid with a fault at `/email`."""
    try:
        return check_email(email)
    except BadEmail as error:
        fault = Fault("/email", str(error), "bad_email")
        raise Invalid(str(error), code="bad_email", errors=[fault]) from None
