"""It lets people make teams, across organizations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import Membership, Organization, Team, User
from accounts.tests.factories import make_key

pytestmark = pytest.mark.django_db
URL = "/api/v1/teams"
ClientFor = Callable[[User], APIClient]


@pytest.fixture
def client(alice: User, client_for: ClientFor) -> APIClient:
    return client_for(alice)


@pytest.fixture
def team(client: APIClient) -> str:
    return f"{URL}/{client.post(URL, {'name': 'Vision'}).json()['id']}"


def test_a_name_is_enough(client: APIClient) -> None:
    body = client.post(URL, {"name": "Vision"}).json()
    assert (body["organization"], body["role"], body["members"]) == ("alice", "owner", 1)


def test_names_are_unique_in_an_organization_without_case(client: APIClient, team: str) -> None:
    answer = client.post(URL, {"name": "VISION"})
    assert (answer.status_code, answer.json()["code"]) == (409, "name_taken")


def test_a_deleted_team_gives_its_name_free_and_keeps_its_row(client: APIClient, team: str) -> None:
    assert client.delete(team).status_code == 204
    assert client.get(team).status_code == 404
    assert client.post(URL, {"name": "Vision"}).status_code == 201
    assert Team.objects.filter(deleted_at__isnull=False).count() == 1


def test_somebody_of_another_organization_sees_the_team_and_nothing_else(
    client: APIClient, team: str, bob: User, client_for: ClientFor
) -> None:
    assert client.post(f"{team}/members", {"email": "BOB@example.org"}).status_code == 201
    his = client_for(bob)
    assert his.get(team).json()["role"] == "member"
    assert his.get("/api/v1/organizations/alice").status_code == 404
    assert his.patch(team, {"name": "x"}).status_code == 403
    assert client.post(f"{team}/members", {"email": "bob@example.org"}).status_code == 409


def test_an_admin_of_the_team_manages_it(
    client: APIClient, team: str, bob: User, charlie: User, client_for: ClientFor
) -> None:
    client.post(f"{team}/members", {"email": "bob@example.org", "role": "admin"})
    his = client_for(bob)
    assert his.post(f"{team}/members", {"email": "charlie@example.org"}).status_code == 201
    assert his.delete(f"{team}/members/{charlie.id}").status_code == 204
    client.patch(f"{team}/members/{bob.id}", {"role": "viewer"})
    assert his.patch(team, {"name": "x"}).status_code == 403


def test_whoever_has_no_account_can_not_be_added(client: APIClient, team: str) -> None:
    answer = client.post(f"{team}/members", {"email": "nobody@example.org"})
    assert (answer.status_code, answer.json()["code"]) == (400, "user_not_found")


def test_a_viewer_of_an_organization_makes_no_teams(
    alice: User, bob: User, client_for: ClientFor
) -> None:
    Membership.objects.create(organization=alice.personal_organization, user=bob, role="viewer")
    answer = client_for(bob).post(URL, {"name": "x", "organization": "alice"})
    assert answer.status_code == 403


def test_a_key_of_one_organization_sees_that_ones_teams(
    client: APIClient, team: str, bob: User
) -> None:
    client.post(f"{team}/members", {"email": "bob@example.org"})
    home = make_key(bob, scopes=["account:read"])
    assert APIClient(headers={"X-API-Key": home}).get(URL).json()["count"] == 1
    acme = Organization.objects.create(slug="acme", name="Acme")
    Membership.objects.create(organization=acme, user=bob, role="owner")
    away = make_key(bob, scopes=["account:read"], organization=acme)
    assert APIClient(headers={"X-API-Key": away}).get(URL).json()["count"] == 0


def test_lists_cost_the_same_however_long(
    client: APIClient,
    team: str,
    make_user: Callable[..., User],
    django_assert_max_num_queries: Any,
) -> None:
    for number in range(10):
        make_user(f"m{number}@example.org")
        client.post(URL, {"name": f"t{number}"})
        client.post(f"{team}/members", {"email": f"m{number}@example.org"})
    for path in (URL, f"{team}/members"):
        with django_assert_max_num_queries(5):
            assert client.get(path).json()["count"] == 11
