"""What happens to API keys."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from common.events import Event, event


@event("api_key.created", subject="key_id")
class ApiKeyCreated(Event):
    """A new key, with what it may do. Its beginning (`prefix`) is what lists show."""

    key_id: UUID
    user_id: UUID
    name: str
    prefix: str
    scopes: list[str]
    expires_at: datetime | None


@event("api_key.updated", subject="key_id")
class ApiKeyUpdated(Event):
    """The named fields of a key changed; never its scopes or expiry."""

    key_id: UUID
    fields: list[str]


@event("api_key.revoked", subject="key_id")
class ApiKeyRevoked(Event):
    """The key is void for ever."""

    key_id: UUID
    user_id: UUID
