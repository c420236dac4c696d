"""It gives each of twelve kinds of caller what they may have on every route, and no more."""

from __future__ import annotations

import collections
import copy
import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.db import transaction
from django.test import Client
from django.urls import NoReverseMatch, get_resolver, reverse

from tests import matrix
from tests.matrix.cast import CALLERS, World, make_world, send
from tests.matrix.table import Row
from tests.test_house_rules import routes

pytestmark = pytest.mark.django_db
ROWS: list[Row] = [
    row
    for module in pkgutil.iter_modules(matrix.__path__)
    if module.name.startswith("rows_")
    for row in importlib.import_module(f"tests.matrix.{module.name}").ROWS
]
REALM = 'Bearer realm="slipway"'


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: Any) -> Iterator[World]:
    """One world for every row; whatever a request changes is rolled back after it."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield make_world()
        transaction.set_rollback(True)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_each_caller_gets_what_they_may(world: World, row: Row) -> None:
    found = {caller: ask(world.clients[caller], row, world.names) for caller in CALLERS}
    assert {caller: answer.status_code for caller, answer in found.items()} == row.statuses
    for answer in found.values():
        if row.path.startswith("/"):
            continue
        if answer.status_code >= 400:
            assert answer["Content-Type"] == "application/problem+json"
        if answer.status_code == 401:
            assert answer["WWW-Authenticate"].startswith(REALM)


def ask(client: Client, row: Row, names: dict[str, Any]) -> Any:
    cookies = copy.deepcopy(client.cookies)
    with transaction.atomic():
        answer = send(client, row.method, row.address(names), row.content(names))
        if answer.streaming:
            b"".join(answer.streaming_content)
        transaction.set_rollback(True)
    client.cookies = cookies  # logging out is undone as well
    return answer


def test_no_credential_is_told_so_without_an_error(world: World) -> None:
    answer = world.clients["anonymous"].get("/api/v1/models")
    assert answer["WWW-Authenticate"] == REALM


@pytest.mark.parametrize("caller", ["expired_key", "revoked_key"])
def test_a_dead_key_is_told_that_it_is_not_valid(world: World, caller: str) -> None:
    answer = world.clients[caller].get("/api/v1/models")
    assert 'error="invalid_token"' in answer["WWW-Authenticate"]


def test_a_missing_scope_is_named(world: World) -> None:
    answer = world.clients["read_only_key"].post("/api/v1/models/acme/churn/predict")
    assert 'error="insufficient_scope", scope="predict"' in answer["WWW-Authenticate"]


def test_every_route_has_a_row() -> None:
    names: dict[str, Any] = collections.defaultdict(lambda: "0198c1a0-0000-7000-8000-000000000000")
    resolver = get_resolver()
    tested: dict[str, set[str]] = {}
    for row in ROWS:
        path = row.address(names).partition("?")[0].replace("%2F", "/")
        route = resolver.resolve(path).route.replace("^", "")
        tested.setdefault(route, {"any"}).add(row.method)
    missing = [
        (route, method)
        for route, view in routes()
        if not route.startswith("admin/")
        for method in methods(view)
        if method not in tested.get(route.replace("^", ""), set())
    ]
    assert missing == []


def methods(view: Any) -> set[str]:
    """Every method of a REST view; a page is covered by any."""
    if hasattr(view, "cls"):
        return set(view.cls().allowed_methods) - {"OPTIONS", "HEAD"}
    return {"any"}


CONSOLE = sorted(
    f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}"
    for model in admin.site._registry
    for page in ("changelist", "add")
)


@pytest.mark.parametrize("name", ["admin:index", *CONSOLE])
def test_the_console_is_for_operators_alone(world: World, name: str) -> None:
    try:
        path = reverse(name)
    except NoReverseMatch:
        pytest.skip("there is no such page")
    for caller in CALLERS:
        answer = world.clients[caller].get(path)
        allowed = {200, 403} if caller == "operator" else {302}
        assert answer.status_code in allowed, caller


def test_what_a_stranger_is_told_is_what_is_told_of_nothing(world: World) -> None:
    for there, nothing in (
        ("/api/v1/models/acme/churn", "/api/v1/models/acme/nothing"),
        ("/api/v1/organizations/acme", "/api/v1/organizations/nobody"),
        (f"/api/v1/teams/{world.names['team']}", f"/api/v1/teams/{world.names['key']}"),
        (f"/api/v1/api-keys/{world.names['key']}", f"/api/v1/api-keys/{world.names['team']}"),
    ):
        bodies = [world.clients["stranger"].get(path).json() for path in (there, nothing)]
        for body in bodies:
            body.pop("request_id")
        theirs, none = (str(body) for body in bodies)
        assert theirs.replace("churn", "nothing") == none
