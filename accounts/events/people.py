"""What happens to people."""

from __future__ import annotations

from uuid import UUID

from common.events import Event, event


@event("user.registered", subject="user_id")
class UserRegistered(Event):
    """Somebody has an account and a personal organization now."""

    user_id: UUID
    organization_id: UUID
    slug: str


@event("user.logged_in", subject="user_id")
class UserLoggedIn(Event):
    """E-mail and password were right. `via` is `session` or `jwt`."""

    user_id: UUID
    via: str


@event("user.profile_updated", subject="user_id")
class ProfileUpdated(Event):
    """The named fields of a profile changed."""

    user_id: UUID
    fields: list[str]


@event("user.password_changed", subject="user_id")
class PasswordChanged(Event):
    """There is a new password, and every token from before is void. An operator may have set it."""

    user_id: UUID


@event("user.activated", subject="user_id")
class UserActivated(Event):
    """An operator lets the user in again."""

    user_id: UUID


@event("user.suspended", subject="user_id")
class UserSuspended(Event):
    """An operator shut the user out for the time being: password, tokens and keys do nothing."""

    user_id: UUID
    reason: str


@event("user.deactivated", subject="user_id")
class UserDeactivated(Event):
    """The account is closed, by its owner or an operator: password, tokens and keys do nothing."""

    user_id: UUID


@event("user.deleted", subject="user_id")
class UserDeleted(Event):
    """The account is gone for good, and so is its personal organization."""

    user_id: UUID
    organization_id: UUID | None


@event("user.operator_appointed", subject="user_id")
class OperatorAppointed(Event):
    """The user runs the platform from now on."""

    user_id: UUID


@event("user.operator_dismissed", subject="user_id")
class OperatorDismissed(Event):
    """The user runs the platform no more."""

    user_id: UUID
