"""Inference's Celery tasks: storing what the journal sends, and keeping its tables in shape."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog
from celery import shared_task
from django.conf import settings

from common import clock
from common.ids import least_id
from inference import partitions
from inference.bulk.sending import ENGINES, send
from inference.journal.record import unpack_batch
from inference.models import Feedback, JournalBatch
from inference.prediction_jobs import answer_job, send_callback
from inference.services.batches import delete_old_files, unattended_batches
from inference.services.prediction_jobs import (
    delete_old_jobs,
    due_callbacks,
    send_prediction_job,
    waiting_prediction_jobs,
)
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
def work_on_batch(job_id: str) -> None:
    """Do steps of a batch job, or have them done: what there is to do, the rows say."""
    ENGINES[settings.BULK_ENGINE](UUID(job_id))


@shared_task
def reap_batches() -> int:
    """Send the jobs that nobody works on; returns how many."""
    left = unattended_batches()
    for job_id in left:
        send(job_id)
    return len(left)


@shared_task
def sweep_batches() -> int:
    """Delete the files of jobs that are long over; returns of how many."""
    return delete_old_files()


@shared_task
def answer_prediction_job(job_id: str) -> None:
    """Answer a call that nobody waits for, unless another worker has it."""
    answer_job(UUID(job_id))


@shared_task
def reap_prediction_jobs() -> int:
    """Send the calls that wait, and try the callbacks that are due; returns how many of both."""
    waiting, due = waiting_prediction_jobs(), due_callbacks()
    for job_id in waiting:
        send_prediction_job(job_id)
    for job_id in due:
        call_back.apply_async(args=(str(job_id),), expires=60)
    return len(waiting) + len(due)


@shared_task
def call_back(job_id: str) -> None:
    """Tell a job's callback, unless somebody else is at it."""
    send_callback(UUID(job_id))


@shared_task
def sweep_prediction_jobs() -> int:
    """Delete jobs that were done long ago; returns how many."""
    return delete_old_jobs()


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
