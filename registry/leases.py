"""Holding a pipeline job: claimed in the database, renewed while one works, fenced when writing.

A queue message may come twice or never, and a worker may be killed at any moment or merely be
slow. So the row decides: who claimed it holds it until the lease runs out, and every write checks
that the fencing token is still the holder's own.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Self
from uuid import UUID

import structlog
from django.db import DatabaseError, connection, transaction
from django.db.models import F, Q

from common import clock
from common.ids import uuid7
from registry.models import PipelineJob

logger = structlog.get_logger(__name__)

LEASE = timedelta(seconds=15)
RENEW_EVERY = 4.0  # seconds


class LeaseLost(Exception):
    """Somebody else holds the job now; whoever sees this stops without a word."""


def claim_job(job_id: UUID) -> PipelineJob | None:
    """Take the job if it waits or its holder's lease ran out; None where there is nothing to do."""
    now = clock.now()
    claimable = Q(state=PipelineJob.State.QUEUED, not_before__lte=now) | Q(
        state=PipelineJob.State.RUNNING, lease_until__lt=now
    )
    token = uuid7()
    taken = PipelineJob.objects.filter(claimable, id=job_id).update(
        state=PipelineJob.State.RUNNING,
        token=token,
        lease_until=now + LEASE,
        attempts=F("attempts") + 1,
    )
    if not taken:
        return None
    return (
        PipelineJob.objects.select_related("version__model__organization")
        .filter(id=job_id, token=token)
        .first()
    )


def unfinished_jobs() -> list[UUID]:
    """The jobs that wait or were left by a holder that is gone, oldest first."""
    now = clock.now()
    return list(
        PipelineJob.objects.filter(
            Q(state=PipelineJob.State.QUEUED, not_before__lte=now)
            | Q(state=PipelineJob.State.RUNNING, lease_until__lt=now)
        )
        .order_by("created_at")
        .values_list("id", flat=True)[:500]
    )


class Lease:
    """Keeps a claimed job claimed while the block runs, from a thread of its own."""

    def __init__(self, job: PipelineJob) -> None:
        self._job_id = job.id
        self._token = job.token
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="lease", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    @contextlib.contextmanager
    def write(self) -> Iterator[PipelineJob]:
        """A transaction that commits only while the job is ours; LeaseLost otherwise."""
        with transaction.atomic():
            job = (
                PipelineJob.objects.select_for_update()
                .filter(id=self._job_id, token=self._token)
                .first()
            )
            if job is None:
                raise LeaseLost
            yield job

    def _renew(self) -> None:
        try:
            while not self._over.wait(RENEW_EVERY):
                try:
                    PipelineJob.objects.filter(
                        id=self._job_id, token=self._token, state=PipelineJob.State.RUNNING
                    ).update(lease_until=clock.now() + LEASE)
                except DatabaseError as error:
                    # The next renewal may do; if none does, the lease runs out and others go on.
                    logger.warning("lease_not_renewed", job_id=str(self._job_id), error=str(error))
                    connection.close()
        finally:
            connection.close()
