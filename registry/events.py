"""What happens in the registry."""

from __future__ import annotations

from uuid import UUID

from common.events import Event, event


@event("model_version.received", subject="model_id")
class ModelVersionReceived(Event):
    """A file was taken in; the pipeline has it now."""

    model_id: UUID
    version_id: UUID
    name: str
    number: int
    sha256: str


@event("model_version.ready", subject="model_id")
class ModelVersionReady(Event):
    """A version answers predictions from now on. `user_id` is whose upload it was."""

    model_id: UUID
    version_id: UUID
    name: str
    number: int
    runtime: str
    user_id: UUID | None = None


@event("model_version.rejected", subject="model_id")
class ModelVersionRejected(Event):
    """The pipeline refused a file. `user_id` is whose upload it was."""

    model_id: UUID
    version_id: UUID
    name: str
    number: int
    code: str
    reason: str
    user_id: UUID | None = None


@event("model.updated", subject="model_id")
class ModelUpdated(Event):
    """Somebody changed a model's description, status, metadata or tags."""

    model_id: UUID
    name: str
    changed: list[str]


@event("model_version.updated", subject="model_id")
class ModelVersionUpdated(Event):
    """Somebody changed a version's status or signature."""

    model_id: UUID
    version_id: UUID
    name: str
    number: int
    changed: list[str]
