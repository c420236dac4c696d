"""It moves aliases between versions, remembers who did and why, and goes back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction
from rest_framework.test import APIClient

from accounts.actors import actor_for_user
from accounts.models import User
from accounts.tests.races import race
from common.models import EventRecord
from registry import services, trials
from registry.errors import AliasConflict, TrialFailed
from registry.models import Alias, AliasMove, Model, ModelVersion, MoveKind, State
from registry.selectors import resolve_version
from registry.services.aliases import way_back
from registry.tests.factories import make_model, make_version

pytestmark = pytest.mark.django_db
MODEL = "/api/v1/models/alice/churn"
CHAMPION = f"{MODEL}/aliases/champion"
ClientFor = Callable[[User], APIClient]


@pytest.fixture
def model(alice: User) -> Model:
    made = make_model(alice)
    for _ in range(3):
        make_version(made)
    return made


@pytest.fixture
def client(alice: User, model: Model, client_for: ClientFor) -> APIClient:
    return client_for(alice)


@pytest.fixture(autouse=True)
def tried(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The versions that were tried out; these have no file that could be loaded."""
    numbers: list[int] = []
    monkeypatch.setattr(trials, "_trials", [lambda version: numbers.append(version.number)])
    return numbers


def answering(actor: User, ref: str) -> int:
    return resolve_version(actor_for_user(actor), ref).number


def test_an_alias_is_set_moved_and_named_in_references(
    client: APIClient, alice: User, tried: list[int]
) -> None:
    made = client.put(CHAMPION, {"version": 1, "reason": "It is the best."})
    assert made.status_code == 200
    assert made.json()["alias"] == "champion"
    assert made.json()["version"] == 1
    assert answering(alice, "churn@champion") == 1
    assert answering(alice, "alice/churn@CHAMPION") == 1
    assert client.put(CHAMPION, {"version": 2}).json()["version"] == 2
    assert answering(alice, "churn@champion") == 2
    assert tried == [1, 2]
    assert Alias.objects.count() == 1


def test_a_bare_reference_leads_to_the_champion_if_there_is_one(
    client: APIClient, alice: User
) -> None:
    client.put(f"{MODEL}/aliases/shadow", {"version": 1})
    assert answering(alice, "churn") == 3
    client.put(CHAMPION, {"version": 2})
    assert answering(alice, "churn") == 2
    assert answering(alice, "churn/versions/3") == 3
    client.delete(CHAMPION)
    assert answering(alice, "churn") == 3


def test_its_history_says_who_moved_it_when_and_why(client: APIClient) -> None:
    client.put(CHAMPION, {"version": 1, "reason": "First."})
    client.put(CHAMPION, {"version": 2, "reason": "Better on recall."})
    client.delete(CHAMPION)
    moves = client.get(f"{CHAMPION}/history").json()["results"]
    assert [(m["kind"], m["before"], m["version"], m["reason"]) for m in moves] == [
        ("removed", 2, None, ""),
        ("set", 1, 2, "Better on recall."),
        ("set", None, 1, "First."),
    ]
    assert {move["moved_by"] for move in moves} == {"alice@example.org"}


def test_every_move_is_an_event(client: APIClient, model: Model) -> None:
    client.put(CHAMPION, {"version": 1})
    client.put(CHAMPION, {"version": 1})
    client.put(CHAMPION, {"version": 2, "reason": "Why not."})
    client.delete(CHAMPION)
    rows = EventRecord.objects.filter(type__startswith="model.alias").order_by("id")
    assert [(row.type, row.payload["before"]) for row in rows] == [
        ("model.alias_moved", None),
        ("model.alias_moved", 1),
        ("model.alias_removed", 2),
    ]
    assert rows[1].payload["reason"] == "Why not."
    assert rows[1].subject_id == model.id


def test_one_step_back_and_another(client: APIClient, alice: User) -> None:
    for number in (1, 2, 3):
        client.put(CHAMPION, {"version": number})
    back = client.post(f"{CHAMPION}/rollback", {"reason": "Errors."})
    assert back.status_code == 200
    assert back.json()["version"] == 2
    assert client.post(f"{CHAMPION}/rollback").json()["version"] == 1
    refused = client.post(f"{CHAMPION}/rollback")
    assert (refused.status_code, refused.json()["code"]) == (409, "no_way_back")
    assert answering(alice, "churn@champion") == 1
    assert AliasMove.objects.first().kind == MoveKind.ROLLED_BACK  # type: ignore[union-attr]


def test_the_way_back_leaves_out_what_answers_no_more(client: APIClient, model: Model) -> None:
    for number in (1, 2, 3):
        client.put(CHAMPION, {"version": number})
    assert client.patch(f"{MODEL}/versions/2", {"status": "archived"}).status_code == 200
    assert client.post(f"{CHAMPION}/rollback").json()["version"] == 1


@pytest.mark.parametrize(
    ("moves", "back"),
    [
        ([], []),
        ([("set", 1)], []),
        ([("set", 1), ("set", 2)], [1]),
        ([("set", 1), ("set", 2), ("rolled_back", 1)], []),
        ([("set", 1), ("set", 2), ("rolled_back", 1), ("set", 3)], [1]),
        ([("set", 1), ("set", 2), ("set", 1)], [2, 1]),
        ([("set", 1), ("set", 2), ("set", 3), ("rolled_back", 1), ("set", 4)], [1]),
        ([("set", 1), ("removed", None), ("set", 2)], [1]),
    ],
)
def test_the_way_back_is_like_undo(moves: list[tuple[str, Any]], back: list[int]) -> None:
    assert way_back(AliasMove(kind=kind, number=number) for kind, number in moves) == back


