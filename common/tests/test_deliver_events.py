"""It delivers each committed event to its subscribers, and no other."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction

from common import clock, events, tasks
from common.models import EventRecord


@events.event("test.thing_happened")
class ThingHappened(events.Event):
    thing_id: uuid.UUID
    name: str


@pytest.fixture
def heard() -> Iterator[list[ThingHappened]]:
    found: list[ThingHappened] = []

    def listen(event: ThingHappened, *, event_id: uuid.UUID) -> None:
        found.append(event)
        if event.name == "bad":
            raise ValueError("the subscriber's own fault")

    events.on(ThingHappened)(listen)
    yield found
    events._subscribers[ThingHappened.type].remove(listen)


def happen(name: str = "good") -> EventRecord:
    return events.publish(ThingHappened(thing_id=uuid.uuid4(), name=name))


@pytest.mark.django_db
def test_an_event_reaches_its_subscriber_once(heard: list[ThingHappened]) -> None:
    row = happen()
    tasks.dispatch_event(str(row.id))
    tasks.dispatch_event(str(row.id))
    assert [event.name for event in heard] == ["good"]
    assert isinstance(heard[0].thing_id, uuid.UUID)
    row.refresh_from_db()
    assert row.dispatched_at is not None


@pytest.mark.django_db(transaction=True)
def test_an_event_of_a_rolled_back_change_never_was(heard: list[ThingHappened]) -> None:
    def change() -> None:
        with transaction.atomic():
            happen()
            raise RuntimeError("the change fails")

    with pytest.raises(RuntimeError):
        change()
    assert not EventRecord.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_publishing_outside_a_transaction_is_refused() -> None:
    with pytest.raises(RuntimeError, match="outside a transaction"):
        happen()


@pytest.mark.django_db
def test_a_failing_subscriber_is_tried_again(heard: list[ThingHappened]) -> None:
    row = happen("bad")
    tasks.dispatch_event(str(row.id))
    row.refresh_from_db()
    assert (row.attempts, row.dispatched_at) == (1, None)
    for _ in range(tasks.MAX_ATTEMPTS):
        tasks.dispatch_event(str(row.id))
    row.refresh_from_db()
    assert len(heard) == tasks.MAX_ATTEMPTS
    assert row.dispatched_at is not None


@pytest.mark.django_db
def test_the_sweeper_finds_what_a_crash_left(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[Any] = []
    monkeypatch.setattr(tasks, "send_event", sent.append)
    old, fresh = happen(), happen()
    EventRecord.objects.filter(id=old.id).update(created_at=clock.now() - timedelta(minutes=1))
    assert tasks.sweep_events() == 1
    assert sent == [old.id]
    assert fresh.id not in sent
