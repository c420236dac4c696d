"""Webhooks to receivers on this machine, sent by a real sender."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from accounts.actors import Actor, actor_for_user
from accounts.models import User
from common.models import EventRecord
from common.outbound import parse_policy
from common.tasks import dispatch_event
from common.tests.receiver import Receiver, receiving
from webhooks import services
from webhooks.models import Webhook
from webhooks.sender import Sender
from webhooks.services import create_webhook

MakeWebhook = Callable[..., Webhook]


@pytest.fixture(autouse=True)
def loopback(settings: Settings) -> None:
    """The operator has opened this machine."""
    settings.WEBHOOK_ALLOW = parse_policy(["external", "loopback"])


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as started:
        yield started


@pytest.fixture
def actor(alice: User) -> Actor:
    return actor_for_user(alice, via="jwt")


@pytest.fixture
def make_webhook(actor: Actor, receiver: Receiver) -> MakeWebhook:
    """`make_webhook(max_attempts=1)`: alice's, to the receiver, of everything."""

    def make(**fields: Any) -> Webhook:
        given = {"url": receiver.url, "events": ["team.created"], "retry_delays_s": [1], **fields}
        return create_webhook(actor=actor, **given).row

    return make


@pytest.fixture
def dispatch(
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> Callable[[], None]:
    """Hand what was published to its subscribers, as a worker does."""

    def dispatch() -> None:
        waiting = EventRecord.objects.filter(dispatched_at=None).order_by("id")
        with django_capture_on_commit_callbacks(execute=True):
            for id_ in list(waiting.values_list("id", flat=True)):
                dispatch_event(str(id_))

    return dispatch


@pytest.fixture
def deliver(dispatch: Callable[[], None]) -> Callable[[], int]:
    """Dispatch what was published, and send what is due; how many attempts were made."""

    def deliver() -> int:
        dispatch()
        # A test's requests never commit, so that nobody says what they made due.
        services.wake_overdue()
        return Sender(linger_s=0).send()

    return deliver
