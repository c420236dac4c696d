"""What webhooks do when something has happened: they make deliveries of it."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from common.events import on_every
from common.models import EventRecord
from inference.stored import StoredPrediction, on_stored
from webhooks import services


@on_every
def tell_webhooks(row: EventRecord) -> None:
    """Every event that leaves the house, to whoever wants it."""
    services.fan_out(row)


@on_stored
def gather(organization_ids: set[UUID], predictions: Iterable[StoredPrediction]) -> None:
    """Predictions, for the next batch of whoever wants them."""
    services.gather_predictions(organization_ids, predictions)
