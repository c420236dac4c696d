"""The registry's Celery tasks. The rows are the truth; a task looks there."""

from __future__ import annotations

import time
from pathlib import Path
from uuid import UUID

import structlog
from celery import shared_task
from django.conf import settings
from kombu.exceptions import OperationalError

from registry import pipeline, services
from registry.leases import claim_job, unfinished_jobs
from registry.models import PipelineJob
from registry.services import retention

logger = structlog.get_logger(__name__)

# A message that waited longer than this is stale: the reaper has sent others since.
MESSAGE_LIFE = 60
# What lies in quarantine without a job after so long was left by a process that died.
ORPHAN_AGE = 3600


def send_job(job_id: UUID) -> None:
    """Tell a worker about a job. A broker that is away is the reaper's to make good."""
    try:
        run_pipeline.apply_async(args=(str(job_id),), expires=MESSAGE_LIFE, retry=False)
    except OperationalError as error:
        logger.warning("job_not_sent", job_id=str(job_id), error=str(error))


@shared_task
def run_pipeline(job_id: str) -> None:
    """Take an uploaded version through the pipeline, unless another worker has it."""
    job = claim_job(UUID(job_id))
    if job is not None:
        pipeline.run_pipeline(job)


@shared_task
def reap_pipelines() -> int:
    """Send the jobs that wait or whose worker died; returns how many."""
    left = unfinished_jobs()
    for job_id in left:
        send_job(job_id)
    return len(left)


@shared_task
def purge_deleted() -> int:
    """Delete the files of versions that were deleted long enough ago; returns of how many."""
    return services.purge_deleted()


@shared_task
def sweep_quarantine() -> int:
    """Delete files that no job knows, left by uploads that were cut off; returns how many."""
    folder = Path(settings.QUARANTINE_ROOT)
    known = set(
        PipelineJob.objects.exclude(state=PipelineJob.State.DONE).values_list(
            "quarantine_path", flat=True
        )
    )
    swept = 0
    for path in folder.iterdir() if folder.is_dir() else ():
        if str(path) not in known and path.stat().st_mtime < time.time() - ORPHAN_AGE:
            path.unlink(missing_ok=True)
            swept += 1
    return swept


@shared_task
def sweep_mlflow() -> int:
    """Delete for good what MLflow's clients deleted long ago; returns how many runs and models."""
    return retention.forget_deleted()
