"""It counts what was tried and what waits, for Prometheus."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from accounts.actors import Actor
from accounts.services import create_team
from common.tests.receiver import Receiver, always
from conftest import FrozenClock
from webhooks import counted
from webhooks.models import Channel, Webhook
from webhooks.services import wake_overdue


def test_what_waits_and_who_rests_is_told(
    actor: Actor,
    make_webhook: Callable[..., Webhook],
    receiver: Receiver,
    deliver: Callable[[], int],
) -> None:
    make_webhook()
    receiver.answer = always(500)
    for number in range(12):
        create_team(actor=actor, name=f"Team {number}")
    deliver()
    assert counted.waiting() == [((), 12)]
    assert counted.resting() == [((), 1)]


def test_how_late_senders_are_is_told(
    actor: Actor,
    make_webhook: Callable[..., Webhook],
    receiver: Receiver,
    dispatch: Callable[[], None],
    deliver: Callable[[], int],
    clock: FrozenClock,
) -> None:
    make_webhook()
    assert counted.overdue() == [((), 0.0)]
    create_team(actor=actor, name="Night watch")
    dispatch()
    wake_overdue()
    clock.advance(timedelta(seconds=90))
    assert counted.overdue() == [((), 90.0)]
    Channel.objects.update(open_until=clock.now + timedelta(minutes=1))
    assert counted.overdue() == [((), 0.0)]  # it rests
    Channel.objects.update(open_until=None)
    assert deliver() == 1
    assert counted.overdue() == [((), 0.0)]
