"""What accounts do when something has happened."""

from __future__ import annotations

from accounts import services
from common.events import on_every
from common.models import EventRecord


@on_every
def tell_people(row: EventRecord) -> None:
    """Notify whoever should hear of it."""
    services.notify(row)
