"""It searches what was answered, compares predictions, and hands out all of them as a file."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pyarrow.parquet as pq
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts.actors import actor_for_user
from accounts.models import User
from inference import exports, selectors
from inference.models import Prediction
from inference.selectors import Wanted, list_predictions, newest
from inference.tests.test_browse_predictions import NOON, ids, make_prediction
from registry.models import ModelVersion
from registry.tests.factories import make_model, make_version

pytestmark = pytest.mark.django_db
ROUTE = "/api/v1/predictions"


@pytest.fixture
def version(alice: User) -> ModelVersion:
    return make_version(make_model(alice))


@pytest.fixture
def client(alice: User, client_for: Callable[[User], APIClient]) -> APIClient:
    return client_for(alice)


@pytest.fixture
def answered(alice: User, version: ModelVersion) -> dict[str, Prediction]:
    answers: dict[str, Any] = {
        "a": {"predictions": ["yes"], "confidence": [0.9]},
        "b": {"predictions": ["no", "yes"], "confidence": [0.4, 0.6]},
        "c": {"predictions": [1], "confidence": [0.55]},
        "d": {"predictions": ["1"], "confidence": None},
        "e": None,
    }
    return {
        name: make_prediction(
            version, alice, outputs=outputs, created_at=NOON + timedelta(minutes=i)
        )
        for i, (name, outputs) in enumerate(answers.items())
    }


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("label=yes", "ba"),
        ("label=no", "b"),
        ("label=1", "dc"),
        ("label=ye", ""),
        ("label=%22", ""),
        ("label=NaN", ""),
        ("confidence_max=0.6", "cb"),
        ("confidence_min=0.7", "a"),
        ("confidence_min=0.5&confidence_max=0.58", "c"),
        ("label=yes&confidence_max=0.5", "b"),
        ("label=yes&model=churn&status=ok&limit=1", "b"),
    ],
)
def test_answers_are_searched(
    client: APIClient, answered: dict[str, Prediction], query: str, found: str
) -> None:
    assert ids(client.get(f"{ROUTE}?{query}")) == [str(answered[name].id) for name in found]


@pytest.mark.parametrize(
    "query",
    [
        "confidence_max=2",
        "confidence_min=x",
        "confidence_min=0.9&confidence_max=0.1",
        "from=2026-03-02T00:00Z&to=2026-03-01T00:00Z",
        f"label={'x' * 300}",
    ],
)
def test_a_search_that_makes_no_sense_is_refused(client: APIClient, query: str) -> None:
    assert client.get(f"{ROUTE}?{query}").status_code == 400


def test_a_rare_label_is_found_page_by_page(
    client: APIClient, alice: User, version: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No page looks at more rows than it may; together they look at all."""
    monkeypatch.setattr(selectors, "MOST_SEARCHED", 10)
    rare = make_prediction(version, alice, outputs={"predictions": ["rare"]}, created_at=NOON)
    for i in range(35):
        make_prediction(version, alice, created_at=NOON + timedelta(minutes=i + 1))
    found, address, pages = [], f"{ROUTE}?label=rare&limit=5", 0
    while address:
        answer = client.get(address)
        found += ids(answer)
        address, pages = answer.json()["next"], pages + 1
    assert found == [str(rare.id)]
    assert pages == 4
    everything, address = [], f"{ROUTE}?label=yes&limit=4"
    while address:
        answer = client.get(address)
        everything += ids(answer)
        address = answer.json()["next"]
    assert len(everything) == len(set(everything)) == 35


