"""It lists and shows predictions to those who may see them, and reads no more than a page."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.db.models import QuerySet
from django.test import Client
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from accounts.actors import actor_for_key, actor_for_user
from accounts.models import ApiKey, Membership, User
from accounts.services import create_organization
from accounts.tests.factories import make_key
from common.ids import least_id, uuid7
from inference.models import BatchJob, Prediction, PredictionJob
from inference.partitions import ensure_partitions
from inference.selectors import Wanted, newest
from inference.tests.counting import Count, count
from registry.models import Alias, ModelShare, ModelVersion
from registry.tests.factories import make_model, make_version

pytestmark = pytest.mark.django_db
__all__ = ["count"]  # a fixture
ClientFor = Callable[[User], APIClient]
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def make_prediction(version: ModelVersion, user: User, **fields: Any) -> Prediction:
    at = fields.get("created_at") or NOON
    given = {
        "id": UUID(int=least_id(at).int | (uuid7().int & (2**80 - 1))),
        "organization_id": version.model.organization_id,
        "model_id": version.model_id,
        "user_id": user.id,
        "created_at": at,
        "door": 1,
        "status": 200,
        "rows": 1,
        "inference_us": 12,
        "duration_us": 40,
        "cache_hit": True,
        "inputs_kept": True,
        "inputs": {"inputs": [[1, 2]]},
        "outputs": {"predictions": ["yes"], "confidence": [0.9]},
    } | fields
    return Prediction.objects.create(version=version, **given)


@pytest.fixture
def version(alice: User) -> ModelVersion:
    return make_version(make_model(alice))


@pytest.fixture
def client(alice: User, client_for: ClientFor) -> APIClient:
    return client_for(alice)


def ids(response: Any) -> list[str]:
    assert response.status_code == 200, response.json()
    return [row["id"] for row in response.json()["results"]]


def test_a_row_says_what_happened(client: APIClient, alice: User, version: ModelVersion) -> None:
    made = make_prediction(version, alice, correlation_id="order 7", code="x", status=503, door=2)
    (row,) = client.get("/api/v1/predictions").json()["results"]
    assert row == {
        "id": str(made.id),
        "model": f"{alice.slug}/churn",
        "version": 1,
        "created_at": "2026-03-01T12:00:00.000000Z",
        "door": "v2",
        "status": 503,
        "code": "x",
        "rows": 1,
        "inference_ms": 0.012,
        "duration_ms": 0.04,
        "cache_hit": True,
        "request_id": "",
        "correlation_id": "order 7",
    }
    detail = client.get(f"/api/v1/predictions/{made.id}").json()
    assert detail == row | {
        "inputs": {"inputs": [[1, 2]]},
        "inputs_kept": True,
        "outputs": {"predictions": ["yes"], "confidence": [0.9]},
    }


def test_pages_go_to_the_end(
    client: APIClient, alice: User, bob: User, version: ModelVersion
) -> None:
    """Two organizations' rows in one order, each once."""
    team = bob.personal_organization
    Membership.objects.create(organization=team, user=alice, role="viewer")
    theirs = make_version(make_model(bob, "theirs"))
    made = [
        make_prediction([version, theirs][i % 2], alice, created_at=NOON + timedelta(hours=i))
        for i in range(60)
    ]
    found: list[str] = []
    address = "/api/v1/predictions?limit=7"
    while address:
        response = client.get(address)
        found += ids(response)
        address = response.json()["next"]
    assert found == [str(row.id) for row in reversed(made)]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("model=churn", "cba"),
        ("model=rain", "d"),
        ("model={owner}/churn&version=2", "c"),
        ("version=2", "c"),
        ("model=churn/versions/2", "c"),
        ("model=churn@champion", "ba"),
        ("model=churn/versions/2&version=1", ""),
        ("status=failed", "b"),
        ("status=ok", "dca"),
        ("door=v1", "c"),
        ("correlation_id=order+7", "b"),
        ("correlation_id=order", ""),
        ("from=2026-03-01T13:00:00Z", "dcb"),
        ("to=2026-03-01T14:00:00Z", "ba"),
        ("from=2026-03-01T13:00:00Z&to=2026-03-01T14:00:00Z&status=failed", "b"),
        ("model=churn&status=ok&limit=1", "c"),
    ],
)
def test_a_list_can_be_filtered(
    client: APIClient, alice: User, version: ModelVersion, query: str, found: str
) -> None:
    second = make_version(version.model)
    other = make_version(make_model(alice, "rain"))
    Alias.objects.create(model=version.model, name="champion", version=version)
    hours = [NOON + timedelta(hours=i) for i in range(4)]
    rows = {
        "a": make_prediction(version, alice, created_at=hours[0]),
        "b": make_prediction(
            version, alice, created_at=hours[1], status=400, correlation_id="order 7"
        ),
        "c": make_prediction(second, alice, created_at=hours[2], door=5),
        "d": make_prediction(other, alice, created_at=hours[3]),
    }
    names = {str(row.id): name for name, row in rows.items()}
    response = client.get(f"/api/v1/predictions?{query.format(owner=alice.slug)}")
    assert "".join(names[id_] for id_ in ids(response)) == found


