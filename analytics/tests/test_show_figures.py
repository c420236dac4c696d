"""It shows how models do, to those whose models they are."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from accounts.actors import actor_for_user
from accounts.models import Membership, User
from analytics.tests.conftest import Count
from common.csv_text import cell
from conftest import FrozenClock
from inference import figures
from inference.figures import EVERYTHING, SERIES, SPANS
from inference.rollups import DAYS, QUARTERS
from inference.tests.test_browse_predictions import make_prediction
from registry.models import ModelShare, ModelVersion
from registry.tests.factories import make_model, make_version

ClientFor = Callable[[User], APIClient]
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
ROUTE = "/api/v1/analytics"
OTHERS = """
INSERT INTO {table} (version_id, {column}, requests, rows, failed, errors, duration_us_sum,
    latency_histogram, inference_us_sum, inference_histogram, labels, confidence_sum,
    confidence_count, confidence_histogram, cache_hits, last_at)
SELECT gen_random_uuid(), '2026-02-20', 1, 1, 0, '{{}}', 1, '{{}}', 1, '{{}}', '{{}}', 0, 0, '{{}}',
    0, now()
FROM generate_series(1, 30000)
"""


@pytest.fixture
def client(alice: User, client_for: ClientFor, clock: FrozenClock) -> APIClient:
    return client_for(alice)


@pytest.fixture
def version(alice: User) -> ModelVersion:
    return make_version(make_model(alice, "churn"))


def get(client: APIClient, path: str, **given: Any) -> Any:
    response = client.get(f"{ROUTE}/{path}", given)
    assert response.status_code == 200, response.json()
    return response.json()


def test_a_models_figures_are_the_sums_of_its_calls(
    client: APIClient, alice: User, version: ModelVersion, count: Count
) -> None:
    count(version, alice, NOON, NOON - DAY, NOON - DAY, labels=["yes"], duration_us=1000)
    count(
        version, alice, NOON - 2 * DAY, labels=["no"], duration_us=9000, inference_us=3000, rows=3
    )
    count(version, alice, NOON, labels=[], status=400, code="invalid_input", duration_us=50)
    count(version, alice, NOON - 40 * DAY)
    make_prediction(version, alice, status=400, code="invalid_input")
    found = get(client, "models/churn")
    assert (found["total"], found["succeeded"], found["failed"]) == (5, 4, 1)
    assert found["success_rate"] == 0.8
    assert found["rows"] == 7
    assert found["labels"] == {"yes": 3, "no": 1}
    assert found["errors"] == {"invalid_input": 1}
    latency = found["latency_ms"]
    assert (latency["min"], latency["max"], latency["mean"]) == (0.05, 9.0, 2.41)
    assert latency["p50"] == pytest.approx(1, rel=0.12)
    assert latency["p99"] <= 9.0
    inside = found["inference_ms"]
    assert (inside["min"], inside["max"], inside["mean"]) == (0.5, 3.0, 1.125)
    assert inside["p50"] == pytest.approx(0.5, rel=0.12)
    assert inside["p99"] == pytest.approx(3, rel=0.12)
    days = {one["date"]: one["total"] for one in found["daily"]}
    assert len(days) == 30
    assert [days[d] for d in ("2026-02-27", "2026-02-28", "2026-03-01")] == [1, 2, 2]
    assert sum(one["total"] for one in found["hours"]) == 5
    assert found["hours"][12]["total"] == 5
    assert found["weekdays"][6] == {"weekday": "Sunday", "total": 2}
    [error] = found["recent_errors"]
    assert (error["code"], error["version"]) == ("invalid_input", 1)
    assert [one["version"] for one in found["versions"]] == [1]
    assert found["confidence"]["mean"] == 0.9


@pytest.mark.parametrize(
    ("tz", "days"),
    [
        ("UTC", {"2026-02-28": 2, "2026-03-01": 1}),
        ("Asia/Kathmandu", {"2026-02-28": 1, "2026-03-01": 2}),
        ("+05:45", {"2026-02-28": 1, "2026-03-01": 2}),
        ("-05:00", {"2026-02-28": 2, "2026-03-01": 1}),
    ],
)
def test_days_begin_where_the_zone_has_them(
    client: APIClient,
    alice: User,
    version: ModelVersion,
    count: Count,
    tz: str,
    days: dict[str, int],
) -> None:
    edge = datetime(2026, 2, 28, 18, 15, tzinfo=UTC)  # midnight in Kathmandu
    count(version, alice, edge - timedelta(minutes=1), edge + timedelta(minutes=1), NOON)
    found = get(client, "models/churn", days=3, tz=tz)
    totals = {one["date"]: one["total"] for one in found["daily"] if one["total"]}
    assert totals == days
    assert found["total"] == 3


def test_the_hour_that_a_clock_goes_back_over_is_two(
    client: APIClient, alice: User, version: ModelVersion, count: Count
) -> None:
    change = datetime(2025, 10, 26, 1, tzinfo=UTC)  # 3:00 in Paris becomes 2:00
    count(version, alice, *[change + n * HOUR / 2 for n in (-1, 0, 1, 2)])
    given = {"from": "2025-10-26", "to": "2025-10-26", "tz": "Europe/Paris", "resolution": "hour"}
    found = get(client, "models/churn", **given)
    assert [one["total"] for one in found["daily"] if one["total"]] == [1, 2, 1]
    assert len(found["daily"]) == 25


def test_a_period_in_the_middle_of_days_counts_no_more(
    client: APIClient, alice: User, version: ModelVersion, count: Count
) -> None:
    for hours in range(100):
        count(version, alice, NOON - hours * HOUR)
    given = {"from": "2026-02-26T03:00Z", "to": "2026-02-28T05:30Z"}
    found = get(client, "models/churn", **given)
    # 03:00 on the 26th up to 05:00 on the 28th.
    assert found["total"] == 51
    assert sum(one["total"] for one in found["daily"]) == 51


@pytest.mark.parametrize(
    "path",
    [
        "analytics/models/churn",
        "analytics/models/compare",
        "analytics/user-dashboard",
        "users/me/statistics",
        "users/me/predictions/analytics",
    ],
)
def test_a_misspelt_parameter_is_not_passed_over(
    client: APIClient, version: ModelVersion, path: str
) -> None:
    known = {"refs": "churn"} if path.endswith("compare") else {}
    assert client.get(f"/api/v1/{path}", known | {"tz": "Asia/Tokyo"}).status_code == 200
    refused = client.get(f"/api/v1/{path}", known | {"timezone": "Asia/Tokyo"})
    assert refused.status_code == 400
    (fault,) = refused.json()["errors"]
    assert (fault["pointer"], fault["code"]) == ("?timezone", "unknown")


def test_hours_and_a_trend(
    client: APIClient, alice: User, version: ModelVersion, count: Count
) -> None:
    count(version, alice, *[NOON - n * HOUR for n in range(6)])
    count(version, alice, *[NOON - DAY - n * HOUR for n in range(4)])
    given = {"from": "2026-02-28T12:15Z", "to": "2026-03-01T12:15Z", "resolution": "hour"}
    found = get(client, "models/churn", **given)
    assert [one["total"] for one in found["daily"]][-6:] == [1] * 6
    assert found["trend"]["total"] == 0.5


def test_one_version_by_its_number(
    client: APIClient, alice: User, version: ModelVersion, count: Count
) -> None:
    second = make_version(version.model, number=2)
    count(version, alice, NOON)
    count(second, alice, NOON, NOON)
    assert get(client, "models/alice/churn")["total"] == 3
    found = get(client, "models/alice/churn/versions/2")
    assert (found["total"], found["version"]) == (2, 2)


def test_strangers_get_404_and_who_it_is_shared_with_403(
    bob: User, charlie: User, client_for: ClientFor, alice: User, version: ModelVersion
) -> None:
    ModelShare.objects.create(model=version.model, user=bob, permission="use", shared_by=alice)
    assert client_for(charlie).get(f"{ROUTE}/models/alice/churn").status_code == 404
    assert client_for(bob).get(f"{ROUTE}/models/alice/churn").status_code == 403
    home = actor_for_user(alice).organization
    Membership.objects.create(organization=home, user=charlie, role="viewer")
    assert client_for(charlie).get(f"{ROUTE}/models/alice/churn").status_code == 200


def test_models_are_compared(
    client: APIClient, alice: User, version: ModelVersion, count: Count
) -> None:
    other = make_version(make_model(alice, "other"))
    count(version, alice, NOON)
    count(other, alice, NOON, NOON)
    found = get(client, "models/compare", refs="churn,other/versions/1")
    assert [(one["model"], one["total"]) for one in found["models"]] == [
        ("alice/churn", 1),
        ("alice/other", 2),
    ]
    too_many = client.get(f"{ROUTE}/models/compare", {"refs": ",".join(["churn"] * 11)})
    assert (too_many.status_code, too_many.json()["code"]) == (400, "too_many_models")
    assert client.get(f"{ROUTE}/models/compare").status_code == 400


def test_the_dashboard_adds_all_models_up(
    client: APIClient, alice: User, charlie: User, version: ModelVersion, count: Count
) -> None:
    other = make_version(make_model(alice, "other"))
    foreign = make_version(make_model(charlie, "foreign"))
    count(version, alice, NOON, labels=["yes"])
    count(other, charlie, NOON, NOON, labels=["no"])
    count(foreign, alice, NOON)
    found = get(client, "user-dashboard")
    assert found["total"] == 3
    assert [(one["model"], one["total"]) for one in found["models"]] == [
        ("alice/other", 2),
        ("alice/churn", 1),
    ]
    assert found["labels"] == {"no": 2, "yes": 1}


def test_ones_own_predictions_are_those_one_made(
    client: APIClient, alice: User, charlie: User, version: ModelVersion, count: Count
) -> None:
    foreign = make_version(make_model(charlie, "foreign"))
    count(version, charlie, NOON, labels=["another's"])
    count(foreign, alice, NOON, labels=["yes", "no"])
    count(foreign, alice, NOON, labels=["no"])
    count(foreign, alice, NOON - 40 * DAY, NOON - 40 * DAY, labels=["long ago"])
    count(version, alice, NOON, status=503, code="model_unavailable", labels=[])
    found = client.get("/api/v1/users/me/predictions/analytics").json()
    assert found["labels"] == {"no": 2, "yes": 1}
    assert found["trend"]["total"] == 0.5
    assert (found["total"], found["failed"]) == (3, 1)
    assert {one["model"]: one["total"] for one in found["models"]} == {
        "charlie/foreign": 2,
        "alice/churn": 1,
    }
    assert found["accuracy"] is None
    assert found["hours"][12]["total"] == 3
    statistics = client.get("/api/v1/users/me/statistics").json()
    assert statistics["predictions"]["total"] == 3
    assert statistics["storage_bytes"] == version.size
    assert statistics["counted"] is True


def test_a_key_for_one_model_sees_calls_of_that_alone(
    client: APIClient,
    alice: User,
    version: ModelVersion,
    count: Count,
    key_for: Callable[..., str],
) -> None:
    count(version, alice, NOON)
    count(make_version(make_model(alice, "other")), alice, NOON, NOON)
    key = key_for(
        alice, scopes=["analytics:read"], model_refs=["alice/churn"], created_at=NOON - DAY
    )
    narrow = APIClient(headers={"Authorization": f"Bearer {key}"})
    found = narrow.get("/api/v1/users/me/predictions/analytics").json()
    assert (found["total"], found["hours"][12]["total"]) == (1, 1)
    assert sum(one["total"] for one in found["daily"]) == 1


def test_the_overview_is_the_operators_and_leaves_out_who_wants_it(
    alice: User,
    bob: User,
    olga: User,
    client_for: ClientFor,
    version: ModelVersion,
    count: Count,
) -> None:
    from accounts.services import create_team

    recent = datetime.now(UTC)
    count(version, alice, recent)
    assert client_for(alice).get(f"{ROUTE}/platform-overview").status_code == 403
    for person in (alice, bob):
        create_team(actor=actor_for_user(person), name="Team")
    operator = client_for(olga)
    found = get(operator, "platform-overview")
    assert found["total"] == 1
    assert found["active_users"] == 1
    features = {one["type"]: one["people"] for one in found["features"]}
    assert features["team.created"] == 2
    before = found["funnel"]["signed_up"]
    answer = client_for(bob).patch("/api/v1/users/me/statistics", {"counted": False})
    assert answer.json() == {"counted": False}
    found = get(operator, "platform-overview")
    features = {one["type"]: one["people"] for one in found["features"]}
    assert features["team.created"] == 1
    assert found["funnel"]["signed_up"] == before - 1
    assert found["opted_out"] == 1


@pytest.mark.parametrize(
    ("part", "columns", "rows"),
    [
        ("", ["date", "total", "succeeded", "failed", "rows", "mean_ms", "max_ms"], 30),
        ("labels", ["name", "count"], 2),
        ("errors", ["name", "count"], 0),
        ("hours", ["hour", "total"], 24),
        ("versions", None, 1),
        ("summary", None, 1),
    ],
)
def test_every_figure_is_had_as_csv(
    client: APIClient,
    alice: User,
    version: ModelVersion,
    count: Count,
    part: str,
    columns: list[str] | None,
    rows: int,
) -> None:
    count(version, alice, NOON, labels=["=1+1"])
    count(version, alice, NOON, labels=["no"])
    response = client.get(f"{ROUTE}/models/churn", {"format": "csv", "part": part})
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert "attachment" in response["Content-Disposition"]
    found = list(csv.DictReader(io.StringIO(response.content.decode())))
    assert len(found) == rows
    if columns and found:
        assert list(found[0]) == columns
    if part == "labels":
        assert {one["name"] for one in found} == {"'=1+1", "no"}
    if part == "summary":
        assert found[0]["latency_ms.max"] == "1.0"


@pytest.mark.parametrize(
    "path",
    [
        f"{ROUTE}/models/churn",
        f"{ROUTE}/models/compare",
        f"{ROUTE}/user-dashboard",
        "/api/v1/users/me/predictions/analytics",
        "/api/v1/users/me/statistics",
    ],
)
def test_nothing_in_an_answer_is_missing_from_its_tables(
    client: APIClient, alice: User, version: ModelVersion, count: Count, path: str
) -> None:
    count(version, alice, NOON, labels=["yes"], duration_us=1234, inference_us=789)
    count(version, alice, NOON - DAY, labels=[], status=400, code="invalid_input")
    make_prediction(version, alice, status=400, code="invalid_input")
    asked = {"format": "csv"}
    if path.endswith("compare"):
        asked["refs"] = "churn,churn/versions/1"
    told = client.get(path, asked | {"part": "nonsense"}).json()["detail"]
    parts = told.removeprefix("part is one of ").removesuffix(".").split(", ")
    cells: set[str] = set()
    for part in parts:
        for row in rows_of(client.get(path, asked | {"part": part})):
            cells |= set(row.values())
    assert {
        str(cell(value)) for value in _leaves(client.get(path, asked | {"format": "json"}).json())
    } - cells == set()


def _leaves(answer: Any) -> Iterator[Any]:
    """What stands in an answer, at whatever depth; of null nothing stands in a table."""
    if isinstance(answer, dict):
        for value in answer.values():
            yield from _leaves(value)
    elif isinstance(answer, list):
        for value in answer:
            yield from _leaves(value)
    elif answer is not None:
        yield answer


def test_a_part_that_is_none_is_named(client: APIClient, version: ModelVersion) -> None:
    response = client.get(f"{ROUTE}/models/churn", {"format": "csv", "part": "nonsense"})
    assert response.status_code == 400
    assert "labels" in response.json()["detail"]


def rows_of(response: Any) -> list[dict[str, str]]:
    assert response.status_code == 200
    return list(csv.DictReader(io.StringIO(response.content.decode())))


def test_a_comparison_is_had_as_csv(
    client: APIClient, alice: User, version: ModelVersion, count: Count
) -> None:
    """Models that answered different labels; a label that a spreadsheet would run is a text."""
    other = make_version(make_model(alice, "rain"))
    count(version, alice, NOON, labels=["yes"])
    count(other, alice, NOON, labels=["=cmd"])
    count(other, alice, NOON, labels=[], status=400, code="invalid_input")
    asked = {"refs": "churn,rain", "format": "csv"}
    models = rows_of(client.get(f"{ROUTE}/models/compare", asked))
    assert [(row["model"], row["total"]) for row in models] == [
        ("alice/churn", "1"), ("alice/rain", "2"),
    ]  # fmt: skip
    labels = rows_of(client.get(f"{ROUTE}/models/compare", asked | {"part": "labels"}))
    assert [(row["model"], row["name"], row["count"]) for row in labels] == [
        ("alice/churn", "yes", "1"), ("alice/rain", "'=cmd", "1"),
    ]  # fmt: skip
    daily = rows_of(client.get(f"{ROUTE}/models/compare", asked | {"part": "daily"}))
    assert len(daily) == 60


def test_what_lies_deeper_is_a_table_of_its_own(
    client: APIClient, alice: User, version: ModelVersion, count: Count
) -> None:
    count(version, alice, NOON)
    asked = {"format": "csv", "part": "confidence.histogram"}
    assert len(rows_of(client.get(f"{ROUTE}/models/churn", asked))) == 20
    (summary,) = rows_of(client.get(f"{ROUTE}/models/churn", asked | {"part": "summary"}))
    assert not [value for value in summary.values() if "{" in value]
    empty = client.get(f"{ROUTE}/models/churn", asked | {"part": "errors"})
    assert empty.content == b"name,count\r\n"
    mine = client.get("/api/v1/users/me/statistics", {"format": "csv", "part": "predictions.daily"})
    assert len(rows_of(mine)) == 30


def test_the_latest_failures_are_the_periods(
    client: APIClient, alice: User, version: ModelVersion, count: Count
) -> None:
    count(version, alice, NOON, NOON - 3 * DAY, status=400, code="invalid_input", labels=[])
    make_prediction(version, alice, status=400, created_at=NOON)
    before = make_prediction(version, alice, status=400, created_at=NOON - 3 * DAY)
    found = get(client, "models/churn", **{"from": "2026-02-25", "to": "2026-02-27"})
    assert [row["id"] for row in found["recent_errors"]] == [str(before.id)]


def test_figures_take_few_queries(
    client: APIClient,
    alice: User,
    version: ModelVersion,
    count: Count,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    for number in range(2, 6):
        count(make_version(version.model, number=number), alice, NOON)
    with django_assert_max_num_queries(14):
        get(client, "models/churn")
    with django_assert_max_num_queries(11):
        get(client, "user-dashboard")


def test_a_hundred_thousand_predictions_cost_what_a_few_do(
    client: APIClient, alice: User, version: ModelVersion, count: Count
) -> None:
    """The rows that are read are those of the time, never those of the calls."""
    count(version, alice, *[NOON - n % 3000 * timedelta(minutes=15) for n in range(100_000)])
    with connection.cursor() as cursor:
        for tier in (QUARTERS, DAYS):  # and others', or the whole table would be what is wanted
            cursor.execute(OTHERS.format(table=tier.table, column=tier.column))
        cursor.execute("ANALYZE inference_rollup, inference_dayrollup")
        bounds = figures._bounds([version.id], NOON - 30 * DAY, NOON)  # what is sent
        assert _read(cursor, SPANS.format(columns=EVERYTHING), bounds) < 250
        series = SERIES.format(start="quarter", table="inference_rollup", column="quarter")
        assert _read(cursor, series, bounds) <= 2881


def _read(cursor: Any, query: str, values: dict[str, Any]) -> int:
    """Rows that a query reads from tables; none of them one after the other."""
    cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {query}", values)
    [(plan,)] = cursor.fetchall()
    nodes, rows = [plan[0]["Plan"]], 0
    while nodes:
        node = nodes.pop()
        assert node["Node Type"] != "Seq Scan", node
        if "Relation Name" in node:
            rows += int(node["Actual Rows"] * node["Actual Loops"])
        nodes += node.get("Plans", [])
    return rows
