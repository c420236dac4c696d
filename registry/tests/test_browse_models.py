"""It lists, shows, changes, archives and hands out models."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from accounts.models import User
from common import storage
from common.models import EventRecord
from registry.models import Model, State, Status
from registry.tests.factories import SIGNATURE, make_model, make_version

pytestmark = pytest.mark.django_db
ClientFor = Callable[[User], APIClient]


@pytest.fixture
def client(alice: User, client_for: ClientFor) -> APIClient:
    return client_for(alice)


def names(response: Any) -> list[str]:
    assert response.status_code == 200, response.json()
    return [row["name"] for row in response.json()["results"]]


def test_a_list_shows_the_newest_version(client: APIClient, alice: User) -> None:
    model = make_model(alice)
    make_version(model)
    make_version(model, state=State.SCANNING)
    row = client.get("/api/v1/models").json()["results"][0]
    assert (row["latest_version"], row["latest_state"]) == (2, "scanning")
    assert (row["owner"], row["reference"]) == (alice.slug, f"{alice.slug}/churn")


def test_a_list_holds_only_what_one_may_see(client: APIClient, alice: User, charlie: User) -> None:
    make_model(alice, "mine")
    make_model(charlie, "theirs")
    assert names(client.get("/api/v1/models")) == ["mine"]


def test_a_list_comes_in_pages(client: APIClient, alice: User) -> None:
    for i in range(5):
        make_model(alice, f"model-{i}")
    first = client.get("/api/v1/models?page_size=2&ordering=name").json()
    assert (first["count"], len(first["results"]), first["previous"]) == (5, 2, None)
    assert names(client.get(first["next"])) == ["model-2", "model-3"]


@pytest.mark.parametrize("query", ["page=0", "page=x", "page_size=201", "page_size=0", "page=1e3"])
def test_a_page_that_is_no_number_is_refused(client: APIClient, query: str) -> None:
    assert client.get(f"/api/v1/models?{query}").status_code == 400


def test_a_page_beyond_the_last_is_not_found(client: APIClient) -> None:
    assert client.get("/api/v1/models?page=2").status_code == 404


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("search=leaves", ["churn"]),
        ("search=RAIN tag-b", ["rain"]),
        ("tag=tag-b", ["rain"]),
        ("status=archived", ["old"]),
        ("state=rejected", ["rain"]),
        ("framework=scikit-learn", ["churn", "rain"]),
        ("ordering=-name", ["rain", "old", "churn"]),
        ("search=nothing", []),
    ],
)
def test_a_list_can_be_searched_and_filtered(
    client: APIClient, alice: User, query: str, found: list[str]
) -> None:
    make_version(make_model(alice, "churn", description="Who leaves"))
    rain = make_model(alice, "rain", tags=["tag-b"])
    make_version(rain, state=State.REJECTED, reason="no model")
    make_model(alice, "old", status=Status.ARCHIVED)
    got = names(client.get(f"/api/v1/models?{query}"))
    assert got == found if "ordering" in query else sorted(got) == sorted(found)


def test_an_unknown_filter_value_is_refused(client: APIClient) -> None:
    assert client.get("/api/v1/models?status=lost").status_code == 400


def test_a_list_takes_few_queries_however_long_it_is(
    client: APIClient, alice: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for i in range(30):
        make_version(make_model(alice, f"model-{i}"))
    with django_assert_max_num_queries(5):
        client.get("/api/v1/models?page_size=30")


def test_a_list_of_versions_takes_few_queries(
    client: APIClient, alice: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    model = make_model(alice)
    for _ in range(20):
        make_version(model)
    with django_assert_max_num_queries(6):
        rows = client.get("/api/v1/models/churn/versions").json()["results"]
    assert [row["version"] for row in rows] == list(range(20, 0, -1))


def test_among_very_many_models_a_list_reads_only_its_page(client: APIClient, alice: User) -> None:
    organization = alice.personal_organization
    Model.objects.bulk_create(
        Model(organization=organization, name=f"m{i}", created_by=alice) for i in range(20_000)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE registry_model")
    from accounts.actors import actor_for_user
    from registry.selectors import list_models

    plan = list_models(actor_for_user(alice, via="jwt"))[:20].explain()
    assert "Seq Scan on registry_model " not in plan, plan


@pytest.mark.parametrize("form", ["{name}", "{NAME}", "{owner}/{name}", "{owner}%2F{name}", "{id}"])
def test_a_model_is_found_by_every_form_of_reference(
    client: APIClient, alice: User, form: str
) -> None:
    model = make_model(alice)
    ref = form.format(name="churn", NAME="CHURN", owner=alice.slug, id=model.id)
    for slash in ("", "/"):
        response = client.get(f"/api/v1/models/{ref}{slash}")
        assert response.status_code == 200
        assert response.json()["id"] == str(model.id)


def test_a_stranger_gets_404_on_everything(
    alice: User, charlie: User, client_for: ClientFor
) -> None:
    make_version(make_model(alice))
    stranger = client_for(charlie)
    base = f"/api/v1/models/{alice.slug}/churn"
    for path in ("", "/versions", "/versions/1", "/download", "/versions/1/download"):
        response = stranger.get(base + path)
        assert (response.status_code, response.json()["code"]) == (404, "model_not_found")
    assert stranger.patch(base, {"description": "x"}, format="json").status_code == 404
    assert stranger.delete(base).status_code == 404


def test_a_change_says_what_changed(client: APIClient, alice: User) -> None:
    make_model(alice)
    response = client.patch(
        "/api/v1/models/churn", {"description": "New", "tags": ["a", "a", "b"]}, format="json"
    )
    assert (response.json()["description"], response.json()["tags"]) == ("New", ["a", "b"])
    event = EventRecord.objects.get(type="model.updated")
    assert event.payload["changed"] == ["description", "tags"]
    assert event.actor_id == alice.id


def test_put_leaves_what_is_absent(client: APIClient, alice: User) -> None:
    make_model(alice, description="Kept", tags=["x"])
    response = client.put("/api/v1/models/churn", {"tags": []}, format="json")
    assert (response.json()["description"], response.json()["tags"]) == ("Kept", [])


@pytest.mark.parametrize(
    "change",
    [{"name": "other"}, {"organization": "x"}, {"status": "lost"}, {"metadata": []},
     {"tags": "a"}, {"metadata": {"a": "x" * 70_000}}, {"description": "a\u0000b"}],
)  # fmt: skip
def test_a_change_to_what_is_fixed_or_wrong_is_refused(
    client: APIClient, alice: User, change: dict[str, Any]
) -> None:
    model = make_model(alice)
    assert client.patch("/api/v1/models/churn", change, format="json").status_code == 400
    before = model.updated_at
    model.refresh_from_db()
    assert model.updated_at == before


def test_archiving_takes_the_versions_along_and_back(client: APIClient, alice: User) -> None:
    version = make_version(make_model(alice))
    assert client.delete("/api/v1/models/churn").status_code == 204
    version.refresh_from_db()
    assert version.status == Status.ARCHIVED
    assert client.get("/api/v1/models/churn").json()["status"] == "archived"
    client.patch("/api/v1/models/churn", {"status": "active"}, format="json")
    version.refresh_from_db()
    assert version.status == Status.ACTIVE


def test_a_version_shows_why_it_was_rejected(client: APIClient, alice: User) -> None:
    make_version(
        make_model(alice), state=State.REJECTED, reason="posix.system", code="unsafe_global"
    )
    body = client.get("/api/v1/models/churn/versions/1").json()
    assert (body["state"], body["reason"], body["code"]) == (
        "rejected",
        "posix.system",
        "unsafe_global",
    )


def test_a_versions_signature_can_be_edited(client: APIClient, alice: User) -> None:
    make_version(make_model(alice))
    edited = client.get("/api/v1/models/churn/versions/1").json()["signature"]
    edited["inputs"][0]["features"][0]["name"] = "petal width"
    url = "/api/v1/models/churn/versions/1"
    response = client.patch(url, {"signature": edited}, format="json")
    assert response.json()["signature"] == edited
    response = client.patch(url, {"signature": SIGNATURE | {"classes": []}}, format="json")
    assert response.status_code == 400
    assert response.json()["errors"][0]["pointer"] == "/signature/classes"


def test_a_version_that_does_not_exist_is_not_found(client: APIClient, alice: User) -> None:
    make_model(alice)
    response = client.get("/api/v1/models/churn/versions/7")
    assert (response.status_code, response.json()["code"]) == (404, "version_not_found")


def test_a_download_is_the_file_under_a_speaking_name(client: APIClient, alice: User) -> None:
    version = make_version(make_model(alice))
    response = client.get("/api/v1/models/churn/download")
    with storage.open_blob(version.sha256) as file:
        assert b"".join(response) == file.read()
    assert f"{alice.slug}-churn-1-model.pkl" in response["Content-Disposition"]
    assert response["ETag"] == f'"{version.sha256}"'
    assert client.get("/api/v1/models/churn/versions/1/download").status_code == 200


def test_a_download_of_a_file_that_is_lost_says_so(client: APIClient, alice: User) -> None:
    version = make_version(make_model(alice))
    storage.discard(version.sha256)
    assert client.get("/api/v1/models/churn/download").status_code == 503


def test_a_damaged_file_is_not_handed_out(client: APIClient, alice: User) -> None:
    version = make_version(make_model(alice))
    path = storage.blob_path(version.sha256)
    whole = path.read_bytes()
    path.chmod(0o600)
    path.write_bytes(bytes([whole[0] ^ 1]) + whole[1:])
    try:
        response = client.get("/api/v1/models/churn/download")
        assert (response.status_code, response.json()["code"]) == (503, "artifact_damaged")
    finally:
        path.write_bytes(whole)


def test_what_one_has_already_is_not_sent_again(client: APIClient, alice: User) -> None:
    make_model(alice)
    first = client.get("/api/v1/models/churn")
    again = client.get("/api/v1/models/churn", headers={"If-None-Match": first["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    client.patch("/api/v1/models/churn", {"description": "x"}, format="json")
    changed = client.get("/api/v1/models/churn", headers={"If-None-Match": first["ETag"]})
    assert changed.status_code == 200
