"""It keeps addresses out at the edge as Django does, within a second of the rule."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from accounts import services
from accounts.actors import Actor, actor_for_user
from accounts.models import IpRule, Membership, Organization, User
from inference.edge.app import Edge
from inference.tests.conftest import GoLive
from inference.tests.wsgi import ask
from registry.models import Model

pytestmark = pytest.mark.django_db(transaction=True)
PATH = "/api/v1/models/alice/churn/predict"
BODY = {"inputs": [[1.0, 2.0]]}
HERE, THERE = {"REMOTE_ADDR": "203.0.113.9"}, {"REMOTE_ADDR": "198.51.100.9"}
HARD_BOUND = 1.0  # seconds until it holds, at the very most


@pytest.fixture
def model(go_live: GoLive) -> Model:
    rows = np.random.default_rng(0).normal(size=(50, 2))
    return go_live(LogisticRegression().fit(rows, rows[:, 0] > 0)).model


@pytest.fixture
def operator(olga: User) -> Actor:
    return actor_for_user(olga)


def status(edge: Edge, key: str, where: dict[str, str]) -> int:
    return ask(edge, PATH, BODY, key=key, **where).status


def await_status(edge: Edge, key: str, where: dict[str, str], wanted: int) -> None:
    began = time.monotonic()
    while (found := status(edge, key, where)) != wanted:
        assert time.monotonic() - began < HARD_BOUND, found


def test_a_global_rule_holds_and_is_lifted(
    edge: Edge, model: Model, alice: User, operator: Actor, key_for: Callable[..., str]
) -> None:
    key = key_for(alice)
    assert status(edge, key, HERE) == 200
    # As another process would write it: nothing here hears of it but by the event.
    services.create_ip_rule(actor=operator, effect="block", network="203.0.113.0/24")
    await_status(edge, key, HERE, 403)
    assert status(edge, key, THERE) == 200
    services.lift_ip_rule(IpRule.objects.get(), actor=operator)
    await_status(edge, key, HERE, 200)


def test_a_key_works_from_its_networks_alone(
    edge: Edge, model: Model, alice: User, key_for: Callable[..., str]
) -> None:
    key = key_for(alice, cidrs=["203.0.113.0/24"])
    for _ in range(3):  # read, and then remembered
        assert status(edge, key, HERE) == 200
        refused = ask(edge, PATH, BODY, key=key, **THERE)
        assert (refused.status, refused.json["code"]) == (403, "address_not_allowed")


def test_an_organizations_list_holds_for_its_keys_and_tokens(
    edge: Edge, model: Model, alice: User, bob: User, key_for: Callable[..., str]
) -> None:
    home: Organization = alice.personal_organization
    Membership.objects.create(organization=home, user=bob, role="member")
    key = key_for(alice)
    token = services.issue_tokens(bob).access
    for credential in (key, token):
        assert status(edge, credential, THERE) == 200
    services.create_ip_rule(
        actor=actor_for_user(alice), organization=home, effect="allow", network="203.0.113.0/24"
    )
    await_status(edge, key, THERE, 403)
    # A person's token goes on, without the organization: its models are not known from there.
    await_status(edge, token, THERE, 404)
    for credential in (key, token):
        assert status(edge, credential, HERE) == 200
