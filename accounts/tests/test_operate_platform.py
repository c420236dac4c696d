"""The operators' routes: accounts, many at once, everybody's activity, the audit trail."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from rest_framework.test import APIClient

from accounts import services
from accounts.actors import actor_for_user
from accounts.models import User
from accounts.tasks import check_audit
from common.models import EventRecord
from common.tasks import seal_events

pytestmark = pytest.mark.django_db
ClientFor = Callable[[User], APIClient]
ROUTES = ("users", "users/bulk", "activity", "audit", "notifications")


@pytest.mark.parametrize("route", ROUTES)
def test_only_operators_may(
    alice: User, olga: User, client_for: ClientFor, anonymous: APIClient,
    key_for: Callable[..., str], route: str,
) -> None:  # fmt: skip
    def status(client: APIClient) -> int:
        path = f"/api/v1/admin/{route}"
        body = {"ids": [str(uuid4())], "action": "activate"}
        response = client.post(path, body) if route == "users/bulk" else client.get(path)
        return int(response.status_code)

    def by_key(user: User, *scopes: str) -> APIClient:
        return APIClient(headers={"X-API-Key": key_for(user, scopes=scopes)})

    assert status(client_for(olga)) == 200
    assert status(by_key(olga, "org:admin")) == 200
    assert status(by_key(olga, "account:read", "account:write")) == 403
    assert status(by_key(alice, "org:admin")) == 403
    assert status(client_for(alice)) == 403
    assert status(anonymous) == 401


def test_accounts_are_searched_filtered_and_ordered(
    alice: User, bob: User, olga: User, client_for: ClientFor
) -> None:
    services.suspend_user(bob, actor=actor_for_user(olga))
    client = client_for(olga)

    def emails(query: str) -> list[str]:
        rows = client.get(f"/api/v1/admin/users?{query}").json()["results"]
        return [row["email"].partition("@")[0] for row in rows]

    assert emails("") == ["olga", "bob", "alice"]
    assert emails("search=ALICE") == ["alice"]
    assert emails("search=bob example") == ["bob"]
    assert emails("status=suspended") == ["bob"]
    assert emails("staff=true") == ["olga"]
    assert emails("order=email") == ["alice", "bob", "olga"]
    assert emails("order=-email&page_size=1") == ["olga"]
    assert client.get("/api/v1/admin/users?order=password").status_code == 400


def test_a_list_of_accounts_costs_few_queries(
    make_user: Callable[..., User], olga: User, client_for: ClientFor,
    django_assert_max_num_queries: Callable[..., Any],
) -> None:  # fmt: skip
    for i in range(20):
        make_user(f"user{i}@example.org")
    client = client_for(olga)
    with django_assert_max_num_queries(4):
        body = client.get("/api/v1/admin/users?page_size=50").json()
    assert body["count"] == 21
    assert {row["slug"] for row in body["results"]} >= {"user0", "user19"}


def test_an_account_shows_the_steps_of_its_life(
    alice: User, olga: User, client_for: ClientFor
) -> None:
    who = actor_for_user(olga)
    services.suspend_user(alice, actor=who, reason="unpaid")
    services.activate_user(alice, actor=who, reason="paid")
    client = client_for(olga)
    body = client.get(f"/api/v1/admin/users/{alice.id}").json()
    steps = [(step["before"], step["after"], step["reason"]) for step in body["history"]]
    assert steps == [("suspended", "active", "paid"), ("active", "suspended", "unpaid")]
    assert (body["keys"], body["organizations"]) == (0, 1)
    assert client.get(f"/api/v1/admin/users/{uuid4()}").status_code == 404


def test_many_accounts_change_at_once_each_with_its_result(
    alice: User, bob: User, olga: User, client_for: ClientFor
) -> None:
    nobody = uuid4()
    ids = [str(id_) for id_ in (alice.id, olga.id, nobody, bob.id)]
    client = client_for(olga)
    body = client.post("/api/v1/admin/users/bulk", {"ids": ids, "action": "deactivate"}).json()
    found = [(row["id"], row["ok"], row["code"]) for row in body["results"]]
    assert [ok for _, ok, _ in found] == [True, False, False, True]
    assert [id_ for id_, _, _ in found] == ids
    assert found[2][2] == "user_not_found"
    assert found[1][2] != ""
    assert [User.objects.get(id=id_).status for id_ in (alice.id, olga.id, bob.id)] == [
        "deactivated",
        "active",
        "deactivated",
    ]
    assert EventRecord.objects.filter(type="user.deactivated", actor_id=olga.id).count() == 2


def test_many_accounts_are_deleted(
    alice: User, bob: User, olga: User, client_for: ClientFor
) -> None:
    body = {"ids": [str(alice.id), str(bob.id)], "action": "delete", "reason": "asked for"}
    rows = client_for(olga).post("/api/v1/admin/users/bulk", body).json()["results"]
    assert [row["status"] for row in rows] == ["deleted", "deleted"]
    assert not User.objects.filter(email__contains="alice").exists()


@pytest.mark.parametrize(
    "body",
    [
        {"ids": [], "action": "activate"},
        {"ids": ["x"], "action": "activate"},
        {"ids": [str(uuid4())], "action": "explode"},
        {"ids": [str(uuid4()) for _ in range(201)], "action": "activate"},
    ],
)
def test_a_wrong_bulk_is_refused(olga: User, client_for: ClientFor, body: Any) -> None:
    assert client_for(olga).post("/api/v1/admin/users/bulk", body).status_code == 400


def test_operators_see_what_everybody_does(
    alice: User, bob: User, olga: User, client_for: ClientFor
) -> None:
    for user in (alice, bob):
        services.create_api_key(actor=actor_for_user(user), name="robot")
    client = client_for(olga)
    rows = client.get("/api/v1/admin/activity").json()["results"]
    assert [row["actor"] for row in rows] == ["bob@example.org", "alice@example.org"]
    rows = client.get(f"/api/v1/admin/activity?actor={alice.id}").json()["results"]
    assert [row["actor"] for row in rows] == ["alice@example.org"]


@pytest.mark.django_db(transaction=True)
def test_the_audit_says_whether_it_holds(alice: User, olga: User, client_for: ClientFor) -> None:
    services.create_api_key(actor=actor_for_user(alice), name="robot")
    client = client_for(olga)
    state = client.get("/api/v1/admin/audit").json()["state"]
    assert (state["check"], state["unsealed"]) == (None, 1)
    seal_events()
    check_audit()
    body = client.get("/api/v1/admin/audit").json()
    assert (body["state"]["check"]["broken"], body["state"]["unsealed"]) == (0, 0)
    assert [row["number"] for row in body["results"]] == [1]
