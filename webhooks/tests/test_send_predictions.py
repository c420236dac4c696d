"""It tells of predictions in batches: counted in full, shown in part, once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django.db import transaction

from accounts.actors import Actor
from common.ids import uuid7
from common.tests.receiver import Receiver
from conftest import FrozenClock
from inference.stored import StoredPrediction, say_stored
from webhooks import services
from webhooks.models import PredictionTray, Webhook
from webhooks.services.predictions import MOST_ITEMS

MakeWebhook = Callable[..., Webhook]
Deliver = Callable[[], int]


def predictions(
    actor: Actor, clock: FrozenClock, count: int, *, status: int = 200, model: UUID | None = None
) -> list[StoredPrediction]:
    return [
        StoredPrediction(
            id=uuid7(),
            organization_id=actor.organization.id,
            model_id=model or UUID(int=1),
            version_id=UUID(int=2),
            created_at=clock.now,
            status=status,
            code="" if status == 200 else "invalid_input",
            rows=1,
            inference_us=1500,
            correlation_id="",
        )
        for _ in range(count)
    ]


def store(actor: Actor, stored: Iterable[StoredPrediction]) -> None:
    say_stored({actor.organization.id}, stored)


def bodies(receiver: Receiver) -> dict[str, Any]:
    found = [json.loads(one.body) for one in receiver.received]
    return {body["type"]: body["data"] for body in found}


def test_one_message_tells_of_many(
    actor: Actor,
    make_webhook: MakeWebhook,
    receiver: Receiver,
    deliver: Deliver,
    clock: FrozenClock,
) -> None:
    make_webhook(events=["predictions.completed", "predictions.failed"], batch_s=10)
    asked = predictions(actor, clock, 60)
    clock.advance(timedelta(seconds=3))  # until the journal's batch is stored
    store(actor, asked)
    store(actor, predictions(actor, clock, 60))
    store(actor, predictions(actor, clock, 3, status=400))
    assert services.send_prediction_batches() == 0
    clock.advance(timedelta(seconds=10))
    assert services.send_prediction_batches() == 2
    deliver()
    found = bodies(receiver)
    completed, failed = found["predictions.completed"], found["predictions.failed"]
    assert (completed["count"], completed["sampled"]) == (120, 120)
    assert datetime.fromisoformat(completed["since"]) == asked[0].created_at
    assert len(completed["predictions"]) == MOST_ITEMS
    assert [one["code"] for one in failed["predictions"]] == ["invalid_input"] * 3
    assert failed["predictions"][0]["inference_ms"] == 1.5
    assert max(len(one.body) for one in receiver.received) < 20_000
    assert not PredictionTray.objects.exists()


def test_the_sample_is_the_same_whenever_it_is_drawn(
    actor: Actor, make_webhook: MakeWebhook, clock: FrozenClock
) -> None:
    webhook = make_webhook(events=["predictions.completed"], sample_percent=10)
    stored = predictions(actor, clock, 500)
    store(actor, stored)
    tray = PredictionTray.objects.get(webhook=webhook)
    expected = [one.id for one in stored if one.id.int % 100 < 10]
    assert (tray.count, tray.chosen) == (500, len(expected))
    assert [item["id"] for item in tray.items] == [str(id_) for id_ in expected[:MOST_ITEMS]]


def test_only_who_wants_them_gets_them(
    actor: Actor, make_webhook: MakeWebhook, clock: FrozenClock
) -> None:
    make_webhook(events=["team.created"])
    failed = make_webhook(events=["predictions.failed"])
    everything = make_webhook(events=["*"])
    store(actor, predictions(actor, clock, 2))
    assert set(PredictionTray.objects.values_list("webhook_id", flat=True)) == {everything.id}
    store(actor, predictions(actor, clock, 2, status=500))
    assert failed.id in set(PredictionTray.objects.values_list("webhook_id", flat=True))


def test_where_nobody_listens_predictions_are_not_even_looked_at(
    actor: Actor,
    clock: FrozenClock,
    django_assert_max_num_queries: Callable[[int], Any],
) -> None:
    class Untouchable:
        def __iter__(self) -> Any:
            raise AssertionError("somebody looked")

    with django_assert_max_num_queries(1):
        say_stored({uuid4()}, Untouchable())


def test_a_webhook_of_another_organization_hears_nothing(
    actor: Actor, make_webhook: MakeWebhook, clock: FrozenClock
) -> None:
    make_webhook(events=["*"])
    stranger = uuid4()
    [one] = predictions(actor, clock, 1)
    say_stored({stranger}, [one])
    assert not PredictionTray.objects.exists()


def test_a_batch_that_is_undone_told_nobody(
    actor: Actor, make_webhook: MakeWebhook, clock: FrozenClock
) -> None:
    make_webhook(events=["*"])
    with transaction.atomic():
        store(actor, predictions(actor, clock, 1))
        assert PredictionTray.objects.exists()
        transaction.set_rollback(True)
    assert not PredictionTray.objects.exists()
