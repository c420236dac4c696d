"""The look of an API key: `slip_`, 32 random base62 characters, 6 of checksum.

The checksum is the CRC32 of the 32 characters, base62 with leading zeros. It tells a typo or a
stranger's string from a key without asking anybody, and lets secret scanners be sure.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import string
import zlib

PREFIX = "slip_"
BODY_LENGTH = 32
CHECK_LENGTH = 6
SHOWN_LENGTH = len(PREFIX) + 6
_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_KEY = re.compile(rf"{PREFIX}([0-9A-Za-z]{{{BODY_LENGTH}}})([0-9A-Za-z]{{{CHECK_LENGTH}}})")


def make_key() -> str:
    """A new key; 190 bits of it are random."""
    body = "".join(secrets.choice(_DIGITS) for _ in range(BODY_LENGTH))
    return f"{PREFIX}{body}{_checksum(body)}"


def is_key(text: str) -> bool:
    """Whether the text is a key by its looks, checksum included. No query."""
    found = _KEY.fullmatch(text)
    return found is not None and _checksum(found[1]) == found[2]


def hash_key(key: str) -> bytes:
    """SHA-256 of the whole key: 32 bytes, all that is kept of it."""
    return hashlib.sha256(key.encode()).digest()


def shown_prefix(key: str) -> str:
    """The first characters, which lists show."""
    return key[:SHOWN_LENGTH]


def _checksum(body: str) -> str:
    number = zlib.crc32(body.encode())
    digits = ""
    for _ in range(CHECK_LENGTH):
        number, digit = divmod(number, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return digits
