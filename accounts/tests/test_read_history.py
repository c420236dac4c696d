"""Histories: each reader gets what is theirs to know, newest first, in bounded queries."""

from __future__ import annotations

import string
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import get_resolver
from rest_framework.test import APIClient

from accounts import catalogue, services
from accounts.actors import actor_for_user
from accounts.models import ApiKey, Membership, User
from common import clock, events
from common.context import Origin, request_context
from common.models import EventRecord
from common.tasks import seal_events

pytestmark = pytest.mark.django_db
ClientFor = Callable[[User], APIClient]


def make_key(user: User, name: str = "robot", **fields: Any) -> ApiKey:
    with request_context(where=Origin(address="203.0.113.7")):
        return services.create_api_key(actor=actor_for_user(user), name=name, **fields).row


def texts(response: Any) -> list[str]:
    assert response.status_code == 200, response.content
    return [row["text"] for row in response.json()["results"]]


@pytest.fixture
def every_app() -> None:
    """An app's events are known once something imports it, as the routes do."""
    assert get_resolver().url_patterns


@pytest.mark.usefixtures("every_app")
def test_every_event_has_an_entry() -> None:
    known = {name for name in events.types if not name.startswith("test.")}
    assert known == set(catalogue.ENTRIES)


@pytest.mark.usefixtures("every_app")
@pytest.mark.parametrize("type_", sorted(catalogue.ENTRIES))
def test_every_text_names_fields_of_its_event(type_: str) -> None:
    fields = set(events.types[type_].__annotations__)
    entry = catalogue.ENTRIES[type_]
    named = {
        name
        for template in (entry.done, *entry.news.values())
        for _, name, _, _ in string.Formatter().parse(template)
        if name
    }
    assert named <= fields
    assert "person" not in entry.news or "user_id" in fields


def test_a_text_reaches_nothing_behind_a_value() -> None:
    assert catalogue.text_of("{name.__class__} {fields}", {"fields": ["a", "b"]}) == "? a, b"


def test_activity_has_what_one_did_and_what_was_done_to_one(
    alice: User, bob: User, olga: User, client_for: ClientFor
) -> None:
    key = make_key(alice)
    make_key(bob, "bobs")
    services.revoke_api_key(key, actor=actor_for_user(olga))
    services.set_password(alice, actor=actor_for_user(olga), new_password="a wholly new phrase")
    response = client_for(alice).get("/api/v1/users/me/activity")
    assert sorted(texts(response)) == [
        "changed the password",
        f"made the API key robot ({key.prefix}…)",
        "revoked an API key",
    ]
    ids = [row["id"] for row in response.json()["results"]]
    assert ids == sorted(ids, reverse=True)


def test_one_sees_ones_own_address_and_no_operators(
    alice: User, olga: User, client_for: ClientFor
) -> None:
    make_key(alice)
    with request_context(where=Origin(address="198.51.100.1")):
        services.suspend_user(alice, actor=actor_for_user(olga))
        services.activate_user(alice, actor=actor_for_user(olga))
    alice.refresh_from_db()
    rows = client_for(alice).get("/api/v1/users/me/security-events").json()["results"]
    found = [(row["type"], row["actor"], row["address"]) for row in rows]
    assert found == [
        ("user.activated", "an operator", ""),
        ("user.suspended", "an operator", ""),
        ("api_key.created", "alice@example.org", "203.0.113.7"),
    ]


def test_security_events_leave_out_the_rest(alice: User, client_for: ClientFor) -> None:
    services.update_profile(actor=actor_for_user(alice), full_name="Alice B.")
    make_key(alice)
    client = client_for(alice)
    assert len(texts(client.get("/api/v1/users/me/activity"))) == 2
    rows = client.get("/api/v1/users/me/security-events").json()["results"]
    assert [row["type"] for row in rows] == ["api_key.created"]
    assert rows[0]["security"] is True


def test_a_key_of_an_organization_sees_what_its_holder_did_there(
    alice: User, key_for: Callable[..., str]
) -> None:
    place = services.create_organization(actor=actor_for_user(alice), name="Acme")
    make_key(alice)
    secret = key_for(alice, scopes=["account:read"], organization=place)
    client = APIClient(headers={"X-API-Key": secret})
    assert texts(client.get("/api/v1/users/me/activity")) == ["made the organization acme"]


