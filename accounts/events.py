"""What happens to accounts: ids and facts, never a secret or an address."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from common.events import Event, event


@event("user.registered")
class UserRegistered(Event):
    """Somebody has an account and a personal organization now."""

    user_id: UUID
    organization_id: UUID
    slug: str


@event("user.logged_in")
class UserLoggedIn(Event):
    """E-mail and password were right. `via` is `session` or `jwt`."""

    user_id: UUID
    via: str


@event("user.profile_updated")
class ProfileUpdated(Event):
    """The named fields of a profile changed."""

    user_id: UUID
    fields: list[str]


@event("user.password_changed")
class PasswordChanged(Event):
    """There is a new password, and every token from before is void. An operator may have set it."""

    user_id: UUID


@event("user.activated")
class UserActivated(Event):
    """An operator lets the user in again."""

    user_id: UUID


@event("user.deactivated")
class UserDeactivated(Event):
    """An operator shut the user out: password, tokens and keys are void."""

    user_id: UUID


@event("user.operator_appointed")
class OperatorAppointed(Event):
    """The user runs the platform from now on."""

    user_id: UUID


@event("api_key.created")
class ApiKeyCreated(Event):
    """A new key, with what it may do. Its beginning (`prefix`) is what lists show."""

    key_id: UUID
    user_id: UUID
    name: str
    prefix: str
    scopes: list[str]
    expires_at: datetime | None


@event("api_key.updated")
class ApiKeyUpdated(Event):
    """The named fields of a key changed; never its scopes or expiry."""

    key_id: UUID
    fields: list[str]


@event("api_key.revoked")
class ApiKeyRevoked(Event):
    """The key is void for ever."""

    key_id: UUID
    user_id: UUID
