"""It makes, shows, renames and revokes API keys."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from pytest_django.fixtures import DjangoAssertNumQueries
from rest_framework.test import APIClient

from accounts import keys, scopes
from accounts.actors import actor_for_user
from accounts.models import ApiKey, Membership, User
from accounts.services import revoke_api_key
from accounts.tests.races import race
from common.models import EventRecord

URL = "/api/v1/api-keys"
pytestmark = pytest.mark.django_db


@pytest.fixture
def client(alice: User, client_for: Callable[[User], APIClient]) -> APIClient:
    return client_for(alice)


def by_key(key: str) -> APIClient:
    return APIClient(headers={"X-API-Key": key})


def test_a_new_key_is_shown_once_and_kept_as_a_hash(client: APIClient, alice: User) -> None:
    response = client.post(URL, {"name": "laptop"})
    assert response.status_code == 201
    body = response.json()
    secret = body["key"]
    assert keys.is_key(secret)
    assert body["scopes"] == ["models:read", "predict"]
    assert body["prefix"] == secret[:11]
    assert (body["state"], body["expires_at"], body["last_used_at"]) == ("active", None, None)
    assert response["Cache-Control"] == "no-store"
    row = ApiKey.objects.get()
    assert bytes(row.key_hash) == hashlib.sha256(secret.encode()).digest()
    detail = client.get(response["Location"])
    assert detail.status_code == 200
    assert secret not in detail.content.decode() + client.get(URL).content.decode()
    assert secret not in str(list(EventRecord.objects.values_list("payload", flat=True)))


def test_a_key_has_what_was_asked_for(client: APIClient, clock: Any) -> None:
    ends = "2027-01-01T00:00:00.000000Z"
    fields = {"name": "ci", "scopes": ["predict", "models:write"], "expires_at": ends}
    body = client.post(URL, fields | {"metadata": {"team": "blue"}}).json()
    assert body["scopes"] == ["models:write", "predict"]
    assert (body["expires_at"], body["metadata"]) == (ends, {"team": "blue"})


def test_all_scopes_can_be_had(client: APIClient) -> None:
    body = client.post(URL, {"name": "all", "scopes": list(scopes.DESCRIPTIONS)}).json()
    assert body["scopes"] == list(scopes.DESCRIPTIONS)


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"name": None}, "/name"),
        ({"name": ""}, "/name"),
        ({"name": "n" * 101}, "/name"),
        ({"scopes": ["fly"]}, "/scopes/0"),
        ({"scopes": ["predict", "predict"]}, "/scopes"),
        ({"scopes": []}, "/scopes"),
        ({"scopes": "predict"}, "/scopes"),
        ({"scopes": ["predict"] * 1000}, "/scopes"),
        ({"expires_at": "2026-03-01T11:59:59Z"}, "/expires_at"),
        ({"expires_at": "2026-03-01T12:00:00Z"}, "/expires_at"),
        ({"expires_at": "tomorrow"}, "/expires_at"),
        ({"expires_at": "9999-12-31T23:59:59-12:00"}, "/expires_at"),
        ({"expires_at": 1e300}, "/expires_at"),
        ({"metadata": [1]}, "/metadata"),
        ({"metadata": {"x": "y" * 20_000}}, "/metadata"),
        ({"user": "0198c1a0-0000-7000-8000-000000000000"}, "/user"),
        ({"organization": "bob"}, "/organization"),
        ({"key": "slip_mine"}, "/key"),
        ({"last_used_at": None}, "/last_used_at"),
    ],
)
def test_a_wrong_field_is_named(
    client: APIClient, clock: Any, fields: dict[str, Any], pointer: str
) -> None:
    response = client.post(URL, {"name": "laptop"} | fields)
    assert response.status_code == 400, response.content
    assert pointer in [fault["pointer"] for fault in response.json()["errors"]]
    assert not ApiKey.objects.exists()


def test_every_fault_is_told_at_once(client: APIClient, clock: Any) -> None:
    response = client.post(URL, {"name": "", "scopes": ["fly"], "expires_at": "x", "more": 1})
    pointers = {fault["pointer"] for fault in response.json()["errors"]}
    assert pointers == {"/name", "/scopes/0", "/expires_at", "/more"}


def test_a_key_gives_no_more_than_it_has(alice: User, key_for: Callable[..., str]) -> None:
    own = by_key(key_for(alice, scopes=["account:read", "account:write", "predict"]))
    refused = own.post(URL, {"name": "more", "scopes": ["predict", "models:write"]})
    assert (refused.status_code, refused.json()["code"]) == (403, "exceeds_own_key")
    assert "models:write" in refused.json()["detail"]
    assert own.post(URL, {"name": "default"}).status_code == 403  # it lacks models:read
    assert own.post(URL, {"name": "same", "scopes": ["predict"]}).status_code == 201


def test_a_key_makes_none_that_outlives_it(
    alice: User, key_for: Callable[..., str], clock: Any
) -> None:
    ends = clock.now + timedelta(days=1)
    own = by_key(key_for(alice, scopes=["account:write", "predict"], expires_at=ends))
    later = {"name": "x", "scopes": ["predict"], "expires_at": "2026-03-03T00:00:00Z"}
    assert own.post(URL, later).status_code == 403
    open_ended = own.post(URL, {"name": "x", "scopes": ["predict"]})
    assert open_ended.json()["expires_at"] == "2026-03-02T12:00:00.000000Z"
    sooner = own.post(URL, later | {"expires_at": "2026-03-02T00:00:00Z"})
    assert sooner.status_code == 201


def test_name_and_metadata_can_change(client: APIClient, alice: User) -> None:
    made = client.post(URL, {"name": "old", "metadata": {"a": 1}}).json()
    path = f"{URL}/{made['id']}"
    assert client.patch(path, {"name": "new"}).json()["name"] == "new"
    kept = client.put(path, {"name": "newer"}).json()
    assert (kept["name"], kept["metadata"]) == ("newer", {"a": 1})
    assert client.patch(path, {}).status_code == 200
    assert EventRecord.objects.filter(type="api_key.updated").count() == 2


@pytest.mark.parametrize("way", ["delete", "revoke"])
def test_a_revoked_key_works_no_more(client: APIClient, way: str) -> None:
    made = client.post(URL, {"name": "x", "scopes": ["account:read"]}).json()
    path = f"{URL}/{made['id']}"
    assert by_key(made["key"]).get("/api/v1/auth/me").status_code == 200
    for _ in range(2):
        if way == "delete":
            assert client.delete(path).status_code == 204
        else:
            assert client.post(f"{path}/revoke").json()["state"] == "revoked"
    assert by_key(made["key"]).get("/api/v1/auth/me").status_code == 401
    assert client.get(path).json()["revoked_at"]
    assert EventRecord.objects.filter(type="api_key.revoked").count() == 1


@pytest.mark.django_db(transaction=True)
def test_revoking_at_once_is_one_event(alice: User, key_for: Callable[..., str]) -> None:
    key_for(alice)
    key, actor = ApiKey.objects.get(), actor_for_user(alice)
    race(8, lambda _: revoke_api_key(ApiKey.objects.get(id=key.id), actor=actor))
    assert EventRecord.objects.filter(type="api_key.revoked").count() == 1


def test_a_list_holds_ones_own_and_those_one_administers(
    alice: User, bob: User, client_for: Callable[[User], APIClient], key_for: Callable[..., str]
) -> None:
    home = alice.personal_organization
    Membership.objects.create(organization=home, user=bob, role="member")
    key_for(alice, name="hers")
    key_for(bob, name="his-there", organization=home)
    key_for(bob, name="his")

    def names(user: User) -> set[str]:
        return {row["name"] for row in client_for(user).get(URL).json()["results"]}

    assert names(alice) == {"hers", "his-there"}
    assert names(bob) == {"his", "his-there"}


def test_a_list_costs_the_same_for_one_and_for_many(
    alice: User,
    client: APIClient,
    key_for: Callable[..., str],
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    for _ in range(60):
        key_for(alice)
    with django_assert_max_num_queries(4):  # who asks, their limits, the count, the page
        body = client.get(f"{URL}?page_size=50").json()
    assert (body["count"], len(body["results"])) == (60, 50)
    assert body["next"]


@pytest.mark.parametrize("query", ["page=0", "page=x", "page_size=201", "page_size=-1"])
def test_a_wrong_page_is_refused(client: APIClient, query: str) -> None:
    assert client.get(f"{URL}?{query}").status_code == 400


@pytest.mark.parametrize(
    "wrong",
    [
        {"key_hash": b"short"},
        {"scopes": ["fly"]},
        {"scopes": []},
        {"name": ""},
    ],
)
def test_the_database_refuses_what_is_no_key(
    alice: User, key_for: Callable[..., str], wrong: dict[str, Any]
) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        key_for(alice, **({"scopes": ["predict"]} | wrong))
