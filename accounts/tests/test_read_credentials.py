"""It knows who sends a request, by token or key, and tells nothing about what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from pytest_django.fixtures import DjangoAssertNumQueries
from rest_framework.test import APIClient

from accounts import keys
from accounts.actors import actor_for_user
from accounts.api.authentication import actor_by_key
from accounts.models import ApiKey, Membership, Organization, User, UserStatus
from accounts.services import issue_tokens
from accounts.tokens import actor_for_token

pytestmark = pytest.mark.django_db
ME = "/api/v1/auth/me"
INVALID = (
    'Bearer realm="slipway", error="invalid_token", '
    'error_description="The credential is not valid."'
)


def ask(path: str = ME, **headers: str) -> Any:
    return APIClient(headers={name.replace("_", "-"): v for name, v in headers.items()}).get(path)


def test_a_key_works_in_either_header(alice: User, key_for: Callable[..., str]) -> None:
    key = key_for(alice, scopes=["account:read"])
    assert ask(Authorization=f"Bearer {key}").status_code == 200
    assert ask(Authorization=f"bearer {key}").status_code == 200
    assert ask(X_API_Key=key).status_code == 200


def test_a_token_is_no_key(alice: User) -> None:
    assert ask(X_API_Key=issue_tokens(alice).access).status_code == 401


def test_no_credential_is_challenged_without_an_error(anonymous: APIClient) -> None:
    response = anonymous.get(ME)
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == 'Bearer realm="slipway"'
    assert response["Content-Type"] == "application/problem+json"
    assert response.json()["code"] == "not_authenticated"


def test_two_credentials_are_a_bad_request(alice: User, key_for: Callable[..., str]) -> None:
    key = key_for(alice)
    response = ask(Authorization=f"Bearer {key}", X_API_Key=key)
    assert response.status_code == 400
    assert response.json()["code"] == "invalid_request"
    assert 'error="invalid_request"' in response["WWW-Authenticate"]


def test_whatever_is_wrong_with_a_key_the_answer_is_one(
    alice: User, bob: User, key_for: Callable[..., str], clock: Any
) -> None:
    gone = key_for(bob, scopes=["account:read"])
    bob.status, bob.is_active = UserStatus.DEACTIVATED, False
    bob.save()
    good = key_for(alice, scopes=["account:read"])
    ended = key_for(alice, expires_at=clock.now + timedelta(hours=1))
    revoked = key_for(alice, revoked_at=clock.now)
    clock.advance(timedelta(hours=1))
    bad = [
        gone,
        ended,
        revoked,
        keys.make_key(),
        good[:-1] + ("0" if good[-1] != "0" else "1"),
        good[:-1],
        good + "0",
        good.upper(),
        "slip_",
        "",
        "Basic YTpi",
        "x" * 65536,
        "slip_" + "é" * 38,
    ]
    answers = [ask(X_API_Key=key) for key in bad] + [ask(Authorization=f"Bearer {k}") for k in bad]
    assert [answer.status_code for answer in answers] == [401] * len(answers)
    assert {answer["WWW-Authenticate"] for answer in answers} == {INVALID}
    assert len({str({**answer.json(), "request_id": ""}) for answer in answers}) == 1
    assert ask(X_API_Key=good).status_code == 200


def test_what_looks_wrong_asks_no_database(
    alice: User,
    key_for: Callable[..., str],
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    key = key_for(alice)
    with django_assert_num_queries(0):
        assert ask(X_API_Key=key[:-1] + ("0" if key[-1] != "0" else "1")).status_code == 401
        assert ask(Authorization="Bearer " + "x" * 5000).status_code == 401
        assert ask(Authorization="Bearer not.a.token").status_code == 401


def test_a_credential_costs_one_query(
    alice: User,
    key_for: Callable[..., str],
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    key, token = key_for(alice), issue_tokens(alice).access
    actor_by_key(key)  # notes the use
    with django_assert_num_queries(1):
        assert actor_by_key(key).organization.slug == "alice"
    with django_assert_num_queries(1):
        actor = actor_for_token(token)
        assert actor.user.slug == actor.organization.slug == "alice"
    with django_assert_num_queries(1):
        assert actor_for_user(actor.user).role_in(actor.organization.id) == "owner"


def test_use_is_noted_once_a_minute(alice: User, key_for: Callable[..., str], clock: Any) -> None:
    key = key_for(alice)
    row = ApiKey.objects.get()
    noted = []
    for seconds in (0, 30, 29, 1):
        clock.advance(timedelta(seconds=seconds))
        actor_by_key(key)
        row.refresh_from_db()
        noted.append(row.last_used_at)
    assert noted[0] == noted[1] == noted[2] == clock.now - timedelta(minutes=1)
    assert noted[3] == clock.now


def test_a_key_sees_its_organization_alone(alice: User, key_for: Callable[..., str]) -> None:
    team = Organization.objects.create(slug="team", name="Team")
    Membership.objects.create(organization=team, user=alice, role="viewer")
    own, shared = actor_by_key(key_for(alice)), actor_by_key(key_for(alice, organization=team))
    assert own.organization_ids == {alice.personal_organization.id}
    assert shared.organization_ids == {team.id}
    assert shared.role_in(team.id) == "viewer"
    assert shared.role_in(alice.personal_organization.id) == ""
    whole = actor_for_user(alice)
    assert whole.organization_ids == {alice.personal_organization.id, team.id}
    assert whole.administered_ids == {alice.personal_organization.id}


def test_a_key_ends_with_the_membership(alice: User, key_for: Callable[..., str]) -> None:
    team = Organization.objects.create(slug="team", name="Team")
    place = Membership.objects.create(organization=team, user=alice, role="member")
    key = key_for(alice, organization=team, scopes=["account:read"])
    assert ask(X_API_Key=key).status_code == 200
    place.delete()
    assert ask(X_API_Key=key).status_code == 401


def test_an_operators_key_operates_only_with_the_scope(
    olga: User, key_for: Callable[..., str]
) -> None:
    assert actor_for_user(olga).is_operator
    assert not actor_by_key(key_for(olga)).is_operator
    assert actor_by_key(key_for(olga, scopes=["org:admin"])).is_operator


def test_a_missing_scope_is_named(alice: User, key_for: Callable[..., str]) -> None:
    response = ask(X_API_Key=key_for(alice, scopes=["predict"]))
    assert response.status_code == 403
    assert response.json()["code"] == "insufficient_scope"
    assert "account:read" in response.json()["detail"]
    assert response["WWW-Authenticate"] == (
        'Bearer realm="slipway", error="insufficient_scope", scope="account:read"'
    )


def test_a_wrong_method_is_405_and_names_the_right_ones(
    alice: User, client_for: Callable[[User], APIClient]
) -> None:
    response = client_for(alice).delete(ME)
    assert response.status_code == 405
    assert "GET" in response["Allow"]


def test_one_has_a_tag_for_what_one_has_already(
    alice: User, client_for: Callable[[User], APIClient]
) -> None:
    client = client_for(alice)
    tag = client.get(ME)["ETag"]
    assert client.get(ME, headers={"If-None-Match": tag}).status_code == 304
