"""Taking in files of rows, ending jobs, and clearing away what they leave."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final
from uuid import UUID

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction

from accounts.actors import Actor
from common import clock
from common.context import request_id
from common.events import publish
from common.leases import claimable
from common.storage import Received, list_folders
from inference.bulk.sending import send
from inference.bulk.work import FOLDER, INPUT, RESULT, facts_of, folder_of
from inference.errors import BadBatch, BatchDenied, BatchOver, IdempotencyConflict, TooManyBatches
from inference.events import BatchJobCancelled, BatchJobCreated
from inference.models import (
    UNFINISHED,
    BatchJob,
    BatchStatus,
    BatchStep,
    FileFormat,
    Keep,
    StepKind,
)
from registry.permissions import can_edit_model
from registry.selectors import resolve_for_use

logger = structlog.get_logger(__name__)

MOST_UNFINISHED: Final = 20
"""Jobs of one person that may be under way: each is a file on the disk."""
ABANDONED: Final = timedelta(hours=1)
"""After so long nobody writes into the folder of a job that was ended any more."""
EXTENSIONS: Final = {
    ".csv": FileFormat.CSV, ".jsonl": FileFormat.JSONL, ".ndjson": FileFormat.JSONL,
    ".parquet": FileFormat.PARQUET, ".pq": FileFormat.PARQUET,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchFile:
    """What comes with a file. Without `format` its name says what it is."""

    filename: str
    format: str = ""
    keep: str = Keep.OTHERS
    probabilities: bool = True
    idempotency_key: str = ""


def submit_batch(ref: str, received: Received, asked: BatchFile, *, actor: Actor) -> BatchJob:
    """Take a quarantined file in, to be answered by what the reference names now.

    When this commits, the job is the workers' and is never lost. The same idempotency key with the
    same file and model gives the job that is there already; nothing is done twice, and the file
    stays where it is. Raises the registry's NotFound, Denied and Conflict errors, BadBatch,
    TooManyBatches, IdempotencyConflict.
    """
    format_ = asked.format or _format_of(asked.filename)
    if received.size == 0:
        raise BadBatch("The file is empty.", code="empty_file")
    job = BatchJob(
        user_id=actor.id,
        asked_for=ref,
        key_id=actor.key_id,
        format=format_,
        keep=asked.keep,
        probabilities=asked.probabilities,
        filename=asked.filename[-255:],
        input_sha256=received.sha256,
        input_bytes=received.size,
        request_id=request_id(),
        idempotency_key=asked.idempotency_key,
    )
    before = _same(job, actor)
    if before is not None:
        return before
    job.version = resolve_for_use(actor, ref)
    job.organization_id = job.version.model.organization_id
    if BatchJob.objects.filter(user_id=actor.id, status__in=UNFINISHED).count() >= MOST_UNFINISHED:
        raise TooManyBatches(
            f"You have {MOST_UNFINISHED} batch jobs under way. Wait for one, or cancel one."
        )
    folder = folder_of(job.id)
    try:
        with transaction.atomic():
            job.save(force_insert=True)
            BatchStep.objects.create(job=job, kind=StepKind.PLAN)
            publish(
                BatchJobCreated(**facts_of(job)),
                actor_id=actor.id,
                organization_id=job.organization_id,
            )
            # Before the commit: a job whose file is lost is worse than a file without a job.
            folder.adopt(received, INPUT)
            transaction.on_commit(partial(send, job.id), robust=True)
    except IntegrityError:
        folder.delete()
        before = _same(job, actor)  # somebody sent the same in this very moment
        if before is None:
            raise
        return before
    except BaseException:
        folder.delete()
        raise
    return job


def knows_batch(idempotency_key: str, *, actor: Actor) -> bool:
    """Whether the actor sent a file with this key before."""
    jobs = BatchJob.objects.filter(user_id=actor.id, idempotency_key=idempotency_key)
    return jobs.exists()


def cancel_batch(job: BatchJob, *, actor: Actor) -> BatchJob:
    """End a job before it is done; what is answered already stays in the log. Twice is once.

    Raises BatchDenied for who neither began it nor may edit the model, BatchOver where it is done.
    """
    if job.user_id != actor.id and not can_edit_model(actor, job.version.model):
        raise BatchDenied("Only who began a batch job, or may edit its model, may cancel it.")
    with transaction.atomic():
        held = BatchJob.objects.select_for_update().get(id=job.id)
        if held.status == BatchStatus.CANCELLED:
            return job
        if held.is_over:
            raise BatchOver(f"The batch job has {held.status} already.")
        job.status, job.finished_at = BatchStatus.CANCELLED, clock.now()
        job.touch("status", "finished_at")
        publish(
            BatchJobCancelled(**facts_of(job)),
            actor_id=actor.id,
            organization_id=job.organization_id,
        )
    return job


def unattended_batches() -> list[UUID]:
    """Unfinished jobs with steps to take that nobody is working on, oldest first."""
    held = BatchStep.objects.filter(state=BatchStep.State.RUNNING, lease_until__gte=clock.now())
    steps = BatchStep.objects.filter(claimable(), job__status__in=UNFINISHED)
    waiting = steps.exclude(job_id__in=held.values("job_id")).order_by("job_id")
    return list(waiting.values_list("job_id", flat=True).distinct()[:100])


def delete_old_files() -> int:
    """Delete the files of jobs beyond BATCH_RETENTION_DAYS, and of those that were ended early."""
    now = clock.now()
    over = BatchJob.objects.filter(files_deleted_at=None, finished_at__lt=now - ABANDONED)
    kept_from = now - timedelta(days=settings.BATCH_RETENTION_DAYS)
    gone = over.exclude(status=BatchStatus.SUCCEEDED, finished_at__gte=kept_from)
    ids = list(gone.values_list("id", flat=True)[:1000])
    for id_ in ids:
        folder_of(id_).delete()
    BatchStep.objects.filter(job_id__in=ids).delete()
    BatchJob.objects.filter(id__in=ids).update(files_deleted_at=now)
    _delete_parts(now - ABANDONED)
    return len(ids) + _delete_orphans()


def _delete_parts(before: datetime) -> None:
    """Delete the parts of results, where whoever joined them was killed before doing so."""
    joined = BatchStep.objects.filter(
        job__status=BatchStatus.SUCCEEDED, job__files_deleted_at=None, job__finished_at__lt=before
    )
    for id_ in list(joined.values_list("job_id", flat=True).distinct()[:1000]):
        with contextlib.suppress(FileNotFoundError):
            folder_of(id_).keep(INPUT, RESULT)
        BatchStep.objects.filter(job_id=id_).delete()


def _delete_orphans() -> int:
    """Delete the files of jobs that went with their person or organization."""
    found = {id_: path for id_, path in list_folders(FOLDER) if _is_old(path)}
    known = set(BatchJob.objects.filter(id__in=found).values_list("id", flat=True))
    for id_ in found.keys() - known:
        folder_of(id_).delete()
    return len(found.keys() - known)


def _is_old(path: Path) -> bool:
    try:
        return path.stat().st_mtime < time.time() - ABANDONED.total_seconds()
    except FileNotFoundError:  # its job's end was faster
        return False


def _same(job: BatchJob, actor: Actor) -> BatchJob | None:
    """The job that this one repeats. Raises IdempotencyConflict where it is another, or one that
    the actor may not see: a key is not shown what its holder did in person.
    """
    if not job.idempotency_key:
        return None
    before = (
        BatchJob.objects.with_models()
        .filter(user_id=job.user_id, idempotency_key=job.idempotency_key)
        .first()
    )
    if before is None:
        return None
    # As it was asked for: what the reference leads to may have changed since.
    what = ("asked_for", "input_sha256", "format", "keep", "probabilities")
    seen = BatchJob.objects.visible_to(actor).filter(id=before.id).exists()
    if not seen or any(getattr(before, name) != getattr(job, name) for name in what):
        raise IdempotencyConflict("This Idempotency-Key came with another file or model before.")
    return before


def _format_of(filename: str) -> str:
    name = filename.lower()
    found = next((kind for end, kind in EXTENSIONS.items() if name.endswith(end)), None)
    if found is None:
        raise BadBatch(
            f"Name the file's `format`, or let its name end with {', '.join(EXTENSIONS)}.",
            code="unknown_format",
        )
    return found
