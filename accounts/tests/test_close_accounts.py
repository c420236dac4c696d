"""It suspends, closes and deletes accounts, and keeps their history."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from rest_framework.test import APIClient

from accounts import services
from accounts.actors import Actor, actor_for_user
from accounts.errors import NotYourAccount, OperatorsOnly, StatusFinal
from accounts.models import ApiKey, Membership, Organization, StatusChange, TeamMembership, User
from accounts.tests.factories import PASSWORD, make_key
from common.errors import Conflict
from common.models import EventRecord

pytestmark = pytest.mark.django_db
CREDENTIALS = {"email": "alice@example.org", "password": PASSWORD}


@pytest.fixture
def operator(olga: User) -> Actor:
    return actor_for_user(olga)


@pytest.mark.parametrize("shut", [services.suspend_user, services.deactivate_user])
def test_keys_wait_for_the_account_and_tokens_do_not(
    alice: User,
    operator: Actor,
    client_for: Callable[[User], APIClient],
    shut: Callable[..., User],
) -> None:
    key, token = APIClient(headers={"X-API-Key": make_key(alice)}), client_for(alice)
    shut(alice, actor=operator, reason="abuse")
    for client in (key, token):
        assert client.get("/api/v1/models").status_code == 401
    assert APIClient().post("/api/v1/auth/login", CREDENTIALS).status_code == 401
    services.activate_user(alice, actor=operator)
    assert key.get("/api/v1/models").status_code == 200
    assert token.get("/api/v1/models").status_code == 401
    steps = StatusChange.objects.filter(user=alice).order_by("id")
    assert [(step.before, step.after, step.reason) for step in steps] == [
        ("active", steps[0].after, "abuse"),
        (steps[0].after, "active", ""),
    ]


def test_doing_it_twice_is_doing_it_once(alice: User, operator: Actor) -> None:
    for _ in range(2):
        services.suspend_user(alice, actor=operator)
    assert StatusChange.objects.count() == 1
    assert EventRecord.objects.filter(type="user.suspended").count() == 1


def test_one_may_close_ones_own_account_and_nobody_elses(alice: User, bob: User) -> None:
    with pytest.raises(OperatorsOnly):
        services.deactivate_user(bob, actor=actor_for_user(alice))
    services.deactivate_user(alice, actor=actor_for_user(alice))
    alice.refresh_from_db()
    assert (alice.status, alice.is_active) == ("deactivated", False)


def test_an_operator_can_not_shut_themselves_out(olga: User, operator: Actor) -> None:
    for act in (services.suspend_user, services.deactivate_user, services.delete_user,
                services.dismiss_operator):  # fmt: skip
        with pytest.raises(NotYourAccount):
            act(olga, actor=operator)


def test_deleting_leaves_nothing_of_the_person(alice: User, bob: User, operator: Actor) -> None:
    key = make_key(alice)
    acme = Organization.objects.create(slug="acme", name="Acme")
    for user, role in ((alice, "member"), (bob, "owner")):
        Membership.objects.create(organization=acme, user=user, role=role)
    team = services.create_team(actor=actor_for_user(bob), name="t", organization=acme)
    TeamMembership.objects.create(team=team, user=alice, role="member")
    services.delete_user(alice, actor=operator)
    alice.refresh_from_db()
    assert alice.email == f"{alice.id}@deleted.invalid"
    assert (alice.full_name, alice.status, alice.has_usable_password()) == ("", "deleted", False)
    assert not alice.memberships.exists()
    assert not alice.team_memberships.exists()
    assert ApiKey.objects.get().revoked_at is not None
    assert APIClient(headers={"X-API-Key": key}).get("/api/v1/models").status_code == 401
    home = Organization.objects.get(personal_to=alice)
    assert (home.slug, home.name, home.deleted_at is None) == ("alice", "alice", False)
    with pytest.raises(StatusFinal):
        services.activate_user(alice, actor=operator)


def test_the_address_is_free_again_and_the_slug_is_not(alice: User, operator: Actor) -> None:
    services.delete_user(alice, actor=operator)
    again = services.register_user(email="alice@example.org", password="a wholly new phrase")
    assert again.slug == "alice-2"


def test_the_last_owner_of_an_organization_is_not_deleted(alice: User, operator: Actor) -> None:
    acme = services.create_organization(actor=actor_for_user(alice), name="Acme")
    with pytest.raises(Conflict) as refused:
        services.delete_user(alice, actor=operator)
    assert (refused.value.code, acme.slug in refused.value.message) == ("last_owner", True)
    alice.refresh_from_db()
    assert alice.status == "active"
