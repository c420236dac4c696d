"""Signatures as Standard Webhooks 1.0.0 has them (spec/standard-webhooks.md, "Signature scheme").

Signed is `{id}.{timestamp}.{body}`, byte for byte; a signature is `v1,` and the base64 of its
HMAC-SHA256. While a secret is rotated there are two, with a space between.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable
from typing import Final

from common.crypto import seal, unseal

PREFIX: Final = "whsec_"
SECRET_BYTES: Final = 32
PURPOSE: Final = "webhook signing secret"


def new_secret() -> bytes:
    """A fresh secret: 32 random bytes."""
    return secrets.token_bytes(SECRET_BYTES)


def shown(secret: bytes) -> str:
    """A secret as its owner gets to see it, once."""
    return PREFIX + base64.b64encode(secret).decode()


def sealed(secret: bytes) -> bytes:
    """A secret as it is kept."""
    return seal(secret, purpose=PURPOSE)


def unsealed(kept: bytes | memoryview[int]) -> bytes:
    """The secret itself. Raises common.crypto.SealBrokenError."""
    return unseal(bytes(kept), purpose=PURPOSE)


def signature(keys: Iterable[bytes], *, message_id: str, timestamp: int, body: bytes) -> str:
    """The value of `webhook-signature`: one entry for each secret, the newest first."""
    content = b".".join((message_id.encode(), str(timestamp).encode(), body))
    return " ".join(
        "v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
        for key in keys
    )
