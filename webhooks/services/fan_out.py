"""From an event to the deliveries of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q

from common import clock
from common.models import EventRecord
from webhooks.catalogue import is_told
from webhooks.messages import body_of
from webhooks.models import Delivery, Message, Webhook
from webhooks.waking import wake_senders

BATCH: Final = 1000
# Without a condition: a sender that has the row just now has not seen what was just committed.
DUE = """
UPDATE webhooks_channel SET due_at = least(coalesce(due_at, %(now)s), %(now)s)
WHERE webhook_id = ANY(%(ids)s)
"""


def fan_out(row: EventRecord) -> int:
    """Make an event's deliveries to whoever wants it; returns how many. Twice is once."""
    if row.organization_id is None or not is_told(row.type):
        return 0
    wanted = list(_hearing(row.organization_id, row))
    if not wanted:
        return 0
    return address_message(message_of(row), wanted)


def message_of(row: EventRecord) -> Message:
    """The one message of an event, made if there is none yet."""
    message, _ = Message.objects.get_or_create(event_id=row.id, defaults=_fields(row))
    return message


def address_missed(rows: Sequence[EventRecord], webhook: Webhook) -> None:
    """Make the messages and deliveries of events that a webhook has not heard of, all at once.

    Nobody is told that they are due.
    """
    messages = [Message(event_id=row.id, **_fields(row)) for row in rows]
    Message.objects.bulk_create(messages, ignore_conflicts=True, batch_size=BATCH)
    Delivery.objects.bulk_create(
        [
            Delivery(message_id=row.id, webhook=webhook, attempts_allowed=webhook.max_attempts)
            for row in rows
        ],
        ignore_conflicts=True,
        batch_size=BATCH,
    )


def _fields(row: EventRecord) -> dict[str, Any]:
    return {
        # The event's own: receivers tell repetitions by it.
        "id": row.id,
        "organization_id": row.organization_id,
        "type": row.type,
        "body": body_of(row.type, row.created_at, row.payload),
        "request_id": row.request_id,
        "created_at": row.created_at,
    }


def address_message(message: Message, webhooks: Collection[Webhook]) -> int:
    """Make a message's deliveries, due at once; returns how many there are now."""
    Delivery.objects.bulk_create(
        [
            Delivery(message=message, webhook=one, attempts_allowed=one.max_attempts)
            for one in webhooks
        ],
        ignore_conflicts=True,
    )
    ids = sorted(one.id for one in webhooks)
    transaction.on_commit(lambda: make_due(ids), robust=True)
    return len(webhooks)


def make_due(webhook_ids: Collection[UUID]) -> None:
    """Say that something waits for these; call it once that is committed.

    What a crash keeps from being said is found by `upkeep.wake_overdue`.
    """
    with connection.cursor() as cursor:
        cursor.execute(DUE, {"now": clock.now(), "ids": list(webhook_ids)})
    wake_senders()


def _hearing(organization_id: UUID, row: EventRecord) -> Collection[Webhook]:
    rows = Webhook.objects.hearing(organization_id, row.type)
    model_id = row.payload.get("model_id")
    about = Q(model_id=None) | Q(model_id=model_id) if model_id else Q(model_id=None)
    # A webhook does not tell its own receiver that it is disabled.
    return rows.filter(about).exclude(id=row.payload.get("webhook_id")).only("id", "max_attempts")
