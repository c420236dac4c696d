"""What a clock does for webhooks: mends what crashes left, turns off the dead, drops the old."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.models import F

from common import clock
from common.ids import least_id
from webhooks.models import Channel, Delivery, Message, Status, Webhook
from webhooks.services.webhooks import disable_webhook

logger = structlog.get_logger(__name__)

BATCH: Final = 1000
LEAVE: Final = timedelta(seconds=2)  # before it is taken for forgotten

# The attempt counts, whatever became of it: what kills its sender must not come back for ever.
RECLAIM: Final = """
UPDATE webhooks_delivery SET attempts = attempts + 1, lane = NULL, lease_until = NULL,
    state = CASE WHEN attempts + 1 >= attempts_allowed THEN 'failed' ELSE 'waiting' END,
    finished_at = CASE WHEN attempts + 1 >= attempts_allowed THEN %(now)s::timestamptz END,
    error = 'The sender was interrupted.', due_at = %(now)s
WHERE state = 'sending' AND lease_until < %(now)s
RETURNING webhook_id
"""
# One probe of an index for each channel, however much waits.
OVERDUE: Final = """
UPDATE webhooks_channel c SET due_at = w.due_at FROM (
    SELECT c.webhook_id, d.due_at FROM webhooks_channel c CROSS JOIN LATERAL (
        SELECT due_at FROM webhooks_delivery
        WHERE webhook_id = c.webhook_id AND state = 'waiting' ORDER BY due_at, id LIMIT 1
    ) d
    WHERE c.due_at IS NULL OR c.due_at > d.due_at
) w WHERE c.webhook_id = w.webhook_id
"""
DUE: Final = """
SELECT EXISTS (
    SELECT 1 FROM webhooks_channel c JOIN webhooks_webhook w ON w.id = c.webhook_id
    WHERE c.due_at <= %(now)s AND (c.open_until IS NULL OR c.open_until <= %(now)s)
        AND w.status = 'active' AND w.deleted_at IS NULL
)
"""


def reclaim() -> int:
    """Put back what senders that died held; returns how many deliveries."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(RECLAIM, {"now": clock.now()})
        count: int = cursor.rowcount
    if count:
        logger.info("deliveries_reclaimed", count=count)
    return count


def wake_overdue() -> bool:
    """Find what waits and was not said to; returns whether something is due now."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(OVERDUE)
    return something_is_due()


def something_is_due() -> bool:
    """Whether a sender would find anything."""
    with connection.cursor() as cursor:
        cursor.execute(DUE, {"now": clock.now()})
        return bool(cursor.fetchone()[0])


def disable_failing() -> int:
    """Turn off what has failed for WEBHOOK_DISABLE_AFTER_DAYS without a success; how many.

    It must have been tried at both ends of those days: one failure, and nothing to tell for a
    week, says nothing of the receiver.
    """
    days = settings.WEBHOOK_DISABLE_AFTER_DAYS
    failing = Channel.objects.filter(
        failing_since__lt=F("last_triggered_at") - timedelta(days=days),
        webhook__status=Status.ACTIVE,
        webhook__deleted_at=None,
    )
    dead = list(Webhook.objects.filter(channel__in=failing).order_by("id")[:BATCH])
    for webhook in dead:
        with transaction.atomic():
            disable_webhook(webhook, reason=f"Its receiver failed for {days} days.")
    return len(dead)


def drop_old() -> int:
    """Delete messages beyond WEBHOOK_RETENTION_DAYS and webhooks deleted as long ago; how many.

    What still waits keeps its message.
    """
    before = clock.now() - timedelta(days=settings.WEBHOOK_RETENTION_DAYS)
    dropped = 0
    while True:
        waiting = Delivery.objects.filter(state__in=("waiting", "sending")).values("message_id")
        old = Message.objects.filter(id__lt=least_id(before)).exclude(id__in=waiting)
        ids = list(old.order_by("id").values_list("id", flat=True)[:BATCH])
        if not ids:
            break
        Message.objects.filter(id__in=ids).delete()
        dropped += len(ids)
    Webhook.objects.filter(deleted_at__lt=before).delete()
    return dropped
