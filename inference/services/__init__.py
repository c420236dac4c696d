"""Every write that people and programs ask for."""

from __future__ import annotations

from inference.services.feedback import MAX_ITEMS, Told, Truth, give_feedback
from inference.services.pins import pin_version, unpin_version

__all__ = ["MAX_ITEMS", "Told", "Truth", "give_feedback", "pin_version", "unpin_version"]
