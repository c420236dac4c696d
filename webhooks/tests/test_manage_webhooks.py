"""It takes webhooks by the API: checked, owned, and never with their secret."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings
from rest_framework.test import APIClient

from accounts.actors import Actor, actor_for_user
from accounts.models import Membership, User
from accounts.services import create_team
from common import clock
from common.crypto import SealBrokenError, seal, unseal
from common.outbound import parse_policy
from common.tests.receiver import Receiver, always
from registry.models import Model
from registry.tests.factories import make_model
from webhooks import services, signing
from webhooks.models import Delivery, Webhook

ClientFor = Callable[[User], APIClient]
Deliver = Callable[[], int]
ROUTE = "/api/v1/webhooks"


@pytest.fixture
def client(alice: User, client_for: ClientFor) -> APIClient:
    return client_for(alice)


def make(client: APIClient, receiver: Receiver, **fields: Any) -> Any:
    given = {"url": receiver.url, "events": ["team.created"], **fields}
    response = client.post(ROUTE, given)
    assert response.status_code == 201, response.json()
    return response.json()


def fault(response: Any) -> tuple[int, str, str]:
    body = response.json()
    return response.status_code, body["code"], body["errors"][0]["pointer"]


def test_the_secret_is_shown_once_and_kept_sealed(client: APIClient, receiver: Receiver) -> None:
    made = make(client, receiver)
    assert made["secret"].startswith("whsec_")
    row = Webhook.objects.get()
    assert signing.shown(signing.unsealed(row.signing_secret)) == made["secret"]
    assert signing.unsealed(row.signing_secret) not in bytes(row.signing_secret)
    for text in (client.get(ROUTE).content, client.get(f"{ROUTE}/{made['id']}").content):
        assert b"whsec_" not in text


@pytest.mark.parametrize(
    ("fields", "status", "code", "pointer"),
    [
        ({"url": "http://10.0.0.1/"}, 400, "address_refused", "/url"),
        ({"url": "http://example.org@10.0.0.1/"}, 400, "bad_url", "/url"),
        ({"url": "file:///etc/passwd"}, 400, "bad_url", "/url"),
        ({"events": ["team.exploded"]}, 400, "unknown_event_type", "/events/0"),
        ({"events": ["user.logged_in"]}, 400, "unknown_event_type", "/events/0"),
        ({"events": ["webhook.test"]}, 400, "unknown_event_type", "/events/0"),
        ({"events": []}, 400, "invalid", "/events"),
        ({"timeout_s": 31}, 400, "invalid", "/timeout_s"),
        ({"max_attempts": 0}, 400, "invalid", "/max_attempts"),
        ({"retry_delays_s": [0]}, 400, "invalid", "/retry_delays_s/0"),
        ({"concurrency": 17}, 400, "invalid", "/concurrency"),
        ({"sample_percent": 101}, 400, "invalid", "/sample_percent"),
        ({"secret": "whsec_mine"}, 400, "invalid", "/secret"),
    ],
)
def test_what_is_wrong_is_named(
    client: APIClient,
    receiver: Receiver,
    fields: dict[str, Any],
    status: int,
    code: str,
    pointer: str,
) -> None:
    response = client.post(ROUTE, {"url": receiver.url, "events": ["team.created"], **fields})
    assert fault(response) == (status, code, pointer)
    assert not Webhook.objects.exists()


def test_the_refusal_of_an_address_names_the_operators_setting(
    client: APIClient, receiver: Receiver, settings: Settings
) -> None:
    settings.WEBHOOK_ALLOW = parse_policy(["external"])
    response = client.post(ROUTE, {"url": receiver.url, "events": ["*"]})
    assert "WEBHOOK_ALLOW=external,loopback" in response.json()["detail"]


def test_a_policy_that_is_tightened_holds_for_what_is_there(
    client: APIClient,
    actor: Actor,
    receiver: Receiver,
    deliver: Deliver,
    settings: Settings,
) -> None:
    make(client, receiver)
    settings.WEBHOOK_ALLOW = parse_policy(["external"])
    create_team(actor=actor, name="Night watch")
    deliver()
    assert receiver.received == []
    assert "WEBHOOK_ALLOW" in Delivery.objects.get().error


def test_a_forged_test_goes_nowhere_else(client: APIClient, receiver: Receiver) -> None:
    made = make(client, receiver)
    response = client.post(f"{ROUTE}/{made['id']}/test", {"url": "http://127.0.0.1:1/"})
    assert fault(response) == (400, "invalid", "/url")
    assert not Delivery.objects.exists()


def test_a_test_goes_the_way_of_every_message(
    client: APIClient, receiver: Receiver, deliver: Deliver
) -> None:
    made = make(client, receiver)
    receiver.answer = always(500)
    response = client.post(f"{ROUTE}/{made['id']}/test")
    assert response.status_code == 202
    deliver()
    delivery = client.get(response.headers["Location"]).json()
    assert (delivery["type"], delivery["status"]) == ("webhook.test", 500)
    [attempt] = delivery["tries"]
    assert attempt["request_headers"]["webhook-id"] == delivery["message_id"]
    # From an address that is not public, an answer's words could be another service's secrets.
    assert attempt["response_hidden"]
    assert attempt["response_body"] == ""


def test_tests_are_ten_a_minute(client: APIClient, receiver: Receiver) -> None:
    made = make(client, receiver)
    statuses = [client.post(f"{ROUTE}/{made['id']}/test").status_code for _ in range(11)]
    assert statuses == [202] * 10 + [429]


def test_pausing_resuming_and_deleting(
    client: APIClient, actor: Actor, receiver: Receiver, deliver: Deliver
) -> None:
    made = make(client, receiver)
    address = f"{ROUTE}/{made['id']}"
    assert client.patch(address, {"active": False}).json()["status"] == "paused"
    assert client.post(f"{address}/test").status_code == 409
    create_team(actor=actor, name="While it sleeps")
    deliver()
    assert client.patch(address, {"active": True}).json()["status"] == "active"
    create_team(actor=actor, name="Awake")
    deliver()
    assert len(receiver.received) == 1
    assert client.delete(address).status_code == 204
    assert client.get(address).status_code == 404
    create_team(actor=actor, name="Gone")
    deliver()
    assert len(receiver.received) == 1


def test_a_replay_brings_what_was_missed_and_what_failed(
    client: APIClient, actor: Actor, receiver: Receiver, deliver: Deliver
) -> None:
    create_team(actor=actor, name="Before there was a webhook")
    deliver()
    made = make(client, receiver, max_attempts=1)
    address = f"{ROUTE}/{made['id']}"
    since = clock.now() - timedelta(minutes=1)
    create_team(actor=actor, name="Delivered")
    deliver()
    receiver.answer = always(500)
    create_team(actor=actor, name="Failed")
    deliver()
    client.patch(address, {"active": False})
    create_team(actor=actor, name="Missed")
    deliver()
    client.patch(address, {"active": True})
    receiver.answer = always(200)
    replay = {"since": since.isoformat()}
    assert client.post(f"{address}/replay", replay).json() == {"count": 2}
    deliver()
    ids = [one.headers["webhook-id"] for one in receiver.received]
    assert len(ids) == 4
    assert ids[1] in ids[2:]  # the failed one, under its id
    assert len(set(ids)) == 3
    everything = {"since": "0001-01-01T00:00:00Z", "failed_only": False}
    again = client.post(f"{address}/replay", everything)
    assert again.json() == {"count": 3}  # and nothing from before there was the webhook


def test_a_replay_asks_no_more_where_more_was_missed(
    client: APIClient,
    actor: Actor,
    receiver: Receiver,
    deliver: Deliver,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    made = make(client, receiver)
    address = f"{ROUTE}/{made['id']}"
    client.patch(address, {"active": False})
    for number in range(40):
        create_team(actor=actor, name=f"Missed {number}")
    deliver()
    client.patch(address, {"active": True})
    since = (clock.now() - timedelta(minutes=1)).isoformat()
    with django_assert_max_num_queries(25):
        assert client.post(f"{address}/replay", {"since": since}).json() == {"count": 40}


def test_replayed_deliveries_become_due_ten_a_second(
    client: APIClient, actor: Actor, receiver: Receiver, dispatch: Callable[[], None]
) -> None:
    made = make(client, receiver)
    for number in range(25):
        create_team(actor=actor, name=f"Team {number}")
    dispatch()
    Delivery.objects.update(state="failed")
    client.post(
        f"{ROUTE}/{made['id']}/replay",
        {"since": (clock.now() - timedelta(minutes=5)).isoformat()},
    )
    due = sorted(Delivery.objects.values_list("due_at", flat=True))
    assert due[-1] - due[0] == timedelta(seconds=2)


def test_one_delivery_is_replayed_by_its_id(
    client: APIClient, actor: Actor, receiver: Receiver, deliver: Deliver
) -> None:
    made = make(client, receiver)
    create_team(actor=actor, name="Night watch")
    deliver()
    delivery = Delivery.objects.get()
    response = client.post(f"{ROUTE}/{made['id']}/replay", {"delivery": str(delivery.id)})
    assert response.status_code == 202
    assert deliver() == 1
    first, second = receiver.received
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert second.headers["x-slipway-delivery-attempt"] == "2"


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"since": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z"},
        {"since": "yesterday"},
        {"delivery": "01993a2e-7c1d-7b52-9f3a-5d2c8e4f6a10", "since": "2026-01-02T00:00:00Z"},
    ],
)
def test_a_replay_of_nothing_is_refused(
    client: APIClient, receiver: Receiver, given: dict[str, Any]
) -> None:
    made = make(client, receiver)
    assert client.post(f"{ROUTE}/{made['id']}/replay", given).status_code == 400


def test_members_hear_of_models_and_admins_of_everything(
    alice: User, bob: User, client_for: ClientFor, receiver: Receiver
) -> None:
    home = actor_for_user(alice).organization
    Membership.objects.create(organization=home, user=bob, role="member")
    member = client_for(bob)
    given = {"url": receiver.url, "organization": home.slug}
    models = {**given, "events": ["model_version.ready", "predictions.failed"]}
    assert member.post(ROUTE, models).status_code == 201
    assert member.post(ROUTE, {**given, "events": ["api_key.created"]}).status_code == 403
    assert member.post(ROUTE, {**given, "events": ["*"]}).status_code == 403
    people = client_for(alice).post(ROUTE, {**given, "events": ["*"]}).json()
    assert [one["events"] for one in member.get(ROUTE).json()["results"]] == [models["events"]]
    assert member.get(f"{ROUTE}/{people['id']}").status_code == 404
    assert member.get(f"{ROUTE}/{people['id']}/deliveries").status_code == 404
    assert member.post(f"{ROUTE}/{people['id']}/rotate-secret").status_code == 404
    Membership.objects.filter(user=bob, organization=home).update(role="viewer")
    assert client_for(bob).get(ROUTE).json()["count"] == 0


def test_a_model_without_an_event_about_it_is_refused(
    client: APIClient, alice: User, receiver: Receiver
) -> None:
    make_model(alice, "churn")
    given = {"url": receiver.url, "model": "churn", "events": ["team.created"]}
    assert fault(client.post(ROUTE, given)) == (400, "not_about_models", "/events")
    assert client.post(ROUTE, {**given, "events": ["*"]}).status_code == 201


def test_operators_see_no_more_of_a_url_than_its_host(
    client: APIClient, olga: User, receiver: Receiver
) -> None:
    made = make(client, receiver, url=f"{receiver.url}?token=canary")
    console = Client()
    console.force_login(olga)
    for path in ("", f"{made['id']}/change/"):
        page = console.get(f"/admin/webhooks/webhook/{path}", follow=True)
        assert page.status_code == 200
        assert "127.0.0.1" in page.content.decode()
        assert "canary" not in page.content.decode()


def test_a_webhook_of_one_model_hears_of_that_alone(
    alice: User, actor: Actor, client: APIClient, receiver: Receiver, deliver: Deliver
) -> None:
    from registry.services import update_model

    one, other = (
        Model.objects.create(organization=actor.organization, name=name, created_by=alice)
        for name in ("one", "other")
    )
    make(client, receiver, events=["model.updated"], model="one")
    update_model(one, {"description": "New"}, actor=actor)
    update_model(other, {"description": "New"}, actor=actor)
    deliver()
    assert len(receiver.received) == 1
    assert str(one.id).encode() in receiver.received[0].body


def test_a_key_for_some_models_sets_up_webhooks_for_those_alone(
    alice: User, actor: Actor, key_for: Callable[..., str], receiver: Receiver
) -> None:
    Model.objects.create(organization=actor.organization, name="one", created_by=alice)
    key = key_for(
        alice, scopes=["webhooks:write", "webhooks:read"], model_refs=[f"{alice.slug}/one"]
    )
    client = APIClient(headers={"Authorization": f"Bearer {key}"})
    given = {"url": receiver.url, "events": ["model.updated"]}
    assert fault(client.post(ROUTE, given)) == (400, "bad_webhook", "/model")
    assert client.post(ROUTE, {**given, "model": "one"}).status_code == 201


def test_an_organization_has_fifty_at_most(
    client: APIClient, receiver: Receiver, actor: Actor
) -> None:
    template = services.create_webhook(actor=actor, url=receiver.url, events=["*"]).row
    Webhook.objects.bulk_create(
        [
            Webhook(
                organization=template.organization,
                url=template.url,
                events=["*"],
                signing_secret=b"x",
            )
            for _ in range(49)
        ]
    )
    response = client.post(ROUTE, {"url": receiver.url, "events": ["*"]})
    assert (response.status_code, response.json()["code"]) == (409, "too_many_webhooks")


def test_lists_cost_the_same_however_long(
    client: APIClient,
    actor: Actor,
    receiver: Receiver,
    dispatch: Callable[[], None],
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    made = [make(client, receiver) for _ in range(5)]
    for number in range(5):
        create_team(actor=actor, name=f"Team {number}")
    dispatch()
    with django_assert_max_num_queries(4):
        assert client.get(ROUTE).json()["count"] == 5
    with django_assert_max_num_queries(4):
        page = client.get(f"{ROUTE}/{made[0]['id']}/deliveries?limit=2&state=waiting").json()
    assert len(page["results"]) == 2
    rest = client.get(page["next"]).json()["results"]
    assert len(rest) == 2
    assert not {row["id"] for row in rest} & {row["id"] for row in page["results"]}


def test_event_types_have_schema_and_example(client: APIClient) -> None:
    types = {one["name"]: one for one in client.get(f"{ROUTE}/event-types").json()}
    ready = types["model_version.ready"]
    assert ready["schema"]["properties"]["version_id"]["format"] == "uuid"
    assert set(ready["example"]) == set(ready["schema"]["properties"])
    assert "predictions.completed" in types
    assert not any(name.startswith(("user.", "session.", "threat.")) for name in types)


def test_the_openapi_document_lists_every_type(client: APIClient) -> None:
    from webhooks.api.schema import describe_webhooks
    from webhooks.catalogue import event_types

    described = describe_webhooks({})["webhooks"]
    assert set(described) == set(event_types())


def test_a_seal_opens_with_its_key_and_purpose_alone(settings: Settings) -> None:
    settings.ENCRYPTION_KEYS = (b"a" * 32,)
    sealed = seal(b"secret", purpose="one")
    settings.ENCRYPTION_KEYS = (b"b" * 32, b"a" * 32)
    assert unseal(sealed, purpose="one") == b"secret"
    with pytest.raises(SealBrokenError):
        unseal(sealed, purpose="other")
    with pytest.raises(SealBrokenError):
        unseal(sealed[:-1] + b"x", purpose="one")
    settings.ENCRYPTION_KEYS = (b"b" * 32,)
    with pytest.raises(SealBrokenError, match="ENCRYPTION_KEYS"):
        unseal(sealed, purpose="one")
