"""It tells receivers what happened: signed, with patience, and each message under one id."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from standardwebhooks import Webhook as Verifier

from accounts.actors import Actor
from accounts.services import create_team
from common import clock
from common.context import request_context
from common.tests.receiver import Received, Receiver, always
from conftest import FrozenClock
from webhooks import services
from webhooks.models import Attempt, Channel, Delivery, Message, Webhook

MakeWebhook = Callable[..., Webhook]
Deliver = Callable[[], int]
Dispatch = Callable[[], None]


def verified(secret: str, received: Received) -> dict[str, Any]:
    """The body, if the reference library takes the signature."""
    found: dict[str, Any] = Verifier(secret).verify(received.body, received.headers)
    return found


def test_an_event_arrives_signed(
    actor: Actor, receiver: Receiver, deliver: Deliver, caplog: pytest.LogCaptureFixture
) -> None:
    made = services.create_webhook(actor=actor, url=receiver.url, events=["team.created"])
    with request_context("request-0001"):
        team = create_team(actor=actor, name="Night watch")
    with caplog.at_level(logging.INFO, "webhooks"):
        assert deliver() == 1
    [received] = receiver.received
    body = verified(made.secret, received)
    assert body["type"] == "team.created"
    assert body["data"]["team_id"] == str(team.id)
    assert received.headers["webhook-id"] == str(Message.objects.get().id)
    assert received.headers["x-request-id"] == "request-0001"
    assert received.headers["user-agent"].startswith("Slipway/")
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.attempts, delivery.status) == ("delivered", 1, 200)
    assert Channel.objects.get().last_triggered_at is not None
    [line] = [one for one in caplog.records if "webhook_attempted" in one.getMessage()]
    assert str(made.row.id) in line.getMessage()
    assert "request-0001" in str(line.__dict__)


def test_dispatching_twice_is_one_message(
    actor: Actor, make_webhook: MakeWebhook, receiver: Receiver, deliver: Deliver
) -> None:
    from common.models import EventRecord

    make_webhook()
    create_team(actor=actor, name="Night watch")
    deliver()
    EventRecord.objects.update(dispatched_at=None)
    deliver()
    assert len(receiver.received) == 1


def test_other_types_other_organizations_and_paused_webhooks_hear_nothing(
    actor: Actor,
    make_user: Callable[..., Any],
    make_webhook: MakeWebhook,
    receiver: Receiver,
    deliver: Deliver,
) -> None:
    from accounts.actors import actor_for_user

    make_webhook(events=["model.updated"])
    paused = make_webhook()
    services.update_webhook(paused, {"active": False}, actor=actor)
    stranger = actor_for_user(make_user("dora@example.org"), via="jwt")
    services.create_webhook(actor=stranger, url=receiver.url, events=["*"])
    create_team(actor=actor, name="Night watch")
    deliver()
    assert receiver.received == []


def test_a_failure_is_tried_again_with_the_same_id_and_counted(
    actor: Actor,
    make_webhook: MakeWebhook,
    receiver: Receiver,
    deliver: Deliver,
    clock: FrozenClock,
) -> None:
    make_webhook(retry_delays_s=[10, 20])
    receiver.answer = always(500)
    create_team(actor=actor, name="Night watch")
    assert deliver() == 1
    delivery = Delivery.objects.get()
    assert delivery.state == "waiting"
    assert delivery.error == "The receiver answered 500."
    assert timedelta(seconds=8) <= delivery.due_at - clock.now <= timedelta(seconds=12)
    assert deliver() == 0
    clock.advance(timedelta(seconds=13))
    receiver.answer = always(200)
    assert deliver() == 1
    first, second = receiver.received
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body
    assert second.headers["webhook-timestamp"] == str(int(clock.now.timestamp()))
    assert second.headers["x-slipway-delivery-attempt"] == "2"
    assert list(Attempt.objects.values_list("number", "status")) == [(1, 500), (2, 200)]


def test_it_gives_up_after_the_last_attempt(
    actor: Actor,
    make_webhook: MakeWebhook,
    receiver: Receiver,
    deliver: Deliver,
    clock: FrozenClock,
) -> None:
    make_webhook(max_attempts=3)
    receiver.answer = always(302, Location="http://127.0.0.1:1/")
    create_team(actor=actor, name="Night watch")
    for _ in range(5):
        deliver()
        clock.advance(timedelta(minutes=2))
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.attempts) == ("failed", 3)
    assert "Redirects are not followed" in delivery.error
    assert len(receiver.received) == 3


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_holds_the_whole_receiver_back(
    actor: Actor,
    make_webhook: MakeWebhook,
    receiver: Receiver,
    deliver: Deliver,
    clock: FrozenClock,
    status: int,
) -> None:
    make_webhook(retry_delays_s=[1], concurrency=1)
    receiver.answer = always(status, Retry_After="120")
    create_team(actor=actor, name="One")
    deliver()
    create_team(actor=actor, name="Two")
    clock.advance(timedelta(seconds=100))
    assert deliver() == 0
    clock.advance(timedelta(seconds=25))
    receiver.answer = always(200)
    assert deliver() == 2


def test_a_server_error_with_retry_after_is_not_tried_earlier(
    actor: Actor,
    make_webhook: MakeWebhook,
    receiver: Receiver,
    deliver: Deliver,
    clock: FrozenClock,
) -> None:
    make_webhook(retry_delays_s=[1])
    receiver.answer = always(500, Retry_After="120")
    create_team(actor=actor, name="One")
    deliver()
    assert Delivery.objects.get().due_at == clock.now + timedelta(seconds=120)


def test_gone_turns_the_webhook_off_and_tells_its_maker(
    actor: Actor, make_webhook: MakeWebhook, receiver: Receiver, deliver: Deliver
) -> None:
    webhook = make_webhook()
    receiver.answer = always(410)
    create_team(actor=actor, name="Night watch")
    deliver()
    webhook.refresh_from_db()
    assert webhook.status == "disabled"
    assert "410" in webhook.disabled_reason
    assert Delivery.objects.get().state == "failed"
    deliver()
    from accounts.models import Notification

    note = Notification.objects.get(user=actor.user, type="webhook.disabled")
    assert "127.0.0.1" in note.text


def test_ten_failures_in_a_row_let_the_receiver_rest(
    actor: Actor,
    make_webhook: MakeWebhook,
    receiver: Receiver,
    deliver: Deliver,
    clock: FrozenClock,
) -> None:
    webhook = make_webhook()
    receiver.answer = always(500)
    for number in range(15):
        create_team(actor=actor, name=f"Team {number}")
    deliver()
    assert len(receiver.received) == 10
    assert Webhook.objects.get().channel.health == "resting"
    clock.advance(timedelta(seconds=30))
    assert deliver() == 0
    clock.advance(timedelta(seconds=31))
    # One goes out on trial; it fails, and the receiver rests for another minute.
    assert deliver() == 1
    clock.advance(timedelta(seconds=61))
    receiver.answer = always(200)
    assert deliver() == 15
    assert Webhook.objects.get().channel.health == "ok"
    assert set(Delivery.objects.values_list("state", flat=True)) == {"delivered"}
    assert webhook.channel.last_error == ""


def test_days_of_failures_turn_it_off(
    actor: Actor,
    make_webhook: MakeWebhook,
    receiver: Receiver,
    deliver: Deliver,
    clock: FrozenClock,
) -> None:
    webhook = make_webhook()
    receiver.answer = always(500)
    create_team(actor=actor, name="Night watch")
    deliver()
    clock.advance(timedelta(days=4, hours=23))
    deliver()
    assert services.disable_failing() == 0
    clock.advance(timedelta(hours=2))
    assert services.disable_failing() == 0  # nothing was tried since
    deliver()
    assert services.disable_failing() == 1
    webhook.refresh_from_db()
    assert webhook.status == "disabled"
    assert Delivery.objects.get().state == "cancelled"


def test_one_failure_and_a_quiet_week_do_not(
    actor: Actor,
    make_webhook: MakeWebhook,
    receiver: Receiver,
    deliver: Deliver,
    clock: FrozenClock,
) -> None:
    webhook = make_webhook(max_attempts=1)
    receiver.answer = always(500)
    create_team(actor=actor, name="Night watch")
    deliver()
    clock.advance(timedelta(days=7))
    assert services.disable_failing() == 0
    webhook.refresh_from_db()
    assert webhook.status == "active"


@pytest.mark.parametrize("single", [True, False], ids=["one", "range"])
def test_a_replay_waits_no_longer_than_a_first_try(
    actor: Actor,
    make_webhook: MakeWebhook,
    receiver: Receiver,
    deliver: Deliver,
    clock: FrozenClock,
    single: bool,
) -> None:
    webhook = make_webhook(max_attempts=3, retry_delays_s=[10, 3600])
    receiver.answer = always(500)
    create_team(actor=actor, name="Night watch")
    for _ in range(3):
        assert deliver() == 1
        clock.advance(timedelta(hours=2))
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.attempts) == ("failed", 3)
    if single:
        services.replay_delivery(delivery, actor=actor)
    else:
        day = timedelta(days=1)
        since, until = clock.now - day, clock.now + day
        assert services.replay_range(webhook, actor=actor, since=since, until=until) == 1
    assert deliver() == 1
    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts) == ("waiting", 4)
    assert timedelta(seconds=8) <= delivery.due_at - clock.now <= timedelta(seconds=12)


def test_a_test_goes_before_all_that_waits(
    actor: Actor,
    make_webhook: MakeWebhook,
    receiver: Receiver,
    deliver: Deliver,
    clock: FrozenClock,
) -> None:
    webhook = make_webhook()
    receiver.answer = always(500)
    for number in range(12):
        create_team(actor=actor, name=f"Team {number}")
    for _ in range(4):
        deliver()
        clock.advance(timedelta(seconds=2))
    assert Channel.objects.get().open_until is not None
    receiver.answer = always(200)
    before = len(receiver.received)
    delivery = services.send_test(webhook, actor=actor)
    deliver()
    delivery.refresh_from_db()
    assert delivery.state == "delivered"
    first = receiver.received[before]
    assert first.headers["webhook-id"] == str(delivery.message_id)


def test_both_secrets_sign_while_one_is_rotated(
    actor: Actor, receiver: Receiver, deliver: Deliver
) -> None:
    made = services.create_webhook(actor=actor, url=receiver.url, events=["team.created"])
    rotated = services.rotate_secret(made.row, actor=actor)
    create_team(actor=actor, name="Night watch")
    deliver()
    [received] = receiver.received
    assert verified(made.secret, received) == verified(rotated.secret, received)
    Webhook.objects.update(previous_until=clock.now() - timedelta(seconds=1))
    create_team(actor=actor, name="Day watch")
    deliver()
    assert verified(rotated.secret, receiver.received[1])
    with pytest.raises(Exception, match="No matching signature"):
        verified(made.secret, receiver.received[1])


def test_what_a_dead_sender_held_is_sent_by_another(
    actor: Actor,
    make_webhook: MakeWebhook,
    dispatch: Dispatch,
    deliver: Deliver,
    clock: FrozenClock,
) -> None:
    make_webhook()
    create_team(actor=actor, name="Night watch")
    dispatch()
    [lane] = services.claim(room=5)
    assert deliver() == 0
    clock.advance(timedelta(seconds=40))
    assert services.reclaim() == 1
    services.wake_overdue()
    assert deliver() == 1
    # The dead one comes to life and says what it had done: it is no longer asked.
    services.record([(lane, [])])
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.attempts) == ("delivered", 2)


def test_a_payload_that_kills_its_senders_is_given_up(
    actor: Actor, make_webhook: MakeWebhook, dispatch: Dispatch, clock: FrozenClock
) -> None:
    make_webhook(max_attempts=2)
    create_team(actor=actor, name="Night watch")
    dispatch()
    for _ in range(2):
        services.wake_overdue()
        assert len(services.claim(room=5)) == 1
        clock.advance(timedelta(seconds=40))
        services.reclaim()
    assert Delivery.objects.get().state == "failed"
