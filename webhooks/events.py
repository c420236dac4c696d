"""What happens to webhooks."""

from __future__ import annotations

from uuid import UUID

from common.events import Event, event


@event("webhook.created", subject="webhook_id")
class WebhookCreated(Event):
    """An organization wants to be told of something, at a host."""

    webhook_id: UUID
    host: str
    events: list[str]


@event("webhook.updated", subject="webhook_id")
class WebhookUpdated(Event):
    """The named fields of a webhook changed."""

    webhook_id: UUID
    host: str
    changed: list[str]


@event("webhook.deleted", subject="webhook_id")
class WebhookDeleted(Event):
    """Nothing is sent there any more."""

    webhook_id: UUID
    host: str


@event("webhook.secret_rotated", subject="webhook_id")
class WebhookSecretRotated(Event):
    """There is a new secret; the old one signs along with it for a while."""

    webhook_id: UUID
    host: str


@event("webhook.disabled", subject="webhook_id")
class WebhookDisabled(Event):
    """Its receiver failed for days, or said that it is gone. `user_id` is who set it up."""

    webhook_id: UUID
    host: str
    reason: str
    user_id: UUID | None


@event("webhook.replayed", subject="webhook_id")
class WebhookReplayed(Event):
    """Somebody had deliveries sent again."""

    webhook_id: UUID
    host: str
    count: int
