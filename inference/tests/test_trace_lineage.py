"""It tells where a version comes from, and what came of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from accounts.models import User
from common import clock
from inference.tests.counting import Count, count
from registry.models import ModelShare, ModelVersion
from registry.tests.factories import make_model, make_version

__all__ = ["count"]
pytestmark = pytest.mark.django_db
MODEL = "/api/v1/models/alice/churn"
ClientFor = Callable[[User], APIClient]
ORIGIN = {"dataset": "churn-2026-11", "dataset_digest": "sha256:ab", "run": "night 7"}


@pytest.fixture
def client(alice: User, client_for: ClientFor) -> APIClient:
    return client_for(alice)


@pytest.fixture
def version(alice: User) -> ModelVersion:
    return make_version(make_model(alice), origin=ORIGIN)


def upload(client: APIClient, **fields: Any) -> Any:
    given = {name: json.dumps(value) for name, value in fields.items()}
    file = SimpleUploadedFile("next.pkl", b"whatever")
    return client.post("/api/v1/models", {"file": file, "name": "churn", **given}, "multipart")


def named(related: list[dict[str, Any]]) -> list[tuple[str, int]]:
    return [(one["model"], one["version"]) for one in related]


def test_what_it_was_made_from_and_what_it_became(client: APIClient, version: ModelVersion) -> None:
    made = upload(client, origin={"commit": "1a2b"}, parents=["churn/versions/1"])
    assert made.status_code == 202, made.json()
    first = client.get(f"{MODEL}/versions/1/lineage").json()
    second = client.get(f"{MODEL}/versions/2/lineage").json()
    assert first["origin"] == {**ORIGIN, "commit": ""}
    assert first["file"]["sha256"] == version.sha256
    assert first["uploaded_by"] == "alice@example.org"
    assert (named(first["parents"]), named(first["children"])) == ([], [("alice/churn", 2)])
    assert (named(second["parents"]), named(second["children"])) == ([("alice/churn", 1)], [])
    assert second["origin"]["commit"] == "1a2b"


def test_what_it_predicted(
    client: APIClient, version: ModelVersion, alice: User, count: Count
) -> None:
    count(version, alice, *[clock.now()] * 3)
    found = client.get(f"{MODEL}/lineage").json()
    assert (found["made"]["requests"], found["made"]["failed"]) == (3, 0)
    assert sum(found["made"]["labels"].values()) == found["made"]["rows"]
    assert found["predictions"] == "/api/v1/predictions?model=alice/churn&version=1"
    assert client.get(found["predictions"]).status_code == 200


def test_others_are_named_as_far_as_one_may_see_them(
    version: ModelVersion, bob: User, charlie: User, client_for: ClientFor
) -> None:
    secret = make_version(make_model(bob, "secret"), sha256=version.sha256)
    secret.parents.add(version)
    share = {"model": version.model, "shared_by": version.created_by, "permission": "view"}
    ModelShare.objects.create(user=bob, **share)
    ModelShare.objects.create(user=charlie, **share)
    known = client_for(bob).get(f"{MODEL}/lineage").json()
    assert named(known["children"]) == named(known["same_file"]) == [("bob/secret", 1)]
    assert known["made"] is None
    unknown = client_for(charlie).get(f"{MODEL}/lineage").json()
    assert (unknown["children"], unknown["same_file"]) == ([], [])


@pytest.mark.parametrize(
    "fields",
    [
        {"origin": {"dataset": "x" * 501}},
        {"origin": {"where": "unknown field"}},
        {"origin": ["a list"]},
        {"parents": ["churn/versions/9"]},
        {"parents": ["charlie/secret/versions/1"]},
        {"parents": ["no reference at all"]},
        {"parents": [1]},
        {"parents": "churn"},
        {"parents": [f"churn/versions/{n}" for n in range(1, 22)]},
    ],
)
def test_what_is_wrong_is_refused(
    fields: dict[str, Any], client: APIClient, version: ModelVersion, charlie: User
) -> None:
    make_version(make_model(charlie, "secret"))
    assert upload(client, **fields).status_code == 400
    assert ModelVersion.objects.filter(model=version.model).count() == 1


def test_it_asks_no_more_where_there_are_more(
    client: APIClient,
    version: ModelVersion,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    for _ in range(20):
        make_version(version.model, sha256=version.sha256).parents.add(version)
    with django_assert_max_num_queries(12):
        found = client.get(f"{MODEL}/versions/1/lineage").json()
    assert len(found["children"]) == len(found["same_file"]) == 20


def test_the_card_shows_it(version: ModelVersion, alice: User) -> None:
    make_version(version.model).parents.add(version)
    page = Client()
    page.force_login(alice)
    text = page.get("/models/alice/churn/card?version=1").content.decode()
    assert "churn-2026-11" in text
    assert "alice/churn 2" in text
