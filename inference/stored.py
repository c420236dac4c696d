"""Telling the apps above which predictions a batch has added, within its transaction.

    @on_stored
    def look(organization_ids: set[UUID], predictions: Iterable[StoredPrediction]) -> None: ...

There is no event per prediction. A listener is called once a batch, before the commit: what it
writes exists exactly when the predictions do. It first looks at the organizations; `predictions`
are only made when they are iterated over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class StoredPrediction:
    """A prediction that was stored just now, without its inputs and outputs."""

    id: UUID
    organization_id: UUID
    model_id: UUID
    version_id: UUID
    created_at: datetime
    status: int
    code: str
    rows: int
    inference_us: int
    correlation_id: str


Listener = Callable[[set[UUID], Iterable[StoredPrediction]], None]
_listeners: list[Listener] = []


def on_stored(listener: Listener) -> Listener:
    """Subscribe to what batches add. Subscribers live in `<app>/subscribers.py`."""
    _listeners.append(listener)
    return listener


def say_stored(organization_ids: set[UUID], predictions: Iterable[StoredPrediction]) -> None:
    """Call every listener. An error of theirs undoes the batch, which comes again."""
    for listener in _listeners:
        listener(organization_ids, predictions)
