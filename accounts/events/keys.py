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
    """The named fields of a key changed; its scopes and restrictions may be among them."""

    key_id: UUID
    user_id: UUID
    fields: list[str]


@event("api_key.revoked", subject="key_id")
class ApiKeyRevoked(Event):
    """The key is void for ever."""

    key_id: UUID
    user_id: UUID


@event("api_key.rolled", subject="key_id")
class ApiKeyRolled(Event):
    """There is a new key like this one, which ends soon."""

    key_id: UUID
    user_id: UUID
    new_key_id: UUID
    ends_at: datetime


@event("api_key.leaked", subject="key_id")
class ApiKeyLeaked(Event):
    """The key was found in the open and is void for ever. `found_at` is what the finder said."""

    key_id: UUID
    user_id: UUID
    found_at: str
