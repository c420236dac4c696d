"""It restricts, changes, rolls and reports API keys."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import ApiKey, Membership, User
from accounts.tests.races import race
from common.models import EventRecord

pytestmark = pytest.mark.django_db
URL = "/api/v1/api-keys"


@pytest.fixture
def client(alice: User, client_for: Callable[[User], APIClient]) -> APIClient:
    return client_for(alice)


def by_key(secret: str) -> APIClient:
    return APIClient(headers={"X-API-Key": secret})


@pytest.mark.parametrize(
    ("field", "value", "pointer"),
    [
        ("models", ["a/b/c"], "/models/0"),
        ("models", ["churn", "-"], "/models/1"),
        ("cidrs", ["10.0.0.0/33"], "/cidrs/0"),
        ("cidrs", ["example.org"], "/cidrs/0"),
        ("models", ["x"] * 101, "/models"),
    ],
)
def test_what_is_no_restriction_is_refused(
    client: APIClient, field: str, value: list[str], pointer: str
) -> None:
    answer = client.post(URL, {"name": "k", field: value})
    assert answer.status_code == 400
    assert pointer in {fault["pointer"] for fault in answer.json()["errors"]}


def test_networks_are_kept_in_one_form(client: APIClient) -> None:
    made = client.post(URL, {"name": "k", "cidrs": ["10.1.2.3/8", "::1", "10.0.0.0/8"]}).json()
    assert made["cidrs"] == ["10.0.0.0/8", "::1/128"]


@pytest.mark.parametrize(
    "wider", [{}, {"models": ["fraud"]}, {"models": ["churn", "fraud"]}, {"models": []}]
)
def test_a_key_for_one_model_makes_none_for_others(
    client: APIClient, wider: dict[str, Any]
) -> None:
    scopes = ["account:write", "account:read"]
    own = client.post(URL, {"name": "k", "models": ["churn"], "scopes": scopes}).json()
    answer = by_key(own["key"]).post(URL, {"name": "n", "scopes": ["account:read"]} | wider)
    assert (answer.status_code, answer.json()["code"]) == (403, "exceeds_own_key")
    mine = by_key(own["key"]).patch(f"{URL}/{own['id']}", {"models": []})
    assert mine.status_code == 403


def test_a_key_from_one_network_makes_none_for_others(client: APIClient) -> None:
    own = client.post(
        URL, {"name": "k", "cidrs": ["127.0.0.0/8"], "scopes": ["account:write"]}
    ).json()
    program = by_key(own["key"])
    narrow = {"name": "n", "scopes": ["account:write"], "cidrs": ["127.0.0.1/32"]}
    assert program.post(URL, narrow).status_code == 201
    for cidrs in ([], ["0.0.0.0/0"], ["10.0.0.0/8"]):
        assert program.post(URL, narrow | {"cidrs": cidrs}).status_code == 403


def test_scopes_can_change_and_hold_at_once(client: APIClient) -> None:
    made = client.post(URL, {"name": "k", "scopes": ["models:read"]}).json()
    path = f"{URL}/{made['id']}"
    assert by_key(made["key"]).get("/api/v1/models").status_code == 200
    assert client.patch(path, {"scopes": ["predict"]}).json()["scopes"] == ["predict"]
    assert by_key(made["key"]).get("/api/v1/models").status_code == 403
    client.post(f"{path}/revoke")
    late = client.patch(path, {"scopes": ["models:read"]})
    assert (late.status_code, late.json()["code"]) == (409, "api_key_not_active")


def test_an_admin_can_not_empower_or_roll_another_persons_key(
    alice: User, bob: User, client_for: Callable[[User], APIClient], key_for: Callable[..., str]
) -> None:
    home = alice.personal_organization
    Membership.objects.create(organization=home, user=bob, role="admin")
    key_for(alice)
    path = f"{URL}/{ApiKey.objects.get().id}"
    admin = client_for(bob)
    assert admin.patch(path, {"name": "renamed"}).status_code == 200
    assert admin.patch(path, {"scopes": ["org:admin"]}).status_code == 403
    assert admin.post(f"{path}/roll", {}).status_code == 403
    assert admin.post(f"{path}/revoke").status_code == 200


def test_rolling_lets_both_work_for_a_while(clock: Any, client: APIClient) -> None:
    old = client.post(URL, {"name": "k", "models": ["churn"], "metadata": {"a": 1}}).json()
    new = client.post(f"{URL}/{old['id']}/roll", {"overlap_seconds": 3600})
    assert new.status_code == 201
    same = ("name", "scopes", "models", "cidrs", "metadata", "expires_at")
    assert {name: new.json()[name] for name in same} == {name: old[name] for name in same}
    assert new.json()["rolled_from"] == old["id"]
    for made in (old, new.json()):
        assert by_key(made["key"]).get("/api/v1/models").status_code == 200
    clock.advance(timedelta(hours=1))
    assert by_key(old["key"]).get("/api/v1/models").status_code == 401
    assert by_key(new.json()["key"]).get("/api/v1/models").status_code == 200


def test_rolling_without_an_overlap_revokes_at_once(client: APIClient) -> None:
    old = client.post(URL, {"name": "k"}).json()
    assert client.post(f"{URL}/{old['id']}/roll", {"overlap_seconds": 0}).status_code == 201
    assert by_key(old["key"]).get("/api/v1/models").status_code == 401
    again = client.post(f"{URL}/{old['id']}/roll", {})
    assert (again.status_code, again.json()["code"]) == (409, "api_key_not_active")


def test_an_overlap_never_lengthens_a_keys_life(clock: Any, client: APIClient) -> None:
    soon = (clock.now + timedelta(minutes=5)).isoformat()
    old = client.post(URL, {"name": "k", "expires_at": soon}).json()
    client.post(f"{URL}/{old['id']}/roll", {"overlap_seconds": 86400})
    assert client.get(f"{URL}/{old['id']}").json()["expires_at"] == old["expires_at"]


def test_a_leaked_key_is_void_and_its_owner_told(client: APIClient, anonymous: APIClient) -> None:
    made = client.post(URL, {"name": "k"}).json()
    twisted = made["key"][:-1] + ("0" if made["key"][-1] != "0" else "1")
    report = [
        {"token": made["key"], "type": "key", "url": "https://x.example/", "source": "content"},
        {"token": twisted, "type": "slipway_api_key", "url": ""},
    ]  # fmt: skip
    answer = anonymous.post(f"{URL}/leaked", report)
    assert [row["label"] for row in answer.json()] == ["true_positive", "false_positive"]
    assert by_key(made["key"]).get("/api/v1/models").status_code == 401
    told = EventRecord.objects.get(type="api_key.leaked")
    assert told.payload["found_at"] == "https://x.example/"
    assert made["key"] not in str(told.payload)


def test_a_report_of_two_at_once_revokes_once(
    transactional_db: None, client: APIClient, alice: User
) -> None:
    made = client.post(URL, {"name": "k"}).json()
    race(4, lambda _: APIClient().post(f"{URL}/leaked", [{"token": made["key"]}]))
    assert EventRecord.objects.filter(type="api_key.leaked").count() == 1


@pytest.mark.parametrize("report", [{}, [], [{"url": "x"}], "x", [{"token": "x"}] * 101])
def test_what_is_no_report_is_refused_or_empty(anonymous: APIClient, report: Any) -> None:
    answer = anonymous.post(f"{URL}/leaked", report)
    assert answer.status_code == (200 if report == [] else 400)
