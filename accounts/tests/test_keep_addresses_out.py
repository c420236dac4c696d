"""It keeps out whom a rule names, and nobody else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from accounts.guards import guard
from accounts.models import IpRule, Membership, Organization, User
from common.models import EventRecord

pytestmark = pytest.mark.django_db
RULES = "/api/v1/admin/ip-rules"
MODELS = "/api/v1/models"
HERE, THERE = "203.0.113.9", "198.51.100.9"
ClientFor = Callable[[User], APIClient]


@pytest.fixture
def operator(olga: User, client_for: ClientFor) -> APIClient:
    return client_for(olga)


def rule(client: APIClient, effect: str, network: str, **fields: Any) -> Any:
    return client.post(RULES, {"effect": effect, "network": network} | fields)


def status_from(client: Any, address: str, path: str = MODELS) -> int:
    return int(client.get(path, REMOTE_ADDR=address).status_code)


def test_a_blocked_network_gets_nothing_but_health(
    operator: APIClient, alice: User, client_for: ClientFor
) -> None:
    hers, page = client_for(alice), Client()
    assert rule(operator, "block", "203.0.113.0/24").status_code == 201
    for client, path in ((hers, MODELS), (page, "/login"), (page, "/"), (page, "/openapi.json")):
        assert status_from(client, HERE, path) == 403
        assert status_from(client, THERE, path) == 200
    assert status_from(page, HERE, "/live") == 200
    refused = hers.get(MODELS, REMOTE_ADDR=HERE).json()
    assert (refused["code"], "203.0.113" in str(refused)) == ("address_blocked", False)


def test_lifting_lets_in_and_keeps_the_row(operator: APIClient, anonymous: APIClient) -> None:
    made = rule(operator, "block", "203.0.113.0/24", reason="noise").json()
    assert status_from(anonymous, HERE, "/login") == 403
    assert operator.delete(f"{RULES}/{made['id']}").status_code == 204
    assert status_from(anonymous, HERE, "/login") == 200
    kept = operator.get(f"{RULES}/{made['id']}").json()
    assert (kept["state"], kept["reason"]) == ("lifted", "noise")
    types = list(EventRecord.objects.filter(type="ip_rules.changed").order_by("id"))
    assert [row.payload["what"] for row in types] == ["made", "lifted"]


def test_a_narrower_allow_is_an_exception(operator: APIClient, anonymous: APIClient) -> None:
    rule(operator, "block", "203.0.113.0/24")
    rule(operator, "allow", "203.0.113.9")
    assert status_from(anonymous, HERE, "/login") == 200
    assert status_from(anonymous, "203.0.113.10", "/login") == 403
    rule(operator, "block", "203.0.113.9/32")
    assert status_from(anonymous, HERE, "/login") == 403


def test_a_rule_ends_by_itself(clock: Any, operator: APIClient, anonymous: APIClient) -> None:
    end = (clock.now + timedelta(hours=1)).isoformat()
    rule(operator, "block", "2001:db8::/32", expires_at=end)
    assert status_from(anonymous, "2001:db8::1", "/login") == 403
    clock.advance(timedelta(hours=1))
    assert status_from(anonymous, "2001:db8::1", "/login") == 200
    past = (clock.now - timedelta(seconds=1)).isoformat()
    assert rule(operator, "block", "2001:db8::/32", expires_at=past).status_code == 400


@pytest.mark.parametrize("network", ["127.0.0.0/8", "0.0.0.0/0", "127.0.0.1"])
def test_nobody_blocks_themselves(operator: APIClient, network: str) -> None:
    answer = rule(operator, "block", network)
    assert (answer.status_code, answer.json()["code"]) == (409, "would_lock_you_out")
    assert not IpRule.objects.exists()


def test_everybody_else_can_be_blocked_once_one_is_excepted(operator: APIClient) -> None:
    assert rule(operator, "allow", "127.0.0.0/8").status_code == 201
    assert rule(operator, "block", "0.0.0.0/0").status_code == 201


@pytest.mark.parametrize("network", ["", "x", "203.0.113.0/33", "203.0.113.0-9"])
def test_what_is_no_network_is_refused(operator: APIClient, network: str) -> None:
    answer = rule(operator, "block", network)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"] == "/network"


def test_a_dry_run_says_whom_it_would_hit_and_makes_nothing(
    operator: APIClient, alice: User
) -> None:
    Client().post(
        "/login", {"email": alice.email, "password": "correct horse battery"}, REMOTE_ADDR=HERE
    )
    answer = operator.post(
        f"{RULES}?dry_run=true", {"effect": "block", "network": "203.0.113.7/24"}
    )
    assert answer.json()["network"] == "203.0.113.0/24"
    hits = [(hit["address"], hit["people"]) for hit in answer.json()["would_be_hit"]]
    assert hits == [(HERE, 1)]
    assert not IpRule.objects.exists()


@pytest.fixture
def acme(alice: User) -> Organization:
    made = Organization.objects.create(slug="acme", name="Acme")
    Membership.objects.create(organization=made, user=alice, role="owner")
    return made


def test_an_organizations_list_holds_for_its_keys_and_its_people(
    acme: Organization, alice: User, client_for: ClientFor, key_for: Callable[..., str]
) -> None:
    own = f"/api/v1/organizations/{acme.slug}/ip-rules"
    hers = client_for(alice)
    key = APIClient(headers={"X-API-Key": key_for(alice, organization=acme)})
    out = hers.post(own, {"effect": "allow", "network": "203.0.113.0/24"})
    assert (out.status_code, out.json()["code"]) == (409, "would_lock_you_out")
    for network in ("127.0.0.0/8", "203.0.113.0/24"):
        assert hers.post(own, {"effect": "allow", "network": network}).status_code == 201
    assert status_from(key, HERE) == 200
    refused = key.get(MODELS, REMOTE_ADDR=THERE)
    assert (refused.status_code, refused.json()["code"]) == (403, "address_not_allowed")
    # A person is in several organizations: this one is not to be seen from there.
    assert status_from(hers, THERE, "/api/v1/organizations/acme") == 404
    assert status_from(hers, HERE, "/api/v1/organizations/acme") == 200
    assert status_from(hers, THERE, "/api/v1/organizations/alice") == 200


def test_a_key_works_from_its_networks_alone(alice: User, key_for: Callable[..., str]) -> None:
    key = APIClient(headers={"X-API-Key": key_for(alice, cidrs=["203.0.113.0/24", "::1/128"])})
    assert status_from(key, HERE) == 200
    assert status_from(key, "::1") == 200
    assert status_from(key, "::ffff:203.0.113.9") == 200
    for address in (THERE, "2001:db8::1", ""):
        assert key.get(MODELS, REMOTE_ADDR=address).json()["code"] == "address_not_allowed"


def test_a_forged_header_is_no_way_around(operator: APIClient, anonymous: APIClient) -> None:
    rule(operator, "block", "203.0.113.0/24")
    answer = anonymous.get("/login", REMOTE_ADDR=HERE, headers={"X-Forwarded-For": THERE})
    assert answer.status_code == 403


def test_looking_rules_up_asks_nobody(operator: APIClient, django_assert_num_queries: Any) -> None:
    rule(operator, "block", "203.0.113.0/24")
    guard.reload()
    with django_assert_num_queries(0):
        for _ in range(100):
            guard.check(THERE)


def test_lists_cost_the_same_however_long(
    operator: APIClient, django_assert_max_num_queries: Any
) -> None:
    for number in range(30):
        rule(operator, "block", f"203.0.113.{number}")
    with django_assert_max_num_queries(5):
        assert operator.get(RULES).json()["count"] == 30