@pytest.mark.parametrize(
    "alias", ["latest", "LATEST", "v1", "V22", "7", "-x", "a b", "ä", "x" * 64, ".hidden"]
)
def test_a_name_that_reads_like_something_else_is_refused(client: APIClient, alias: str) -> None:
    answer = client.post(f"{MODEL}/aliases", {"alias": alias, "version": 1})
    assert answer.status_code == 400
    assert Alias.objects.count() == 0


def test_a_version_that_would_not_answer_is_refused(client: APIClient, model: Model) -> None:
    make_version(model, state=State.SCANNING)
    make_version(model, state=State.REJECTED, reason="It is no model.")
    client.patch(f"{MODEL}/versions/3", {"status": "archived"})
    for number, status in ((9, 404), (4, 409), (5, 409), (3, 409)):
        assert client.put(CHAMPION, {"version": number}).status_code == status
    assert Alias.objects.count() == AliasMove.objects.count() == 0


def test_what_fails_its_trial_moves_nothing(
    client: APIClient, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.put(CHAMPION, {"version": 1})

    def refuse(version: ModelVersion) -> None:
        raise TrialFailed("It does not answer its example.")

    monkeypatch.setattr(trials, "_trials", [refuse])
    answer = client.put(CHAMPION, {"version": 2})
    assert (answer.status_code, answer.json()["code"]) == (409, "trial_failed")
    assert answering(alice, "churn@champion") == 1
    assert AliasMove.objects.count() == 1


def test_it_only_moves_from_where_its_mover_thinks_it_is(client: APIClient) -> None:
    client.put(CHAMPION, {"version": 1})
    client.put(CHAMPION, {"version": 2})
    late = client.put(CHAMPION, {"version": 3, "expected": 1})
    assert (late.status_code, late.json()["code"]) == (409, "alias_moved")
    assert client.put(CHAMPION, {"version": 3, "expected": 2}).status_code == 200
    new = client.put(f"{MODEL}/aliases/new", {"version": 1, "expected": 1})
    assert new.status_code == 409


def test_what_an_alias_leads_to_is_not_archived(client: APIClient) -> None:
    client.put(CHAMPION, {"version": 3})
    refused = client.patch(f"{MODEL}/versions/3", {"status": "archived"})
    assert (refused.status_code, refused.json()["code"]) == (409, "version_has_alias")
    assert "@champion" in refused.json()["detail"]
    assert client.patch(f"{MODEL}/versions/3", {"status": "deprecated"}).status_code == 200


def test_an_alias_that_is_gone_leads_nowhere(client: APIClient) -> None:
    client.put(CHAMPION, {"version": 1})
    assert client.delete(CHAMPION).status_code == 204
    for answer in (client.get(CHAMPION), client.delete(CHAMPION)):
        assert (answer.status_code, answer.json()["code"]) == (404, "no_alias")
    assert client.get(f"{MODEL}@champion/download").status_code == 404


def test_so_many_aliases_and_no_more(
    client: APIClient, model: Model, django_assert_max_num_queries: Any
) -> None:
    version = model.versions.get(number=1)
    Alias.objects.bulk_create(
        Alias(model=model, name=f"a{i:03}", version=version) for i in range(100)
    )
    refused = client.put(CHAMPION, {"version": 1})
    assert (refused.status_code, refused.json()["code"]) == (409, "too_many_aliases")
    with django_assert_max_num_queries(5):
        listed = client.get(f"{MODEL}/aliases?page_size=100").json()
    assert listed["count"] == 100
    assert listed["results"][0]["alias"] == "a000"


@pytest.mark.django_db(transaction=True)
def test_two_who_set_it_at_once_make_one_alias(alice: User, model: Model) -> None:
    actor = actor_for_user(alice)

    def move(number: int) -> object:
        try:
            return services.set_alias(model, "champion", number, actor=actor).version.number
        except AliasConflict as error:
            return error.code

    found = race(3, lambda n: move(n + 1))
    assert {1, 2, 3} & set(found)
    alias = Alias.objects.get()
    newest = AliasMove.objects.first()
    assert newest is not None
    assert alias.version.number == newest.number


@pytest.mark.django_db(transaction=True)
def test_archiving_waits_for_who_is_just_naming(alice: User, model: Model) -> None:
    """The alias is set and not committed yet: who archives does not see it, and must not pass."""
    actor = actor_for_user(alice)
    version = model.versions.get(number=2)
    named, outcome = threading.Event(), list[object]()

    def archive() -> None:
        named.wait(5)
        try:
            services.update_version(version, {"status": "archived"}, actor=actor)
        except AliasConflict as error:
            outcome.append(error.code)
        finally:
            connection.close()

    archiving = threading.Thread(target=archive)
    archiving.start()
    with transaction.atomic():
        services.set_alias(model, "champion", 2, actor=actor)
        named.set()
        time.sleep(0.3)
    archiving.join()
    version.refresh_from_db()
    assert outcome == ["version_has_alias"]
    assert version.status == "active"
