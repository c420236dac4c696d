"""What happens to serving."""

from __future__ import annotations

from uuid import UUID

from common.events import Event, event


@event("batch_job.created", subject="batch_job_id")
class BatchJobCreated(Event):
    """A file of rows was taken in, to be answered."""

    batch_job_id: UUID
    model_id: UUID
    version_id: UUID
    name: str
    number: int
    filename: str


@event("batch_job.succeeded", subject="batch_job_id")
class BatchJobSucceeded(Event):
    """Every row has an answer or an error, and the result can be had."""

    batch_job_id: UUID
    model_id: UUID
    version_id: UUID
    name: str
    number: int
    filename: str
    rows: int
    rows_failed: int
    user_id: UUID


@event("batch_job.failed", subject="batch_job_id")
class BatchJobFailed(Event):
    """The file can't be read, or the model can't answer it at all."""

    batch_job_id: UUID
    model_id: UUID
    version_id: UUID
    name: str
    number: int
    filename: str
    code: str
    reason: str
    user_id: UUID


@event("batch_job.cancelled", subject="batch_job_id")
class BatchJobCancelled(Event):
    """Somebody ended the job before it was done."""

    batch_job_id: UUID
    model_id: UUID
    version_id: UUID
    name: str
    number: int
    filename: str


@event("prediction_job.succeeded", subject="prediction_job_id")
class PredictionJobSucceeded(Event):
    """A call that nobody waited for has its answer."""

    prediction_job_id: UUID
    model_id: UUID
    version_id: UUID
    name: str
    number: int
    correlation_id: str


@event("prediction_job.failed", subject="prediction_job_id")
class PredictionJobFailed(Event):
    """A call that nobody waited for got no answer; the job says why."""

    prediction_job_id: UUID
    model_id: UUID
    version_id: UUID
    name: str
    number: int
    correlation_id: str


@event("model_version.pinned", subject="model_id")
class ModelVersionPinned(Event):
    """A version is kept loaded from now on."""

    model_id: UUID
    version_id: UUID
    name: str
    number: int


@event("model_version.unpinned", subject="model_id")
class ModelVersionUnpinned(Event):
    """A version is loaded when it is asked, as any other."""

    model_id: UUID
    version_id: UUID
    name: str
    number: int
