"""It gives the next pair of tokens to who may still have one, once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import jwt
import pytest
from django.conf import settings
from rest_framework.test import APIClient
from rest_framework_simplejwt.tokens import RefreshToken

from accounts.models import User, UserStatus
from accounts.services import issue_tokens
from accounts.tests.races import race
from common.models import EventRecord

pytestmark = pytest.mark.django_db


def refresh(client: APIClient, token: Any) -> Any:
    return client.post("/api/v1/auth/refresh", {"refresh": token})


def me_status(token: str) -> int:
    client = APIClient(headers={"Authorization": f"Bearer {token}"})
    return int(client.get("/api/v1/auth/me").status_code)


def test_a_refresh_token_gets_an_access_token(anonymous: APIClient, alice: User) -> None:
    response = refresh(anonymous, issue_tokens(alice).refresh)
    assert response.status_code == 200
    assert set(response.json()) == {
        "access", "refresh", "access_token", "refresh_token", "token_type", "expires_in",
    }  # fmt: skip
    assert response["Cache-Control"] == "no-store"
    assert me_status(response.json()["access"]) == 200


def test_who_was_shut_out_gets_none(anonymous: APIClient, alice: User) -> None:
    tokens = issue_tokens(alice)
    alice.status, alice.is_active = UserStatus.SUSPENDED, False
    alice.save()
    assert refresh(anonymous, tokens.refresh).status_code == 401
    assert me_status(tokens.access) == 401


def test_a_token_from_before_a_new_password_gets_none(anonymous: APIClient, alice: User) -> None:
    tokens = issue_tokens(alice)
    alice.token_version += 1
    alice.save()
    assert refresh(anonymous, tokens.refresh).status_code == 401
    assert me_status(tokens.access) == 401


def forged(user: User, **changes: Any) -> dict[str, Any]:
    """The claims of a good token, with some of them changed."""
    good = jwt.decode(issue_tokens(user).refresh, options={"verify_signature": False})
    return good | changes


def test_tokens_that_are_not_ours_are_refused_alike(anonymous: APIClient, alice: User) -> None:
    key = settings.SECRET_KEY
    expired = RefreshToken.for_user(alice)
    expired.set_exp(lifetime=-timedelta(seconds=1))
    bad = [
        issue_tokens(alice).access,
        str(expired),
        jwt.encode(forged(alice), "", algorithm="none"),
        jwt.encode(forged(alice), key, algorithm="HS512"),
        jwt.encode(forged(alice), "x" * 64, algorithm="HS256"),
        jwt.encode(forged(alice, aud="others"), key, algorithm="HS256"),
        jwt.encode(forged(alice, iss="others"), key, algorithm="HS256"),
        jwt.encode(forged(alice, sub="alice"), key, algorithm="HS256"),
        jwt.encode(
            forged(alice, sub="0198c1a0-0000-7000-8000-000000000000"), key, algorithm="HS256"
        ),
        jwt.encode(forged(alice, ver=7), key, algorithm="HS256"),
        jwt.encode(forged(alice, sid="0198c1a0-0000-7000-8000-000000000000"), key),
        jwt.encode(forged(alice, sid=None), key),
        jwt.encode(forged(alice, jti="0" * 32), key),
        jwt.encode(forged(alice), key, headers={"kid": "../../dev/null", "alg": "HS384"}),
        issue_tokens(alice).refresh + "x" * 65536,
        "slip_" + "x" * 38,
        "not.a.token",
        "…",
    ]
    answers = [refresh(anonymous, token) for token in bad]
    assert [answer.status_code for answer in answers] == [401] * len(bad)
    assert len({str({**answer.json(), "request_id": ""}) for answer in answers}) == 1
    # The forger's method is sound: what differs from a good token is the one thing changed.
    assert refresh(anonymous, jwt.encode(forged(alice), key, algorithm="HS256")).status_code == 200


def test_an_access_token_is_what_opens_doors(alice: User) -> None:
    tokens = issue_tokens(alice)
    assert me_status(tokens.access) == 200
    assert me_status(tokens.refresh) == 401


@pytest.mark.parametrize("token", [None, "", 5, ["x"], {"a": 1}])
def test_what_is_no_text_is_refused(anonymous: APIClient, token: Any) -> None:
    assert refresh(anonymous, token).status_code == 400


def test_each_refresh_token_is_good_for_one_use(anonymous: APIClient, alice: User) -> None:
    first = issue_tokens(alice)
    second = refresh(anonymous, first.refresh).json()
    assert second["refresh"] != first.refresh
    third = refresh(anonymous, second["refresh"])
    assert third.status_code == 200
    assert me_status(first.access) == me_status(third.json()["access"]) == 200


def test_the_same_client_that_sends_it_twice_is_told_so(anonymous: APIClient, alice: User) -> None:
    first = issue_tokens(alice)
    second = refresh(anonymous, first.refresh).json()
    again = refresh(anonymous, first.refresh)
    assert (again.status_code, again.json()["code"]) == (409, "concurrent_refresh")
    assert refresh(anonymous, second["refresh"]).status_code == 200
    assert not EventRecord.objects.filter(type="session.reuse_detected").exists()


@pytest.mark.parametrize("how", ["late", "another program", "another network"])
def test_a_copied_token_ends_the_whole_family(
    clock: Any, anonymous: APIClient, alice: User, how: str
) -> None:
    first = issue_tokens(alice)
    other = issue_tokens(alice)
    second = refresh(anonymous, first.refresh).json()
    extra: dict[str, Any] = {}
    match how:
        case "late":
            clock.advance(timedelta(seconds=11))
        case "another program":
            extra = {"HTTP_USER_AGENT": "thief/1.0"}
        case _:
            extra = {"REMOTE_ADDR": "203.0.113.9"}
    stolen = anonymous.post("/api/v1/auth/refresh", {"refresh": first.refresh}, **extra)
    assert (stolen.status_code, stolen.json()["code"]) == (401, "invalid_token")
    assert refresh(anonymous, second["refresh"]).status_code == 401
    assert me_status(first.access) == me_status(second["access"]) == 401
    assert me_status(other.access) == 200
    told = EventRecord.objects.get(type="session.reuse_detected")
    assert told.payload["user_id"] == str(alice.id)


def test_of_fifty_at_once_one_gets_the_next_pair(transactional_db: None, alice: User) -> None:
    first = issue_tokens(alice)
    answers = race(50, lambda _: refresh(APIClient(), first.refresh))
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [200] + [409] * 49
    winner = next(answer for answer in answers if answer.status_code == 200)
    assert refresh(APIClient(), winner.json()["refresh"]).status_code == 200


def test_a_family_ends_after_thirty_days_however_often_it_is_refreshed(
    clock: Any, anonymous: APIClient, alice: User
) -> None:
    token = issue_tokens(alice).refresh
    for _ in range(4):
        clock.advance(timedelta(days=6))
        token = refresh(anonymous, token).json()["refresh"]
    clock.advance(timedelta(days=6, hours=1))
    assert refresh(anonymous, token).status_code == 401