def test_pages_of_a_history_neither_repeat_nor_skip(alice: User, client_for: ClientFor) -> None:
    for i in range(5):
        make_key(alice, f"key {i}")
    client, found = client_for(alice), []
    address: str | None = "/api/v1/users/me/activity?limit=2"
    while address:
        body = client.get(address).json()
        found += [row["id"] for row in body["results"]]
        assert set(body) == {"next", "results"}
        address = body["next"]
    assert found == sorted(found, reverse=True)
    assert len(set(found)) == 5


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=201", "cursor=x", "from=yesterday", "type=A", "colour=blue"]
)
def test_a_wrong_filter_is_named(alice: User, client_for: ClientFor, query: str) -> None:
    response = client_for(alice).get(f"/api/v1/users/me/activity?{query}")
    assert response.status_code == 400
    assert response.json()["errors"][0]["pointer"]


def test_a_history_costs_few_queries(
    alice: User, client_for: ClientFor, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    for i in range(30):
        make_key(alice, f"key {i}")
    client = client_for(alice)
    with django_assert_max_num_queries(5):
        assert len(texts(client.get("/api/v1/users/me/activity?limit=30"))) == 30


# The organization's audit.


@pytest.fixture
def acme(alice: User, bob: User) -> Any:
    place = services.create_organization(actor=actor_for_user(alice), name="Acme")
    Membership.objects.create(organization=place, user=bob, role="member")
    return place


def audit(client: APIClient, place: Any, query: str = "") -> Any:
    return client.get(f"/api/v1/organizations/{place.slug}/audit{query}")


def test_the_audit_is_for_owners_and_admins(
    acme: Any, alice: User, bob: User, charlie: User, olga: User, client_for: ClientFor
) -> None:
    assert audit(client_for(alice), acme).status_code == 200
    assert audit(client_for(bob), acme).status_code == 403
    assert audit(client_for(charlie), acme).status_code == 404
    assert audit(client_for(olga), acme).status_code == 404
    Membership.objects.filter(user=bob, organization=acme).update(role="admin")
    assert audit(client_for(bob), acme).status_code == 200


def test_the_audit_has_the_organizations_events_alone(
    acme: Any, alice: User, client_for: ClientFor
) -> None:
    make_key(alice)  # in her own
    found = audit(client_for(alice), acme).json()["results"]
    assert [row["type"] for row in found] == ["organization.created"]
    assert found[0]["payload"]["slug"] == "acme"


def test_the_audit_is_filtered(acme: Any, alice: User, bob: User, client_for: ClientFor) -> None:
    services.set_member_role(acme, bob.id, actor=actor_for_user(alice), role="admin")
    services.update_organization(acme, {"name": "Acme Inc."}, actor=actor_for_user(bob))
    client = client_for(alice)
    cases = {
        "": 3,
        f"?actor={bob.id}": 1,
        f"?actor={alice.id}": 2,
        "?type=organization.updated": 1,
        "?type=organization": 3,
        "?type=org": 0,
        f"?subject={acme.id}": 3,
        f"?from={(clock.now() + timedelta(minutes=1)).isoformat()}".replace("+", "%2B"): 0,
        f"?to={(clock.now() + timedelta(minutes=1)).isoformat()}".replace("+", "%2B"): 3,
    }
    assert {query: len(texts(audit(client, acme, query))) for query in cases} == cases


@pytest.mark.django_db(transaction=True)
def test_the_audit_shows_the_place_in_the_chain(
    alice: User, bob: User, client_for: ClientFor
) -> None:
    place = services.create_organization(actor=actor_for_user(alice), name="Acme")
    assert [row["number"] for row in audit(client_for(alice), place).json()["results"]] == [None]
    seal_events()
    assert [row["number"] for row in audit(client_for(alice), place).json()["results"]] == [1]


def test_an_event_whose_fields_are_from_before_can_be_read(
    alice: User, client_for: ClientFor
) -> None:
    EventRecord.objects.create(type="gone.long_ago", actor_id=alice.id, payload={})
    EventRecord.objects.create(type="api_key.created", actor_id=alice.id, payload={})
    assert texts(client_for(alice).get("/api/v1/users/me/activity")) == [
        "made the API key ? (?…)",
        "gone: long ago",
    ]


# Pages.


def test_pages_show_activity_and_histories(client: Client, alice: User, bob: User) -> None:
    key = make_key(alice)
    client.force_login(alice)
    for path in ("/profile/activity", "/profile/security", f"/keys/{key.id}/history"):
        page = client.get(path)
        assert page.status_code == 200
        assert "ade the API key robot" in page.content.decode()
    assert client.get("/profile/activity?cursor=x").status_code == 400
    client.force_login(bob)
    assert client.get(f"/keys/{key.id}/history").status_code == 404


def test_an_objects_history_keeps_addresses_to_itself(client: Client, alice: User) -> None:
    key = make_key(alice)
    client.force_login(alice)
    assert "203.0.113.7" in client.get("/profile/security").content.decode()
    assert "203.0.113.7" not in client.get(f"/keys/{key.id}/history").content.decode()
