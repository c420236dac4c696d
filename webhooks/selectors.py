"""Reads: webhooks with how they fare, and what was sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import F

from accounts.actors import Actor
from webhooks.errors import DeliveryNotFound, WebhookNotFound
from webhooks.models import Delivery, Webhook, WebhookQuerySet


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedDeliveries:
    """Which part of a history; "" and None for all."""

    state: str = ""
    type: str = ""
    cursor: UUID | None = None
    limit: int = 20


@dataclass(frozen=True, slots=True)
class DeliveryPage:
    """Deliveries, newest first, and the cursor of older ones."""

    rows: Sequence[Delivery]
    next_cursor: UUID | None


def list_webhooks(actor: Actor) -> WebhookQuerySet:
    """The webhooks that the actor manages, newest first."""
    rows = Webhook.objects.visible_to(actor)
    return rows.select_related("organization", "model__organization", "channel").order_by("-id")


def get_webhook(actor: Actor, webhook_id: UUID) -> Webhook:
    """One of them; WebhookNotFound where there is none the actor may know of."""
    found = list_webhooks(actor).filter(id=webhook_id).first()
    if found is None:
        raise WebhookNotFound("There is no such webhook.")
    return found


def list_deliveries(webhook: Webhook, wanted: WantedDeliveries) -> DeliveryPage:
    """What was sent to a webhook, and what waits. One query."""
    rows = Delivery.objects.filter(webhook=webhook).select_related("message")
    if wanted.state:
        rows = rows.filter(state=wanted.state)
    if wanted.type:
        rows = rows.filter(message__type=wanted.type)
    if wanted.cursor:
        rows = rows.filter(id__lt=wanted.cursor)
    found = list(rows.order_by("-id")[: wanted.limit + 1])
    more = len(found) > wanted.limit
    found = found[: wanted.limit]
    return DeliveryPage(found, found[-1].id if more else None)


def get_delivery(webhook: Webhook, delivery_id: UUID) -> Delivery:
    """One delivery with its attempts, the latest first. Raises DeliveryNotFound."""
    rows = Delivery.objects.filter(webhook=webhook, id=delivery_id)
    found = rows.select_related("message", "webhook").first()
    if found is None:
        raise DeliveryNotFound("There is no such delivery.")
    found.recent = list(found.tries.order_by(F("number").desc())[:100])  # type: ignore[attr-defined]  # for this page
    return found
