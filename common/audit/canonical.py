"""What exactly is hashed: an event's fixed fields as one text, the same for whoever checks it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

HASH_BYTES: Final = 32
# What stands in for the hash before a chain's first.
ORIGIN: Final = bytes(HASH_BYTES)

FIELDS: Final = (
    "id", "type", "organization_id", "actor_id", "subject_id", "payload", "via", "key_id",
    "address", "request_id", "created_at", "xact",
)  # fmt: skip
# The same, as PostgreSQL is asked for them: `dispatched_at` and `attempts` do change.
COLUMNS: Final = (
    "e.id, e.type, e.organization_id, e.actor_id, e.subject_id, e.payload::text, e.via, e.key_id,"
    " host(e.address), e.request_id, e.created_at, e.xact::text"
)

Document = dict[str, Any]


def document(row: Sequence[Any], *, number: int, sealed_at: datetime) -> Document:
    """A row of COLUMNS with its place in the chain, as what JSON can hold.

    Ids are lower-case text, times ISO 8601 in UTC with microseconds, `xact` a text of digits.
    """
    found = dict(zip(FIELDS, row, strict=True))
    found["payload"] = json.loads(found["payload"])
    plain = {name: _plain(value) for name, value in found.items()}
    return {**plain, "number": number, "sealed_at": _plain(sealed_at)}


def canonical(content: Mapping[str, Any]) -> bytes:
    """JSON in UTF-8 with keys in order and no space: one text for one content."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


def link(before: bytes, content: Mapping[str, Any]) -> bytes:
    """SHA-256 over the hash before and the canonical text: 32 bytes."""
    return hashlib.sha256(before + canonical(content)).digest()


def _plain(value: Any) -> Any:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    return value
