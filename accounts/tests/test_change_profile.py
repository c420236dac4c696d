"""It changes names and passwords, for who may."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from accounts.services import issue_tokens
from accounts.tests.factories import PASSWORD
from common.models import EventRecord

pytestmark = pytest.mark.django_db
NEW = "a wholly new phrase"


@pytest.fixture
def client(alice: User, client_for: Callable[[User], APIClient]) -> APIClient:
    return client_for(alice)


def test_me_tells_who_one_is(client: APIClient) -> None:
    body = client.get("/api/v1/auth/me").json()
    assert (body["email"], body["slug"], body["via"]) == ("alice@example.org", "alice", "jwt")
    assert [(place["slug"], place["role"]) for place in body["organizations"]] == [
        ("alice", "owner")
    ]
    assert "password" not in body


def test_a_key_learns_its_own_scopes(alice: User, key_for: Callable[..., str]) -> None:
    key = key_for(alice, scopes=["account:read"])
    body = APIClient(headers={"X-API-Key": key}).get("/api/v1/auth/me").json()
    assert (body["via"], body["scopes"]) == ("key", ["account:read"])


@pytest.mark.parametrize("method", ["put", "patch"])
def test_the_name_changes(client: APIClient, alice: User, method: str) -> None:
    response = getattr(client, method)("/api/v1/auth/profile", {"full_name": "Alice L\u0301"})
    assert response.status_code == 200
    alice.refresh_from_db()
    assert alice.full_name == "Alice \u0139"
    assert EventRecord.objects.get().payload["fields"] == ["full_name"]
    assert getattr(client, method)("/api/v1/auth/profile", {}).json()["full_name"] == "Alice \u0139"


@pytest.mark.parametrize(
    "field", ["is_staff", "is_active", "email", "status", "slug", "password", "token_version"]
)
def test_nothing_else_can_be_changed(client: APIClient, field: str) -> None:
    response = client.patch("/api/v1/auth/profile", {field: True})
    assert response.status_code == 400
    assert response.json()["errors"][0]["pointer"] == f"/{field}"


def change(client: APIClient, **fields: Any) -> Any:
    body = {"current_password": PASSWORD, "new_password": NEW} | fields
    return client.post("/api/v1/auth/change-password", body)


def test_a_new_password_ends_the_tokens_from_before(
    client: APIClient, alice: User, key_for: Callable[..., str]
) -> None:
    before, key = issue_tokens(alice), key_for(alice, scopes=["account:read"])
    response = change(client)
    assert response.status_code == 200
    assert response["Cache-Control"] == "no-store"
    assert client.get("/api/v1/auth/me").status_code == 401
    anonymous = APIClient()
    assert anonymous.post("/api/v1/auth/refresh", {"refresh": before.refresh}).status_code == 401
    fresh = APIClient(headers={"Authorization": f"Bearer {response.json()['access']}"})
    assert fresh.get("/api/v1/auth/me").status_code == 200
    assert APIClient(headers={"X-API-Key": key}).get("/api/v1/auth/me").status_code == 200
    old, new = ({"email": alice.email, "password": text} for text in (PASSWORD, NEW))
    assert anonymous.post("/api/v1/auth/login", old).status_code == 401
    assert anonymous.post("/api/v1/auth/login", new).status_code == 200


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"current_password": "not it at all"}, "/current_password"),
        ({"new_password": "short"}, "/new_password"),
        ({"new_password": "password123"}, "/new_password"),
        ({"new_password": "x" * 1025}, "/new_password"),
        ({"new_password": "alice@example.org"}, "/new_password"),
    ],
)
def test_a_wrong_password_is_refused(
    client: APIClient, alice: User, fields: dict[str, Any], pointer: str
) -> None:
    response = change(client, **fields)
    assert response.status_code == 400
    assert response.json()["errors"][0]["pointer"] == pointer
    before = alice.password
    alice.refresh_from_db()
    assert alice.password == before
