"""Predictions as kept, their sums, what turned out to be true, and what stays loaded."""

from __future__ import annotations

from inference.models.feedback import Feedback, QualityRollUp
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
    "DayRollUp",
    "DoorName",
    "Feedback",
    "Figures",
    "JournalBatch",
    "Pin",
    "Prediction",
    "PredictionQuerySet",
    "QualityRollUp",
    "RollUp",
    "UserRollUp",
]
