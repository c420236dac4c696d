"""Handing committed events to their subscribers, and sealing them."""

from __future__ import annotations

import uuid
from datetime import timedelta

import structlog
from celery import shared_task
from django.db import transaction
from kombu.exceptions import OperationalError

from common import clock, events
from common.audit import sealer
from common.context import request_context
from common.models import EventRecord

logger = structlog.get_logger(__name__)

SWEEP_AFTER = timedelta(seconds=10)
SWEEP_BATCH = 200
MAX_ATTEMPTS = 20


def send_event(event_id: uuid.UUID) -> None:
    """Ask a worker to dispatch the event. A broker that is away is the sweeper's to make good."""
    try:
        dispatch_event.apply_async(args=(str(event_id),), retry=False)
    except OperationalError as error:
        logger.warning("event_not_sent", event_id=str(event_id), error=str(error))


@shared_task
def dispatch_event(event_id: str) -> None:
    """Deliver one event to its subscribers, once: the row is locked while it is worked on."""
    with transaction.atomic():
        row = (
            EventRecord.objects.select_for_update(skip_locked=True)
            .filter(id=event_id, dispatched_at__isnull=True)
            .first()
        )
        if row is None:
            return
        with request_context(row.request_id):
            _deliver(row)


def _deliver(row: EventRecord) -> None:
    row.attempts += 1
    try:
        with transaction.atomic():
            events.deliver(row)
    except Exception:  # a subscriber's fault must not stop the others' events
        logger.exception("event_failed", event_id=str(row.id), type=row.type, attempt=row.attempts)
        if row.attempts < MAX_ATTEMPTS:
            row.save(update_fields=["attempts"])
            return
        logger.error("event_given_up", event_id=str(row.id), type=row.type)  # noqa: TRY400
    row.dispatched_at = clock.now()
    row.save(update_fields=["attempts", "dispatched_at"])


@shared_task
def sweep_events() -> int:
    """Dispatch what a crash or a broker's absence left behind; returns how many were sent."""
    left = (
        EventRecord.objects.filter(
            dispatched_at__isnull=True, created_at__lt=clock.now() - SWEEP_AFTER
        )
        .order_by("id")
        .values_list("id", flat=True)[:SWEEP_BATCH]
    )
    for event_id in left:
        send_event(event_id)
    return len(left)


@shared_task
def seal_events() -> int:
    """Chain what was committed since the last time; returns how many events."""
    return sealer.seal_committed()
