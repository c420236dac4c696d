"""It makes an account once an address, whatever is sent."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.errors import EmailTaken
from accounts.models import Membership, Organization, User
from accounts.services import register_user
from accounts.tests.races import race
from common.models import EventRecord

PASSWORD = "correct horse battery"
URL = "/api/v1/auth/register"


def register(client: APIClient, **fields: Any) -> Any:
    return client.post(URL, {"email": "dora@example.org", "password": PASSWORD} | fields)


def test_a_new_address_gets_an_account(anonymous: APIClient) -> None:
    response = register(anonymous, full_name="Dora  Explorer")
    assert response.status_code == 201
    body = response.json()
    assert body["email"] == "dora@example.org"
    assert body["slug"] == "dora"
    assert body["created_at"].endswith("Z")
    assert "password" not in body
    user = User.objects.get(id=body["id"])
    assert user.password.startswith("argon2$argon2id$")
    place = Membership.objects.get(user=user)
    assert (place.role, place.organization.personal_to) == ("owner", user)


def test_registering_is_an_event_without_the_address(anonymous: APIClient) -> None:
    register(anonymous)
    row = EventRecord.objects.get(type="user.registered")
    assert row.actor_id == User.objects.get().id
    assert "example" not in str(row.payload)


@pytest.mark.parametrize(
    "again",
    ["dora@example.org", "Dora@Example.ORG", " dora@example.org ", "DORA@EXAMPLE.ORG"],
)
def test_a_known_address_is_a_conflict(anonymous: APIClient, again: str) -> None:
    register(anonymous)
    response = register(anonymous, email=again)
    assert response.status_code == 409
    assert response.json()["code"] == "email_taken"
    assert User.objects.count() == 1


def test_one_domain_in_two_spellings_is_one_address(anonymous: APIClient) -> None:
    assert register(anonymous, email="dora@bücher.example").status_code == 201
    assert register(anonymous, email="dora@xn--bcher-kva.example").status_code == 409


def test_the_address_is_shown_as_given(anonymous: APIClient) -> None:
    assert register(anonymous, email="Dora@Example.org").json()["email"] == "Dora@Example.org"


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"email": "no address"}, "/email"),
        ({"email": "dora@"}, "/email"),
        ({"email": "dora@[127.0.0.1]"}, "/email"),
        ({"email": "\uff44ora@example.org"}, "/email"),
        ({"email": "do\u202era@example.org"}, "/email"),
        ({"email": "d" * 250 + "@example.org"}, "/email"),
        ({"email": None}, "/email"),
        ({"email": ["dora@example.org"]}, "/email"),
        ({"email": {"$ne": ""}}, "/email"),
        ({"password": "short"}, "/password"),
        ({"password": "x" * 1025}, "/password"),
        ({"password": "password"}, "/password"),
        ({"password": "dora@example.org"}, "/password"),
        ({"password": 12345678901}, "/password"),
        ({"full_name": "n" * 201}, "/full_name"),
        ({"is_staff": True}, "/is_staff"),
        ({"is_active": True}, "/is_active"),
        ({"status": "active"}, "/status"),
        ({"id": "0198c1a0-0000-7000-8000-000000000000"}, "/id"),
    ],
)
def test_a_wrong_field_is_named(anonymous: APIClient, fields: dict[str, Any], pointer: str) -> None:
    response = register(anonymous, **fields)
    assert response.status_code == 400, response.content
    assert pointer in [fault["pointer"] for fault in response.json()["errors"]]
    assert response["Content-Type"] == "application/problem+json"
    assert not User.objects.exists()


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (r'{"email": "a@b.org", "password": "long enough \u0000"}', "application/json", 400),
        (r'{"email": "a@b.org", "password": "long \ud800 enough"}', "application/json", 400),
        ('{"email": "a@b.org", "email": "c@d.org"}', "application/json", 400),
        ("[1]", "application/json", 400),
        ("not json", "application/json", 400),
        ("[" * 100_000, "application/json", 400),
        ("email=a@b.org&password=long+enough+1", "application/x-www-form-urlencoded", 415),
        ("<a/>", "text/xml", 415),
    ],
)
def test_a_wrong_body_is_refused(
    anonymous: APIClient, body: str, content_type: str, status: int
) -> None:
    response = anonymous.generic("POST", URL, body, content_type=content_type)
    assert response.status_code == status, response.content
    assert not User.objects.exists()


def test_a_password_of_1024_characters_counts_to_the_last(anonymous: APIClient) -> None:
    password = "pä ss" * 204 + "wxyz"
    assert len(password) == 1024
    assert register(anonymous, password=password).status_code == 201
    credentials = {"email": "dora@example.org", "password": password}
    assert anonymous.post("/api/v1/auth/login", credentials).status_code == 200
    credentials["password"] = password[:-1] + "!"
    assert anonymous.post("/api/v1/auth/login", credentials).status_code == 401


def test_people_of_one_name_get_slugs_of_their_own(anonymous: APIClient) -> None:
    slugs = [
        register(anonymous, email=f"dora@{host}.example").json()["slug"] for host in "abcdefghij"
    ]
    assert slugs[:3] == ["dora", "dora-2", "dora-3"]
    assert len(set(slugs)) == 10


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everybody may wait for their turn to hash."""
    monkeypatch.setattr("accounts.hashers.MOST_WAITING", 100)


@pytest.mark.usefixtures("patience")
@pytest.mark.django_db(transaction=True)
def test_fifty_at_once_with_one_address_make_one_account() -> None:
    outcomes = race(50, lambda _: register_user(email="dora@example.org", password=PASSWORD))
    made = [outcome for outcome in outcomes if isinstance(outcome, User)]
    assert len(made) == 1
    assert {type(outcome) for outcome in outcomes if outcome is not made[0]} == {EmailTaken}
    assert User.objects.count() == Organization.objects.count() == 1


@pytest.mark.usefixtures("patience")
@pytest.mark.django_db(transaction=True)
def test_twelve_at_once_with_one_name_get_slugs_of_their_own() -> None:
    outcomes = race(12, lambda n: register_user(email=f"dora@{n}.example", password=PASSWORD))
    assert [outcome for outcome in outcomes if not isinstance(outcome, User)] == []
    assert Organization.objects.values("slug").distinct().count() == 12
