"""Secrets that must be read again: sealed with AES-256-GCM before they reach the database.

Sealed text is `version (1 byte) | key's fingerprint (4) | nonce (12) | ciphertext and tag`. The
first key of ENCRYPTION_KEYS seals, all of them open, so that a new key can be put in front. Where
none is set the key is drawn from SECRET_KEY (HKDF, RFC 5869), and changes with it.
"""

from __future__ import annotations

import hashlib
import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

VERSION: Final = b"\x01"
FINGERPRINT: Final = 4
NONCE: Final = 12
KEY: Final = 32


class SealBrokenError(Exception):
    """What is sealed was changed, or sealed with a key that is known no more."""


def seal(secret: bytes, *, purpose: str) -> bytes:
    """Encrypt; only `unseal` with the same purpose opens it."""
    key, nonce = _keys()[0], os.urandom(NONCE)
    sealed = AESGCM(key).encrypt(nonce, secret, purpose.encode())
    return VERSION + _fingerprint(key) + nonce + sealed


def unseal(sealed: bytes, *, purpose: str) -> bytes:
    """Decrypt what `seal` made. Raises SealBrokenError."""
    head, rest = sealed[:1], sealed[1:]
    fingerprint, rest = rest[:FINGERPRINT], rest[FINGERPRINT:]
    if head != VERSION:
        raise SealBrokenError("This is sealed in a way that is not known.")
    for key in _keys():
        if _fingerprint(key) == fingerprint:
            try:
                return AESGCM(key).decrypt(rest[:NONCE], rest[NONCE:], purpose.encode())
            except InvalidTag:
                raise SealBrokenError("What is sealed was changed.") from None
    raise SealBrokenError(
        "This was sealed with a key that is not in ENCRYPTION_KEYS (or with another SECRET_KEY)."
    )


def _keys() -> tuple[bytes, ...]:
    given: tuple[bytes, ...] = settings.ENCRYPTION_KEYS
    return given or (_derived(settings.SECRET_KEY),)


def _derived(secret: str) -> bytes:
    known = _cache.get(secret)
    if known is None:
        kdf = HKDF(algorithm=SHA256(), length=KEY, salt=None, info=b"slipway sealed columns")
        known = _cache[secret] = kdf.derive(secret.encode())
    return known


_cache: dict[str, bytes] = {}


def _fingerprint(key: bytes) -> bytes:
    return hashlib.sha256(b"fingerprint" + key).digest()[:FINGERPRINT]
