"""Every write that people and programs ask for."""

from __future__ import annotations

from inference.services.batches import BatchFile, cancel_batch, knows_batch, submit_batch
from inference.services.feedback import MAX_ITEMS, Told, Truth, give_feedback
from inference.services.pins import pin_version, unpin_version
from inference.services.prediction_jobs import submit_prediction

__all__ = [
    "MAX_ITEMS",
    "BatchFile",
    "Told",
    "Truth",
    "cancel_batch",
    "give_feedback",
    "knows_batch",
    "pin_version",
    "submit_batch",
    "submit_prediction",
    "unpin_version",
]
