"""Predictions in batches: gathered as the journal's batches are stored, sent now and then.

A webhook gets one message of a type in `batch_s` seconds at most, whatever the traffic: what comes
meanwhile is counted in full, and shown up to MOST_ITEMS of those that the sample chose.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
from django.db import connection, transaction
from django.db.models import DurationField, F, Q, Value
from psycopg.types.json import Jsonb

from common import clock
from common.ids import uuid7
from inference.stored import StoredPrediction
from webhooks.catalogue import (
    ALL,
    COMPLETED,
    FAILED,
    PREDICTIONS,
    CompletedPredictions,
    FailedPredictions,
    PredictionItem,
)
from webhooks.messages import body_of
from webhooks.models import Message, PredictionTray, Status, Webhook
from webhooks.services.fan_out import address_message

MOST_ITEMS: Final = 50
SECOND: Final = Value(timedelta(seconds=1), DurationField())
MOST_TRAYS: Final = 200  # sent in one transaction
BODIES: Final = {COMPLETED: CompletedPredictions, FAILED: FailedPredictions}

ADD: Final = """
INSERT INTO webhooks_predictiontray AS t (webhook_id, type, since, first_at, count, chosen, items)
VALUES (%s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (webhook_id, type) DO UPDATE SET count = t.count + excluded.count,
    chosen = t.chosen + excluded.chosen, since = least(t.since, excluded.since),
    first_at = least(t.first_at, excluded.first_at),
    items = CASE WHEN jsonb_array_length(t.items) < %s
        THEN jsonb_path_query_array(t.items || excluded.items, %s) ELSE t.items END
"""
FIRST: Final = f"$[0 to {MOST_ITEMS - 1}]"


@dataclass(slots=True)
class _Gathered:
    """What one batch of the journal adds to a tray."""

    first_at: datetime
    count: int = 0
    chosen: int = 0
    items: list[dict[str, Any]] = field(default_factory=list)

    def add(self, prediction: StoredPrediction, percent: int) -> None:
        self.count += 1
        self.first_at = min(self.first_at, prediction.created_at)
        # By the id's random end: a batch that is stored again chooses the same.
        if prediction.id.int % 100 >= percent:
            return
        self.chosen += 1
        if len(self.items) < MOST_ITEMS:
            self.items.append(msgspec.to_builtins(_item(prediction)))


def gather_predictions(
    organization_ids: set[UUID], predictions: Iterable[StoredPrediction]
) -> None:
    """Put new predictions on the trays of those who want them, within the caller's transaction.

    One query where nobody does; `predictions` are not looked at then.
    """
    wanted = Q(events__overlap=[*PREDICTIONS, ALL], status=Status.ACTIVE, deleted_at=None)
    webhooks = list(Webhook.objects.filter(wanted, organization_id__in=organization_ids))
    if not webhooks:
        return
    gathered: dict[tuple[UUID, str], _Gathered] = {}
    for prediction in predictions:
        type_ = FAILED if prediction.status >= 400 else COMPLETED
        for webhook in webhooks:
            if _wants(webhook, prediction, type_):
                tray = gathered.setdefault((webhook.id, type_), _Gathered(prediction.created_at))
                tray.add(prediction, webhook.sample_percent)
    now = clock.now()
    with connection.cursor() as cursor:
        # In the order of their keys, so that two workers wait for each other and never for ever.
        for key, tray in sorted(gathered.items()):
            items: Any = Jsonb(tray.items)
            counts = (tray.first_at, tray.count, tray.chosen)
            cursor.execute(ADD, [*key, now, *counts, items, MOST_ITEMS, FIRST])


def send_prediction_batches() -> int:
    """Make messages of the trays that are due; returns how many."""
    sent = 0
    while (count := _send_some()) > 0:
        sent += count
    return sent


@transaction.atomic
def _send_some() -> int:
    trays = list(
        PredictionTray.objects.select_for_update(skip_locked=True, of=("self",))
        .select_related("webhook")
        .filter(since__lte=Value(clock.now()) - SECOND * F("webhook__batch_s"))
        .order_by("webhook_id", "type")[:MOST_TRAYS]
    )
    for tray in trays:
        if tray.webhook.status == Status.ACTIVE and tray.webhook.deleted_at is None:
            _send(tray)
    PredictionTray.objects.filter(id__in=[tray.id for tray in trays]).delete()
    return len(trays)


def _send(tray: PredictionTray) -> None:
    now = clock.now()
    batch = BODIES[tray.type](
        since=tray.first_at or tray.since,
        until=now,
        count=tray.count,
        sampled=tray.chosen,
        predictions=msgspec.convert(tray.items, list[PredictionItem]),
    )
    id_ = uuid7()
    message = Message.objects.create(
        id=id_,
        organization_id=tray.webhook.organization_id,
        type=tray.type,
        body=body_of(tray.type, now, msgspec.to_builtins(batch)),
    )
    address_message(message, [tray.webhook])


def _wants(webhook: Webhook, prediction: StoredPrediction, type_: str) -> bool:
    return (
        webhook.organization_id == prediction.organization_id
        and (webhook.model_id is None or webhook.model_id == prediction.model_id)
        and (type_ in webhook.events or ALL in webhook.events)
    )


def _item(prediction: StoredPrediction) -> PredictionItem:
    return PredictionItem(
        id=prediction.id,
        model_id=prediction.model_id,
        version_id=prediction.version_id,
        created_at=prediction.created_at,
        status=prediction.status,
        code=prediction.code,
        rows=prediction.rows,
        inference_ms=prediction.inference_us / 1000,
        correlation_id=prediction.correlation_id,
    )
