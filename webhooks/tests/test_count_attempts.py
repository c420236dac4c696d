"""It counts what was tried and what waits, for Prometheus."""

from __future__ import annotations

from collections.abc import Callable

from accounts.actors import Actor
from accounts.services import create_team
from common.tests.receiver import Receiver, always
from webhooks import counted
from webhooks.models import Webhook


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
