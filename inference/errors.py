"""What a prediction can fail with, each with a stable code."""

from __future__ import annotations

from common.errors import Conflict, Denied, Invalid, NotFound, Unavailable


class ModelUnavailable(Unavailable):
    """The model can't be loaded or its process died; worth trying again."""

    default_code = "model_unavailable"


class ModelDied(ModelUnavailable):
    """Its process died of a call, and the next one of the same call: the rows may be at fault."""


class PredictionFailed(Invalid):
    """The model itself refused the rows."""

    default_code = "prediction_failed"


class PredictionNotFound(NotFound):
    default_code = "prediction_not_found"


class FiguresDenied(Denied):
    """Whom a model is shared with may call it, and sees figures of their own calls alone."""

    default_code = "analytics_denied"


class FeedbackDenied(Denied):
    """Who only looks at a model does not say what was true."""

    default_code = "feedback_denied"


class BadFeedback(Invalid):
    default_code = "bad_feedback"


class PinDenied(Denied):
    """What stays loaded takes memory from all others: that is for who may edit the model."""

    default_code = "pin_denied"


class TooManyPins(Conflict):
    default_code = "too_many_pins"


class BadBatch(Invalid):
    default_code = "bad_batch"


class BatchNotFound(NotFound):
    default_code = "batch_job_not_found"


class BatchDenied(Denied):
    """Others' jobs are ended by who may edit the model."""

    default_code = "batch_denied"


class BatchOver(Conflict):
    """What is done can't be cancelled; what is not done has no result."""

    default_code = "batch_over"


class BatchNotDone(Conflict):
    default_code = "batch_not_done"


class ResultGone(Conflict):
    """The files of a job are kept for a time."""

    default_code = "result_gone"


class TooManyBatches(Conflict):
    default_code = "too_many_batches"


class TooManyPredictionJobs(Conflict):
    default_code = "too_many_prediction_jobs"


class PredictionJobNotFound(NotFound):
    default_code = "prediction_job_not_found"


class IdempotencyConflict(Conflict):
    default_code = "idempotency_conflict"


def busy() -> ModelUnavailable:
    """Others are being answered, and the wait would be too long."""
    return ModelUnavailable("The model is busy with other calls.", code="model_busy", retry_after=1)
