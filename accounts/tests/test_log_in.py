"""It lets in who knows the password, and tells others nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.hashers import make_password
from rest_framework.test import APIClient

from accounts import hashers
from accounts.models import User, UserStatus
from accounts.tests.factories import PASSWORD
from common.models import EventRecord

pytestmark = pytest.mark.django_db
URL = "/api/v1/auth/login"


def log_in(client: APIClient, **fields: Any) -> Any:
    return client.post(URL, {"email": "alice@example.org", "password": PASSWORD} | fields)


def test_the_right_password_gets_tokens(anonymous: APIClient, alice: User) -> None:
    response = log_in(anonymous)
    assert response.status_code == 200
    body = response.json()
    assert body["access"] == body["access_token"]
    assert body["refresh"] == body["refresh_token"]
    assert (body["token_type"], body["expires_in"]) == ("bearer", 1800)
    assert response["Cache-Control"] == "no-store"
    me = APIClient(headers={"Authorization": f"Bearer {body['access']}"}).get("/api/v1/auth/me")
    assert me.json()["email"] == "alice@example.org"


def test_a_form_as_oauth_sends_it_works_too(anonymous: APIClient, alice: User) -> None:
    form = (
        "grant_type=password&username=alice%40example.org&password=correct+horse+battery"
        "&scope=&client_id=&client_secret="
    )
    response = anonymous.generic("POST", URL, form, "application/x-www-form-urlencoded")
    assert response.status_code == 200
    assert response.json()["access_token"]


def test_a_login_is_noted(anonymous: APIClient, alice: User) -> None:
    log_in(anonymous)
    alice.refresh_from_db()
    assert alice.last_login is not None
    row = EventRecord.objects.get(type="user.logged_in")
    assert (row.actor_id, row.organization_id) == (alice.id, alice.personal_organization.id)


@pytest.mark.parametrize("email", ["ALICE@example.org", " alice@EXAMPLE.org ", "alice@example.ORG"])
def test_the_address_may_be_written_otherwise(
    anonymous: APIClient, alice: User, email: str
) -> None:
    assert log_in(anonymous, email=email).status_code == 200


def test_strangers_and_wrong_passwords_get_one_answer(anonymous: APIClient, alice: User) -> None:
    answers = [
        log_in(anonymous, password="not the password"),
        log_in(anonymous, email="nobody@example.org"),
        log_in(anonymous, email="no address at all"),
    ]
    alice.status, alice.is_active = UserStatus.SUSPENDED, False
    alice.save()
    answers.append(log_in(anonymous))
    assert {answer.status_code for answer in answers} == {401}
    assert {answer["WWW-Authenticate"] for answer in answers} == {'Bearer realm="slipway"'}
    bodies = [{**answer.json(), "request_id": ""} for answer in answers]
    assert bodies == [bodies[0]] * 4
    assert bodies[0]["code"] == "invalid_credentials"


@pytest.mark.parametrize("email", ["alice@example.org", "nobody@example.org"])
def test_a_stranger_costs_a_hash_as_well(
    anonymous: APIClient, alice: User, monkeypatch: pytest.MonkeyPatch, email: str
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(hashers, "permits", hashers.Permits(0))
        patch.setattr(hashers, "MOST_WAITING", 0)
        response = log_in(anonymous, email=email)
    assert response.status_code == 503
    assert response["Retry-After"] == "1"
    assert response.json()["code"] == "busy"
    assert log_in(anonymous, email=email).status_code in (200, 401)


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"password": "x" * 1025}, "/password"),
        ({"password": ""}, "/password"),
        ({"password": None}, "/password"),
        ({"email": ""}, "/email"),
        ({"username": "alice"}, "/username"),
        ({"is_staff": True}, "/is_staff"),
    ],
)
def test_a_wrong_field_is_named(
    anonymous: APIClient, alice: User, fields: dict[str, Any], pointer: str
) -> None:
    response = log_in(anonymous, **fields)
    assert response.status_code == 400
    assert [fault["pointer"] for fault in response.json()["errors"]] == [pointer]


@pytest.mark.parametrize(
    "form",
    [
        "username=alice%40example.org&password=%00%01",
        "username=alice%00%40example.org&password=correct+horse+battery",
        "email=alice%40example.org&password=correct+horse+battery",
        "username=%ff%fe&password=",
        "&".join(f"a{number}=1" for number in range(1001)),
    ],
)
def test_a_wrong_form_is_refused(anonymous: APIClient, alice: User, form: str) -> None:
    response = anonymous.generic("POST", URL, form, "application/x-www-form-urlencoded")
    assert response.status_code in (400, 401, 413), response.content


def test_only_json_and_forms_are_read(anonymous: APIClient) -> None:
    assert anonymous.generic("POST", URL, "x", "multipart/form-data").status_code == 415


def test_a_credential_is_not_looked_at(anonymous: APIClient, alice: User) -> None:
    anonymous.credentials(HTTP_AUTHORIZATION="Bearer expired-long-ago")
    assert log_in(anonymous).status_code == 200


def test_an_imported_bcrypt_hash_becomes_argon2id(anonymous: APIClient, alice: User) -> None:
    alice.password = make_password(PASSWORD, hasher="bcrypt")
    alice.save()
    assert log_in(anonymous).status_code == 200
    alice.refresh_from_db()
    assert alice.password.startswith("argon2$argon2id$v=19$m=19456,t=2,p=1$")
    assert log_in(anonymous).status_code == 200


def test_a_password_composed_otherwise_is_the_same(
    anonymous: APIClient, make_user: Callable[..., User]
) -> None:
    make_user("dora@example.org", password=make_password("Caf\u00e9 au lait"))
    form = "username=dora%40example.org&password=Cafe%CC%81+au+lait"
    response = anonymous.generic("POST", URL, form, "application/x-www-form-urlencoded")
    assert response.status_code == 200
