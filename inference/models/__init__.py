"""Predictions as kept, their sums, what turned out to be true, what stays loaded, files of rows."""

from __future__ import annotations

from inference.models.batches import (
    UNFINISHED,
    BatchJob,
    BatchJobQuerySet,
    BatchStatus,
    BatchStep,
    FileFormat,
    Keep,
    StepKind,
)
from inference.models.feedback import Feedback, QualityRollUp
from inference.models.jobs import PredictionJob, PredictionJobQuerySet
from inference.models.pins import Pin
from inference.models.predictions import (
    DayRollUp,
    DoorName,
    Figures,
    JournalBatch,
    Prediction,
    PredictionQuerySet,
    RollUp,
    UserRollUp,
)

__all__ = [
    "UNFINISHED",
    "BatchJob",
    "BatchJobQuerySet",
    "BatchStatus",
    "BatchStep",
    "DayRollUp",
    "DoorName",
    "Feedback",
    "Figures",
    "FileFormat",
    "JournalBatch",
    "Keep",
    "Pin",
    "Prediction",
    "PredictionJob",
    "PredictionJobQuerySet",
    "PredictionQuerySet",
    "QualityRollUp",
    "RollUp",
    "StepKind",
    "UserRollUp",
]