def test_a_search_reads_a_bounded_stretch_of_an_index(
    alice: User, version: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At 20,000 rows, with room for 1,000: what PostgreSQL reads is by the page, not the table."""
    monkeypatch.setattr(selectors, "MOST_SEARCHED", 1_000)
    first = make_prediction(version, alice, created_at=NOON)
    names = [field.column for field in Prediction._meta.concrete_fields if field.name != "id"]
    columns = ", ".join(f'"{name}"' for name in names)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO inference_prediction (id, {columns}) SELECT (left(id::text, 24) ||"  # noqa: S608
            f" lpad(to_hex(n), 12, '0'))::uuid, {columns} FROM inference_prediction,"
            " generate_series(1, 20000) n WHERE id = %s",
            [first.id],
        )
        cursor.execute("ANALYZE inference_prediction")
    wanted = Wanted(model="churn", label="rare")
    actor = actor_for_user(alice)
    least = selectors._searched_to(actor, wanted)
    assert least is not None
    plan = newest(actor, wanted, 21, least=least).explain(analyze=True, timing=False)
    # A day's partition that another test has left is read whole, and has nothing.
    assert not re.search(r"Seq Scan.*actual rows=(?!0\.00)", plan), plan
    removed = [int(line.split(":")[1]) for line in plan.splitlines() if "Removed by Filter" in line]
    assert sum(removed) <= 1_000
    assert list_predictions(actor, wanted, limit=20).next_cursor == least


def rows_of(response: Any) -> list[dict[str, str]]:
    assert response.status_code == 200
    text = b"".join(response.streaming_content).decode()
    return list(csv.DictReader(io.StringIO(text)))


def test_a_file_has_every_row_that_fits(
    client: APIClient, alice: User, version: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "PAGE", 7)
    made = [
        make_prediction(version, alice, created_at=NOON + timedelta(minutes=i)) for i in range(20)
    ]
    newest_first = [str(row.id) for row in reversed(made)]
    answer = client.get(f"{ROUTE}/export?format=csv")
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert 'filename="predictions.csv"' in answer["Content-Disposition"]
    rows = rows_of(answer)
    assert [row["id"] for row in rows] == newest_first
    assert rows[0]["model"] == f"{alice.slug}/churn"
    assert json.loads(rows[0]["outputs"]) == {"predictions": ["yes"], "confidence": [0.9]}
    whole: Any = client.get(f"{ROUTE}/export?format=json&model=churn")
    found = json.loads(b"".join(whole.streaming_content))
    assert [row["id"] for row in found] == newest_first
    assert found[0]["inputs"] == {"inputs": [[1, 2]]}
    assert (
        json.loads(b"".join(client.get(f"{ROUTE}/export?format=json&label=x").streaming_content))  # type: ignore[attr-defined]  # it streams
        == []
    )


def test_parquet_has_the_same_rows(
    client: APIClient, alice: User, version: ModelVersion, jail: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(exports, "PAGE", 3)
    assert pq.read_table(io.BytesIO(downloaded(client, "parquet"))).num_rows == 0
    for i in range(8):
        make_prediction(version, alice, correlation_id=f"c{i}" if i < 3 else "")
    expected = json.loads(downloaded(client, "json"))
    table = pq.read_table(io.BytesIO(downloaded(client, "parquet")))
    assert str(table.schema.field("rows").type) == "int64"
    found = table.to_pylist()
    for row in found:
        for name in ("inputs", "outputs"):
            row[name] = json.loads(row[name])
    assert found == [{**row, "created_at": row["created_at"]} for row in expected]


def test_without_the_jail_parquet_is_refused(
    client: APIClient, version: ModelVersion, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.JAIL_SOCKET = "/nowhere/jail.sock"
    monkeypatch.setattr(exports, "PATIENCE", 0.1)
    answer = client.get(f"{ROUTE}/export?format=parquet")
    assert (answer.status_code, "Retry-After" in answer) == (503, True)
    assert downloaded(client, "csv")


def downloaded(client: APIClient, kind: str) -> bytes:
    answer = client.get(f"{ROUTE}/export?format={kind}")
    assert answer.status_code == 200
    return b"".join(answer.streaming_content)  # type: ignore[attr-defined]  # it streams


def test_a_file_is_safe_to_open(client: APIClient, alice: User, version: ModelVersion) -> None:
    make_prediction(version, alice, correlation_id='=HYPERLINK("http://x")')
    (row,) = rows_of(client.get(f"{ROUTE}/export"))
    assert row["correlation_id"] == '\'=HYPERLINK("http://x")'


def test_a_file_is_read_page_by_page(
    client: APIClient, alice: User, version: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first rows are there before the last are read, and each page is three queries."""
    monkeypatch.setattr(exports, "PAGE", 5)
    for i in range(20):
        make_prediction(version, alice, created_at=NOON + timedelta(minutes=i))
    pieces = exports.export(actor_for_user(alice), Wanted(), "csv")
    with CaptureQueriesContext(connection) as first:
        next(pieces)
    assert len(first) == 0
    with CaptureQueriesContext(connection) as second:
        next(pieces)
    assert len(second) == 3
    pieces.close()


@pytest.mark.parametrize("query", ["format=xml", "format=csv&model=nothing", "limit=x"])
def test_what_can_not_be_a_file_is_an_error_and_no_file(client: APIClient, query: str) -> None:
    answer = client.get(f"{ROUTE}/export?{query}")
    assert answer.status_code in {400, 404}
    assert answer["Content-Type"] == "application/problem+json"
    assert exports._places.acquire(blocking=False)
    exports._places.release()


def test_so_many_export_at_once_and_places_come_free(
    client: APIClient, alice: User, version: ModelVersion
) -> None:
    make_prediction(version, alice)
    actor = actor_for_user(alice)
    running = [exports.export(actor, Wanted(), "csv") for _ in range(exports.AT_ONCE)]
    refused = client.get(f"{ROUTE}/export")
    assert (refused.status_code, refused.json()["code"]) == (503, "export_busy")
    assert refused["Retry-After"] == "5"
    b"".join(running[0])  # to its end
    running[1].close()  # broken off
    for _ in range(3):
        rows_of(client.get(f"{ROUTE}/export"))


def test_predictions_are_compared(client: APIClient, answered: dict[str, Prediction]) -> None:
    both = f"{answered['b'].id},{answered['a'].id}"
    found = client.get(f"{ROUTE}/compare?ids={both}").json()
    assert found["differs"] == ["outputs"]
    assert [row["id"] for row in found["predictions"]] == both.split(",")


@pytest.mark.parametrize("wanted", ["", "x,y", "{a}", "{a},{a}", ",".join(["{a}"] * 11)])
def test_what_can_not_be_compared_is_refused(
    client: APIClient, answered: dict[str, Prediction], wanted: str
) -> None:
    given = wanted.format(a=answered["a"].id)
    assert client.get(f"{ROUTE}/compare?ids={given}").status_code == 400


def test_a_foreign_prediction_is_not_compared(
    client: APIClient, answered: dict[str, Prediction], bob: User
) -> None:
    theirs = make_prediction(make_version(make_model(bob, "theirs")), bob)
    answer = client.get(f"{ROUTE}/compare?ids={answered['a'].id},{theirs.id}")
    assert answer.status_code == 404


def test_the_page_searches_and_takes_feedback(alice: User, answered: dict[str, Prediction]) -> None:
    browser = Client()
    browser.force_login(alice)
    page = browser.get("/predictions?model=&status=&door=&correlation_id=&label=no&confidence_max=")
    assert page.status_code == 200
    assert str(answered["b"].id) in page.content.decode()
    assert str(answered["a"].id) not in page.content.decode()
    address = f"/predictions/{answered['b'].id}"
    assert browser.post(address, {"label": "no", "row": "0"}).status_code == 302
    assert browser.post(address, {"label": "no", "row": "7"}).status_code == 400
    shown = browser.get(address).content.decode()
    assert "right" in shown
    assert alice.email in shown
    rows = rows_of(browser.get("/predictions/export?label=no&model="))
    assert len(rows) == 1
