"""It is fair: each receiver has its own lanes, and a dead one holds nobody else up."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from uuid import UUID

import pytest
from django.db import connection
from pytest_django import Settings

from accounts.actors import Actor, actor_for_user
from accounts.tests.factories import make_user
from accounts.tests.races import race
from common import clock
from common.ids import uuid7
from common.tests.receiver import Received, Receiver, receiving
from webhooks import services
from webhooks.models import Channel, Delivery, Message, Webhook
from webhooks.sender import RESERVED, THREADS, Sender
from webhooks.services.upkeep import drop_old

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def owner() -> Actor:
    return actor_for_user(make_user("owner@example.org"), via="jwt")


def webhook_to(owner: Actor, url: str, **fields: object) -> Webhook:
    row = services.create_webhook(actor=owner, url=url, events=["team.created"]).row
    Webhook.objects.filter(id=row.id).update(**fields)
    return row


def fill(webhook: Webhook, count: int) -> None:
    """So many deliveries that wait."""
    now = clock.now()
    messages = Message.objects.bulk_create(
        [
            Message(organization_id=webhook.organization_id, type="team.created", body="{}")
            for _ in range(count)
        ]
    )
    Delivery.objects.bulk_create(
        [Delivery(message=one, webhook=webhook, attempts_allowed=3, due_at=now) for one in messages]
    )
    Channel.objects.filter(webhook=webhook).update(due_at=now)


@pytest.fixture
def receivers() -> Iterator[Callable[[], Receiver]]:
    with ExitStack() as stack:
        yield lambda: stack.enter_context(receiving())


def slow(received: Received, number: int) -> tuple[int, dict[str, str], bytes]:
    time.sleep(0.02)
    return 200, {}, b""


def test_no_receiver_gets_more_at_once_than_it_wants(
    owner: Actor, receivers: Callable[[], Receiver]
) -> None:
    receiver = receivers()
    receiver.answer = slow
    fill(webhook_to(owner, receiver.url, concurrency=3), 120)
    race(3, lambda _: Sender(linger_s=0).send())
    assert receiver.most_at_once == 3
    assert len(receiver.received) == 120
    assert Delivery.objects.filter(state="delivered", attempts=1).count() == 120


def test_senders_that_race_send_nothing_twice(
    owner: Actor, receivers: Callable[[], Receiver]
) -> None:
    all_ = [receivers() for _ in range(4)]
    for receiver in all_:
        fill(webhook_to(owner, receiver.url), 50)
    attempts = race(4, lambda _: Sender(linger_s=0).send())
    assert sum(attempts) == 200
    for receiver in all_:
        assert len({one.headers["webhook-id"] for one in receiver.received}) == 50
        assert len(receiver.received) == 50


def test_each_webhook_with_something_due_gets_a_lane_before_any_gets_two(owner: Actor) -> None:
    for port in range(3):
        fill(webhook_to(owner, f"http://127.0.0.1:{8001 + port}/"), 40)
    lanes = services.claim(room=5)
    per_webhook = sorted(
        sum(lane.webhook.id == id_ for lane in lanes) for id_ in {one.webhook.id for one in lanes}
    )
    assert per_webhook == [1, 2, 2]
    assert all(len(lane.jobs) == services.claims.BURST for lane in lanes)


def test_whoever_waited_longest_is_served_first(owner: Actor) -> None:
    made = [webhook_to(owner, f"http://127.0.0.1:{8001 + port}/") for port in range(3)]
    order: list[UUID] = []
    for webhook in made:
        fill(webhook, 100)
    for _ in range(6):
        [lane] = services.claim(room=1)
        order.append(lane.webhook.id)
        services.record([(lane, [])])
    assert order[:3] == order[3:]
    assert set(order) == {webhook.id for webhook in made}


def test_some_room_is_kept_for_who_holds_none(owner: Actor) -> None:
    hogs = [webhook_to(owner, f"http://127.0.0.1:{8001 + port}/") for port in range(2)]
    Webhook.objects.update(concurrency=16)
    for webhook in hogs:
        fill(webhook, 400)
    assert len(services.claim(room=24, reserved=6)) == 18
    Channel.objects.update(due_at=clock.now())
    assert services.claim(room=6, reserved=6) == []
    late = webhook_to(owner, "http://127.0.0.1:8003/", concurrency=16)
    fill(late, 400)
    [lane] = services.claim(room=6, reserved=6)
    assert lane.webhook.id == late.id


def test_slow_receivers_hold_up_nobody(owner: Actor, receivers: Callable[[], Receiver]) -> None:
    go = threading.Event()

    def patient(received: Received, number: int) -> tuple[int, dict[str, str], bytes]:
        go.wait(20)
        return 200, {}, b""

    slow_ones, quick = [receivers(), receivers()], receivers()
    for receiver in slow_ones:
        receiver.answer = patient
        fill(webhook_to(owner, receiver.url, concurrency=16), 100)
    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(Sender(linger_s=0).send)
        until(lambda: sum(receiver.most_at_once for receiver in slow_ones) == THREADS - RESERVED)
        fill(webhook_to(owner, quick.url), 3)
        until(lambda: len(quick.received) == 3)
        assert sum(receiver.most_at_once for receiver in slow_ones) == THREADS - RESERVED
        go.set()
        assert sending.result(30) == 203


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 15
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_webhook_that_keeps_failing_has_one_lane_of_one(owner: Actor) -> None:
    webhook = webhook_to(owner, "http://127.0.0.1:8001/")
    fill(webhook, 50)
    Channel.objects.update(failures=3)
    [lane] = services.claim(room=10)
    assert len(lane.jobs) == 1
    assert lane.on_trial
    assert services.claim(room=10) == []
    assert services.claim(room=10, suspects=False) == []


def test_a_claim_reads_no_more_where_much_waits(owner: Actor) -> None:
    dead = webhook_to(owner, "http://127.0.0.1:8001/")
    alive = webhook_to(owner, "http://127.0.0.1:8002/")
    fill(dead, 20_000)
    fill(alive, 10)
    Channel.objects.filter(webhook=dead).update(
        failures=10, open_until=clock.now() + timedelta(minutes=1)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE webhooks_delivery")
        cursor.execute(
            "EXPLAIN (FORMAT TEXT) " + services.claims.FIND,
            [[dead.id], [10], clock.now()],
        )
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "delivery_waiting" in plan
    assert "Seq Scan" not in plan
    assert {lane.webhook.id for lane in services.claim(room=24)} == {alive.id}


def test_a_lane_that_ran_out_changes_nothing(owner: Actor) -> None:
    webhook = webhook_to(owner, "http://127.0.0.1:8001/")
    fill(webhook, 1)
    [lane] = services.claim(room=1)
    Delivery.objects.update(lane=uuid7())
    job = lane.jobs[0]
    late = services.Result(job, services.Outcome.DELIVERED, clock.now(), 1.0, {}, status=200)
    services.record([(lane, [late])])
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.attempts) == ("sending", 0)
    assert not delivery.tries.exists()


def test_old_messages_go_and_waiting_ones_stay(owner: Actor, settings: Settings) -> None:
    webhook = webhook_to(owner, "http://127.0.0.1:8001/")
    fill(webhook, 2)
    first = Delivery.objects.order_by("id")[0]
    Delivery.objects.filter(id=first.id).update(state="delivered")
    settings.WEBHOOK_RETENTION_DAYS = 0
    time.sleep(0.002)
    assert drop_old() == 1
    assert Delivery.objects.get().state == "waiting"
