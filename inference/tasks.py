"""Inference's Celery tasks: storing what the journal sends, and keeping its tables in shape."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import structlog
from celery import shared_task
from django.conf import settings

from common import clock
from common.ids import least_id
from inference import partitions
from inference.journal.record import unpack_batch
from inference.models import Feedback, JournalBatch
from inference.store import store

logger = structlog.get_logger(__name__)

# A batch's row tells late deliveries that they are late. The broker delivers again within the hour.
BATCH_LIFE = timedelta(days=7)


@shared_task
def store_batch(segment: str, offset: int, payload: str) -> int:
    """Store the records in a stretch of a segment; returns how many were new.

    A payload that is garbled is dropped: the shipper has the records, and sends them again.
    """
    try:
        data = unpack_batch(payload)
    except ValueError as error:
        logger.error("batch_unreadable", segment=segment, offset=offset, error=str(error))  # noqa: TRY400
        return 0
    return store(segment, offset, data)


@shared_task
def make_partitions() -> None:
    """Make the predictions table's days to come."""
    partitions.make_ahead()


@shared_task
def retain_predictions() -> list[str]:
    """Drop the days beyond PREDICTION_RETENTION_DAYS; returns the dropped partitions.

    Roll-ups stay: they hold no inputs and no outputs.
    """
    JournalBatch.objects.filter(stored_at__lt=clock.now() - BATCH_LIFE).delete()
    days = settings.PREDICTION_RETENTION_DAYS
    if days == 0:
        return []
    before = (clock.now() - timedelta(days=days)).date()
    dropped = partitions.drop_before(before)
    # Feedback holds a true value and an answer of theirs; its sums stay, as roll-ups do.
    least = least_id(datetime(before.year, before.month, before.day, tzinfo=UTC))
    Feedback.objects.filter(prediction_id__lt=least).delete()
    if dropped:
        logger.info("predictions_dropped", partitions=dropped)
    return dropped
