"""What accounts do when something has happened."""

from __future__ import annotations

from uuid import UUID

from accounts import services
from accounts.events import UserDeleted
from common.events import on, on_every
from common.models import EventRecord


@on_every
def tell_people(row: EventRecord) -> None:
    """Notify whoever should hear of it."""
    services.notify(row)


@on(UserDeleted)
def forget_what_they_were_told(event: UserDeleted, *, event_id: UUID) -> None:
    """Nothing more is told to who is gone, and what was told goes with them."""
    services.forget_notifications(event.user_id)
