"""It shares models with people and teams: view, use, edit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts import services as accounts
from accounts.actors import actor_for_user
from accounts.models import Membership, Organization, Team, TeamMembership, User
from accounts.tests.factories import make_key
from accounts.tests.races import race
from common.events import deliver
from common.models import EventRecord
from registry.models import Model, ModelShare
from registry.tests.factories import make_model, make_version

pytestmark = pytest.mark.django_db
MODEL = "/api/v1/models/alice/churn"
SHARES = f"{MODEL}/shares"
ClientFor = Callable[[User], APIClient]


@pytest.fixture
def model(alice: User) -> Model:
    made = make_model(alice)
    make_version(made)
    return made


@pytest.fixture
def client(alice: User, model: Model, client_for: ClientFor) -> APIClient:
    return client_for(alice)


@pytest.fixture
def team(alice: User, bob: User) -> Team:
    made = accounts.create_team(actor=actor_for_user(alice), name="Vision")
    TeamMembership.objects.create(team=made, user=bob, role="member")
    return made


def share(client: APIClient, permission: str, **whom: Any) -> Any:
    return client.post(SHARES, {"permission": permission} | whom)


def reach(client: APIClient) -> tuple[int, int, int]:
    """What seeing, calling and changing it are answered with."""
    return (
        client.get(MODEL).status_code,
        client.post(f"{MODEL}/predict", {"inputs": "wrong"}).status_code,
        client.patch(MODEL, {"description": "x"}).status_code,
    )


@pytest.mark.parametrize(
    ("permission", "reached"),
    [("view", (200, 403, 403)), ("use", (200, 400, 403)), ("edit", (200, 400, 200))],
)
def test_each_permission_gives_what_it_says(
    client: APIClient,
    bob: User,
    client_for: ClientFor,
    permission: str,
    reached: tuple[int, int, int],
) -> None:
    his = client_for(bob)
    assert reach(his) == (404, 404, 404)
    assert share(client, permission, email="Bob@example.org").json()["kind"] == "user"
    assert reach(his) == reached
    assert his.get(MODEL).json()["permission"] == permission


def test_it_is_listed_apart_from_ones_own(
    client: APIClient, bob: User, client_for: ClientFor
) -> None:
    share(client, "use", email="bob@example.org")
    his = client_for(bob)
    shared = his.get("/api/v1/models/shared-with-me").json()["results"]
    assert [(row["reference"], row["permission"]) for row in shared] == [("alice/churn", "use")]
    assert his.get("/api/v1/models").json()["count"] == 0
    assert client.get("/api/v1/models/shared-with-me").json()["count"] == 0


def test_a_share_can_change_and_end(client: APIClient, bob: User, client_for: ClientFor) -> None:
    made = share(client, "edit", email="bob@example.org").json()
    path = f"{SHARES}/{made['id']}"
    assert client.patch(path, {"permission": "view"}).json()["permission"] == "view"
    assert reach(client_for(bob)) == (200, 403, 403)
    assert client.delete(path).status_code == 204
    assert reach(client_for(bob)) == (404, 404, 404)
    assert client.get(path).status_code == 404


def test_whose_it_is_may_give_it_back_and_not_widen_it(
    client: APIClient, bob: User, client_for: ClientFor
) -> None:
    path = f"{SHARES}/{share(client, 'view', email='bob@example.org').json()['id']}"
    his = client_for(bob)
    assert his.patch(path, {"permission": "edit"}).status_code == 403
    assert his.delete(path).status_code == 204
    assert not ModelShare.objects.exists()


def test_nobody_shares_with_themselves(client: APIClient) -> None:
    answer = share(client, "view", email="ALICE@example.org")
    assert (answer.status_code, answer.json()["code"]) == (400, "self_share")


def test_who_was_given_a_share_gives_none(
    client: APIClient, bob: User, charlie: User, client_for: ClientFor
) -> None:
    share(client, "edit", email="bob@example.org")
    answer = share(client_for(bob), "view", email="charlie@example.org")
    assert (answer.status_code, answer.json()["code"]) == (403, "share_denied")


def test_sharing_twice_is_a_conflict(client: APIClient, bob: User) -> None:
    assert share(client, "view", email="bob@example.org").status_code == 201
    answer = share(client, "edit", email="bob@example.org")
    assert (answer.status_code, answer.json()["code"]) == (409, "already_shared")


def test_of_two_who_share_it_at_once_one_does(
    transactional_db: None, model: Model, bob: User, alice: User, client_for: ClientFor
) -> None:
    outcomes = race(4, lambda _: share(client_for(alice), "view", email="bob@example.org"))
    assert sorted(answer.status_code for answer in outcomes) == [201, 409, 409, 409]


@pytest.mark.parametrize(
    "whom",
    [
        {},
        {"email": "bob@example.org", "team": "0198c1a0-0000-7000-8000-000000000000"},
        {"team": "0198c1a0-0000-7000-8000-000000000000"},
        {"email": "no address"},
        {"email": "bob@example.org", "permission": "own"},
    ],
)
def test_what_makes_no_sense_is_refused(client: APIClient, bob: User, whom: dict[str, str]) -> None:
    assert client.post(SHARES, {"permission": "view"} | whom).status_code == 400
    assert not ModelShare.objects.exists()


def test_a_team_is_given_it_together(
    client: APIClient, bob: User, charlie: User, team: Team, client_for: ClientFor
) -> None:
    made = share(client, "edit", team=str(team.id)).json()
    assert (made["kind"], made["team_name"], made["email"]) == ("team", "Vision", None)
    assert reach(client_for(bob)) == (200, 400, 200)
    assert reach(client_for(charlie)) == (404, 404, 404)


def test_a_viewer_of_a_team_only_sees(
    client: APIClient, bob: User, team: Team, client_for: ClientFor
) -> None:
    share(client, "edit", team=str(team.id))
    TeamMembership.objects.filter(user=bob).update(role="viewer")
    assert reach(client_for(bob)) == (200, 403, 403)


def test_the_best_of_several_shares_counts(
    client: APIClient, bob: User, team: Team, client_for: ClientFor
) -> None:
    share(client, "use", email="bob@example.org")
    share(client, "view", team=str(team.id))
    assert client_for(bob).get(MODEL).json()["permission"] == "use"
    listed = client_for(bob).get("/api/v1/models/shared-with-me").json()
    assert listed["count"] == 1


@pytest.mark.parametrize("end", ["leave", "delete"])
def test_what_a_team_had_ends_with_it(
    client: APIClient, alice: User, bob: User, team: Team, client_for: ClientFor, end: str
) -> None:
    share(client, "use", team=str(team.id))
    if end == "leave":
        accounts.remove_team_member(team, bob.id, actor=actor_for_user(bob))
    else:
        accounts.delete_team(team, actor=actor_for_user(alice))
    assert reach(client_for(bob)) == (404, 404, 404)


def test_a_key_of_ones_own_reaches_it_and_one_of_another_organization_does_not(
    client: APIClient, bob: User
) -> None:
    share(client, "use", email="bob@example.org")
    own = APIClient(headers={"X-API-Key": make_key(bob)})
    assert own.get(MODEL).status_code == 200
    acme = Organization.objects.create(slug="acme", name="Acme")
    Membership.objects.create(organization=acme, user=bob, role="owner")
    away = APIClient(headers={"X-API-Key": make_key(bob, organization=acme)})
    assert away.get(MODEL).status_code == 404


def test_it_answers_by_owner_and_name_through_v2_as_well(
    client: APIClient, bob: User, client_for: ClientFor
) -> None:
    share(client, "view", email="bob@example.org")
    his = client_for(bob)
    for ref in ("alice/churn", "alice%2Fchurn"):
        assert his.get(f"/v2/models/{ref}").status_code == 200
        assert his.post(f"/v2/models/{ref}/infer", {"inputs": []}).status_code == 403


def test_a_bare_name_is_ones_own_before_it_is_a_shared_one(
    client: APIClient, bob: User, client_for: ClientFor
) -> None:
    share(client, "view", email="bob@example.org")
    his = client_for(bob)
    assert his.get("/api/v1/models/churn").json()["owner"] == "alice"
    make_model(bob)
    assert his.get("/api/v1/models/churn").json()["owner"] == "bob"


def test_an_unknown_address_gets_an_invitation_and_the_model_with_the_account(
    client: APIClient, client_for: ClientFor
) -> None:
    made = share(client, "use", email="Dora@example.org").json()
    assert (made["kind"], made["email"]) == ("invitation", "Dora@example.org")
    dora = accounts.register_user(email="dora@example.org", password="a wholly new phrase")
    deliver(EventRecord.objects.get(type="user.registered"))
    assert client_for(dora).get(MODEL).json()["permission"] == "use"
    listed = client.get(SHARES).json()["results"]
    assert [(row["kind"], row["email"]) for row in listed] == [("user", "dora@example.org")]


def test_the_models_of_who_is_deleted_answer_nobody(
    client: APIClient, alice: User, bob: User, olga: User, client_for: ClientFor
) -> None:
    share(client, "use", email="bob@example.org")
    accounts.delete_user(alice, actor=actor_for_user(olga))
    deliver(EventRecord.objects.get(type="user.deleted"))
    answer = client_for(bob).post(f"{MODEL}/predict", {"inputs": [[1, 2]]})
    assert (answer.status_code, answer.json()["code"]) == (409, "model_archived")


def test_lists_cost_the_same_however_long(
    client: APIClient,
    alice: User,
    bob: User,
    make_user: Callable[..., User],
    client_for: ClientFor,
    django_assert_max_num_queries: Any,
) -> None:
    for number in range(10):
        make_user(f"m{number}@example.org")
        share(client, "view", email=f"m{number}@example.org")
        other = make_model(alice, f"model-{number}")
        ModelShare.objects.create(model=other, user=bob, permission="view", shared_by=alice)
    with django_assert_max_num_queries(6):
        assert client.get(SHARES).json()["count"] == 10
    his = client_for(bob)
    with django_assert_max_num_queries(5):
        assert his.get("/api/v1/models/shared-with-me").json()["count"] == 10