@pytest.mark.parametrize(
    "query",
    ["status=lost", "door=back", "limit=0", "limit=201", "cursor=7", "from=x", "version=0", "q=1"],
)
def test_a_wrong_filter_is_refused(client: APIClient, query: str) -> None:
    response = client.get(f"/api/v1/predictions?{query}")
    assert response.status_code == 400
    assert response.json()["errors"][0]["pointer"] == f"/{query.partition('=')[0]}"


@pytest.mark.parametrize("ref", ["churn/versions/99", "churn@nobody"])
def test_a_version_that_is_not_there_is_not_found(
    client: APIClient, version: ModelVersion, ref: str
) -> None:
    assert client.get(f"/api/v1/predictions?model={ref}").status_code == 404


def test_a_model_that_one_may_not_see_is_not_found(client: APIClient, charlie: User) -> None:
    make_version(make_model(charlie, "theirs"))
    response = client.get(f"/api/v1/predictions?model={charlie.slug}/theirs")
    assert (response.status_code, response.json()["code"]) == (404, "model_not_found")


def test_a_stranger_sees_nothing(
    alice: User, charlie: User, version: ModelVersion, client_for: ClientFor
) -> None:
    made = make_prediction(version, alice)
    stranger = client_for(charlie)
    assert ids(stranger.get("/api/v1/predictions")) == []
    response = stranger.get(f"/api/v1/predictions/{made.id}")
    assert (response.status_code, response.json()["code"]) == (404, "prediction_not_found")


def test_what_one_has_already_is_not_sent_again(
    client: APIClient, alice: User, version: ModelVersion
) -> None:
    made = make_prediction(version, alice)
    for address in ("/api/v1/predictions", f"/api/v1/predictions/{made.id}/"):
        tag = client.get(address)["ETag"]
        again = client.get(address, headers={"If-None-Match": tag})
        assert (again.status_code, again.content) == (304, b"")


def test_callers_of_anothers_model_find_their_own_calls(
    client: APIClient, alice: User, bob: User, count: Count
) -> None:
    version = make_version(make_model(bob, "shared"))
    ModelShare.objects.create(model=version.model, user=alice, permission="use", shared_by=bob)
    mine = make_prediction(version, alice, correlation_id="mine")
    make_prediction(version, bob)
    count(version, alice, mine.created_at)
    count(version, bob, mine.created_at)
    for given in ({}, {"correlation_id": "mine"}, {"model": "bob/shared"}, {"version": 1}):
        found = client.get("/api/v1/predictions", given).json()["results"]
        assert [one["id"] for one in found] == [str(mine.id)], given


