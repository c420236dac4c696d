"""What happens to how people want to be told."""

from __future__ import annotations

from uuid import UUID

from common.events import Event, event


@event("notification.preferences_changed", subject="user_id")
class NotificationPreferencesChanged(Event):
    """Somebody wants to hear of the named types in another way; `digest` may be among them."""

    user_id: UUID
    changed: list[str]
