"""What happens to serving."""

from __future__ import annotations

from uuid import UUID

from common.events import Event, event


@event("model_version.pinned", subject="model_id")
class ModelVersionPinned(Event):
    """A version is kept loaded from now on."""

    model_id: UUID
    version_id: UUID
    name: str
    number: int


@event("model_version.unpinned", subject="model_id")
class ModelVersionUnpinned(Event):
    """A version is loaded when it is asked, as any other."""

    model_id: UUID
    version_id: UUID
    name: str
    number: int
