"""Predictions as kept, their sums, and what turned out to be true."""

from __future__ import annotations

from inference.models.feedback import Feedback, QualityRollUp
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
    "Prediction",
    "PredictionQuerySet",
    "QualityRollUp",
    "RollUp",
    "UserRollUp",
]