def test_a_list_takes_few_queries_however_long_it_is(
    client: APIClient,
    alice: User,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    for i in range(30):
        make_prediction(make_version(make_model(alice, f"m{i}")), alice)
    with django_assert_max_num_queries(5):
        assert len(ids(client.get("/api/v1/predictions?limit=30"))) == 30
    with django_assert_max_num_queries(6):
        client.get("/api/v1/predictions?model=m1")


MANY = """
INSERT INTO inference_prediction
SELECT (lpad(to_hex((extract(epoch FROM timestamptz '2026-03-01') * 1000)::bigint + i * 2500), 12,
    '0') || '7' || substr(md5(i::text), 1, 3) || '8' || substr(md5(i::text), 4, 15))::uuid,
    (%(organizations)s::uuid[])[1 + i %% 20], %(model)s, (%(versions)s::uuid[])[1 + i %% 20],
    %(user)s, NULL, now(), 1, CASE WHEN i %% 1000 = 0 THEN 503 ELSE 200 END, '', 1, 1, 1, true, '',
    CASE WHEN i %% 100 = 0 THEN 'order ' || i ELSE '' END, NULL, true, NULL
FROM generate_series(1, 100000) AS i
"""


@pytest.mark.parametrize(
    "wanted",
    [
        Wanted(),
        Wanted(status="failed"),
        Wanted(correlation_id="order 400"),
        Wanted(model="churn"),
        Wanted(model="churn", status="failed"),
        Wanted(since=datetime(2026, 3, 2, 6, tzinfo=UTC)),
        Wanted(cursor=least_id(datetime(2026, 3, 2, 6, tzinfo=UTC))),
    ],
    ids=repr,
)
def test_among_very_many_predictions_a_list_reads_only_its_page(
    alice: User, bob: User, version: ModelVersion, wanted: Wanted
) -> None:
    Membership.objects.create(organization=bob.personal_organization, user=alice, role="viewer")
    others = [uuid7() for _ in range(18)]
    ensure_partitions([NOON.date() + timedelta(days=i) for i in range(3)])
    with connection.cursor() as cursor:
        own = [version.model.organization_id, bob.personal_organization.id]
        values: dict[str, Any] = {
            "organizations": own + others,
            "model": version.model_id,
            "versions": [version.id, *others, uuid7()],
            "user": alice.id,
        }
        cursor.execute(MANY, values)
        cursor.execute("ANALYZE inference_prediction")
    _check_plan(newest(actor_for_user(alice), wanted, 21))


def test_a_models_list_is_as_short_before_there_are_statistics(
    alice: User, version: ModelVersion
) -> None:
    ensure_partitions([NOON.date() + timedelta(days=i) for i in range(3)])
    values: dict[str, Any] = {
        "organizations": [version.model.organization_id] * 20, "model": version.model_id,
        "versions": [version.id] * 20, "user": alice.id,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(MANY, values)
    _check_plan(newest(actor_for_user(alice), Wanted(model="churn"), 21))


def _check_plan(rows: QuerySet[Prediction]) -> None:
    """It reads about a page, by indexes alone."""
    plan = rows.explain(analyze=True, timing=False)
    # Partitions of other days, and the net, may be there and empty.
    assert f"Seq Scan on inference_prediction_p{NOON:%Y%m}" not in plan, plan
    read = [float(line.split("rows=")[2].split()[0]) for line in plan.splitlines()
            if "Scan" in line and "rows=" in line and "actual" in line]  # fmt: skip
    assert read, plan
    assert sum(read) < 500, plan


def test_one_prediction_is_looked_for_on_its_day_alone(alice: User, version: ModelVersion) -> None:
    ensure_partitions([NOON.date(), NOON.date() + timedelta(days=1)])
    made = make_prediction(version, alice)
    plan = Prediction.objects.filter(id=made.id).explain()
    assert "inference_prediction_p20260301" in plan
    assert "p20260302" not in plan


def test_the_pages_show_it(
    alice: User, charlie: User, version: ModelVersion, client: Client
) -> None:
    browser = Client()
    assert browser.get("/predictions").status_code == 302
    browser.force_login(alice)
    assert "No predictions yet" in browser.get("/predictions").content.decode()
    for i in range(25):
        made = make_prediction(version, alice, created_at=NOON + timedelta(minutes=i))
    text = browser.get("/predictions").content.decode()
    assert (str(made.id) in text, "Older" in text, "<nav aria-label" in text) == (True,) * 3
    part = browser.get("/predictions?status=failed", headers={"HX-Request": "true"})
    assert "Nothing found" in part.content.decode()
    assert "<html" not in part.content.decode()
    assert "There is no model" in browser.get("/predictions?model=lost").content.decode()
    assert "status" in browser.get("/predictions?status=lost").content.decode()
    detail = browser.get(f"/predictions/{made.id}").content.decode()
    assert "&quot;predictions&quot;" in detail
    stranger = Client()
    stranger.force_login(charlie)
    assert stranger.get(f"/predictions/{made.id}").status_code == 404


def test_an_operator_looks_and_changes_nothing(
    olga: User, alice: User, version: ModelVersion
) -> None:
    made = make_prediction(version, alice)
    operator = Client()
    operator.force_login(olga)
    assert operator.get("/admin/inference/prediction/").status_code == 200
    assert operator.get(f"/admin/inference/prediction/{made.id}/change/").status_code == 200
    assert operator.get("/admin/inference/rollup/").status_code == 200
    assert operator.get("/admin/inference/prediction/add/").status_code == 403


def test_an_organizations_key_shows_nothing_its_holder_did_in_person(
    version: ModelVersion, alice: User, bob: User
) -> None:
    """Neither at home nor of models that were shared: only what came by that key."""
    acme = create_organization(actor=actor_for_user(alice), name="Acme")
    make_key(alice, organization=acme)
    key = ApiKey.objects.select_related("user", "organization").get()
    actor = actor_for_key(key)
    assert actor is not None
    theirs = make_version(make_model(bob, "theirs"))
    in_person = [make_prediction(one, alice) for one in (version, theirs)]
    by_key = make_prediction(theirs, alice, key_id=key.id)
    jobs = {
        kind: [
            kind.objects.create(
                organization=theirs.model.organization, version=theirs, user=alice, key_id=id_,
                **fields,
            )
            for id_ in (None, key.id)
        ]
        for kind, fields in (
            (PredictionJob, {"body": {}}),
            (BatchJob, {"format": "csv", "input_sha256": "0" * 64, "input_bytes": 1}),
        )
    }  # fmt: skip
    assert list(Prediction.objects.visible_to(actor)) == [by_key]
    for kind, (_, mine) in jobs.items():
        assert list(kind.objects.visible_to(actor)) == [mine]
    person = actor_for_user(alice)
    assert set(Prediction.objects.visible_to(person)) == {*in_person, by_key}
    for kind in jobs:
        assert kind.objects.visible_to(person).count() == 2
