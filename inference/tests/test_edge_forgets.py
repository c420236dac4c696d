"""It stops predicting for who may no more, within a second, whatever took the right away."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from accounts import services as accounts
from accounts.actors import actor_for_user
from accounts.errors import BadToken
from accounts.models import ApiKey, Membership, Session, Team, TeamMembership, User
from inference.edge.app import Edge
from inference.tests.conftest import GoLive
from inference.tests.wsgi import ask
from registry import services as registry
from registry.mlflow.place import Place
from registry.models import Model, ModelShare
from registry.services.registered import rename_model
from registry.tests.factories import make_model, make_version

pytestmark = pytest.mark.django_db(transaction=True)
PATH = "/api/v1/models/alice/churn/predict"
BODY = {"inputs": [[1.0, 2.0]]}
HARD_BOUND = 1.0  # seconds until it holds, at the very most


@pytest.fixture
def model(go_live: GoLive) -> Model:
    rows = np.random.default_rng(0).normal(size=(50, 2))
    return go_live(LogisticRegression().fit(rows, rows[:, 0] > 0)).model


@pytest.fixture
def team(alice: User, bob: User) -> Team:
    made = accounts.create_team(actor=actor_for_user(alice), name="Vision")
    TeamMembership.objects.create(team=made, user=bob, role="member")
    return made


def status_within(edge: Edge, credential: str, status: int, *, path: str = PATH) -> None:
    began = time.monotonic()
    while (found := ask(edge, path, BODY, key=credential).status) != status:
        assert time.monotonic() - began < HARD_BOUND, found


Take = Callable[[User, User, Model], None]


def unshare(alice: User, bob: User, model: Model) -> None:
    registry.revoke_share(ModelShare.objects.get(user=bob), actor=actor_for_user(alice))


def lower_share(alice: User, bob: User, model: Model) -> None:
    share = ModelShare.objects.get(user=bob)
    registry.change_share(share, actor=actor_for_user(alice), permission="view")


@pytest.mark.parametrize(("take", "status"), [(unshare, 404), (lower_share, 403)])
def test_a_share_that_ends(
    edge: Edge,
    model: Model,
    alice: User,
    bob: User,
    key_for: Callable[..., str],
    take: Take,
    status: int,
) -> None:
    key = key_for(bob)
    assert ask(edge, PATH, BODY, key=key).status == 404
    registry.share_model(
        model, actor=actor_for_user(alice), permission="use", email="bob@example.org"
    )
    status_within(edge, key, 200)
    take(alice, bob, model)
    status_within(edge, key, status)


def leave_team(alice: User, bob: User, team: Team) -> None:
    accounts.remove_team_member(team, bob.id, actor=actor_for_user(bob))


def only_view(alice: User, bob: User, team: Team) -> None:
    accounts.set_team_member_role(team, bob.id, actor=actor_for_user(alice), role="viewer")


def delete_team(alice: User, bob: User, team: Team) -> None:
    accounts.delete_team(team, actor=actor_for_user(alice))


@pytest.mark.parametrize(
    ("take", "status"), [(leave_team, 404), (only_view, 403), (delete_team, 404)]
)
def test_a_team_that_is_left_or_ends(
    edge: Edge,
    model: Model,
    team: Team,
    alice: User,
    bob: User,
    key_for: Callable[..., str],
    take: Callable[[User, User, Team], None],
    status: int,
) -> None:
    registry.share_model(model, actor=actor_for_user(alice), permission="use", team=team.id)
    key = key_for(bob)
    assert ask(edge, PATH, BODY, key=key).status == 200
    take(alice, bob, team)
    status_within(edge, key, status)


def leave(alice: User, bob: User) -> None:
    accounts.remove_member(alice.personal_organization, bob.id, actor=actor_for_user(bob))


def make_viewer(alice: User, bob: User) -> None:
    home = alice.personal_organization
    accounts.set_member_role(home, bob.id, actor=actor_for_user(alice), role="viewer")


@pytest.mark.parametrize(("take", "status"), [(leave, 401), (make_viewer, 403)])
def test_a_place_in_the_organization_that_is_lost(
    edge: Edge,
    model: Model,
    alice: User,
    bob: User,
    key_for: Callable[..., str],
    take: Callable[[User, User], None],
    status: int,
) -> None:
    home = alice.personal_organization
    Membership.objects.create(organization=home, user=bob, role="member")
    key = key_for(bob, organization=home)
    assert ask(edge, PATH, BODY, key=key).status == 200
    take(alice, bob)
    status_within(edge, key, status)


@pytest.mark.parametrize(
    ("changes", "status"),
    [({"scopes": ["models:read"]}, 403), ({"models": ["alice/other"]}, 404)],
)
def test_a_key_that_may_less(
    edge: Edge,
    model: Model,
    alice: User,
    key_for: Callable[..., str],
    changes: dict[str, list[str]],
    status: int,
) -> None:
    key = key_for(alice)
    assert ask(edge, PATH, BODY, key=key).status == 200
    accounts.update_api_key(ApiKey.objects.get(), changes, actor=actor_for_user(alice))
    status_within(edge, key, status)


def test_a_key_that_leaked(
    edge: Edge, model: Model, alice: User, key_for: Callable[..., str]
) -> None:
    key = key_for(alice)
    assert ask(edge, PATH, BODY, key=key).status == 200
    accounts.report_leaked_key(key, found_at="")
    status_within(edge, key, 401)


def test_a_session_that_ends_and_no_other(edge: Edge, model: Model, alice: User) -> None:
    kept, ended = (accounts.issue_tokens(alice) for _ in range(2))
    for tokens in (kept, ended):
        assert ask(edge, PATH, BODY, key=tokens.access).status == 200
    known = edge.callers._known[kept.access]
    accounts.end_session(Session.objects.latest("id"), actor_id=alice.id)
    status_within(edge, ended.access, 401)
    assert ask(edge, PATH, BODY, key=kept.access).status == 200
    assert edge.callers._known[kept.access] is known  # it was not even asked again


def test_a_family_that_was_copied(edge: Edge, model: Model, alice: User) -> None:
    tokens = accounts.issue_tokens(alice)
    assert ask(edge, PATH, BODY, key=tokens.access).status == 200
    session = Session.objects.get()
    accounts.refresh_tokens(tokens.refresh)
    Session.objects.filter(id=session.id).update(agent="another program")
    with pytest.raises(BadToken):
        accounts.refresh_tokens(tokens.refresh)
    status_within(edge, tokens.access, 401)


def test_a_model_that_is_renamed(
    edge: Edge, model: Model, alice: User, key_for: Callable[..., str]
) -> None:
    key = key_for(alice)
    assert ask(edge, PATH, BODY, key=key).status == 200
    place = Place(actor_for_user(alice), alice.personal_organization)
    rename_model(model, "another", place=place)
    status_within(edge, key, 404)
    renamed = PATH.replace("churn", "another")
    assert ask(edge, renamed, BODY, key=key).status == 200
    registry.delete_model(model, actor=actor_for_user(alice))
    status_within(edge, key, 409, path=renamed)


def test_a_name_that_another_model_takes(
    edge: Edge, model: Model, alice: User, bob: User, key_for: Callable[..., str]
) -> None:
    """Until then it led to a model that was shared; one's own comes first."""
    shared = make_version(make_model(bob, "loans")).model
    shared.shares.create(user=alice, permission="use", shared_by=bob)
    key, path = key_for(alice), PATH.replace("alice/churn", "loans")
    assert edge.callers.caller(key) is not None
    led = edge.callers.route(edge.callers.caller(key), path, "loans")
    assert led.served.reference == "bob/loans"
    rename_model(model, "loans", place=Place(actor_for_user(alice), alice.personal_organization))
    deadline = time.monotonic() + 5
    while path in edge.callers.caller(key).routes:
        assert time.monotonic() < deadline
        time.sleep(0.02)
