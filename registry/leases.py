"""Which pipeline jobs there are to do, and taking one."""

from __future__ import annotations

from uuid import UUID

from common.leases import claim, claimable
from registry.models import PipelineJob


def claim_job(job_id: UUID) -> PipelineJob | None:
    """Take the job if it waits or its holder's lease ran out; None where there is nothing to do."""
    jobs = PipelineJob.objects.select_related("version__model__organization")
    return claim(jobs.filter(id=job_id))


def unfinished_jobs() -> list[UUID]:
    """The jobs that wait or were left by a holder that is gone, oldest first."""
    jobs = PipelineJob.objects.filter(claimable()).order_by("created_at")
    return list(jobs.values_list("id", flat=True)[:500])
