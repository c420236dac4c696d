"""It keeps no more of a call's inputs than their model's owner wants kept."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from django.core.wsgi import get_wsgi_application
from rest_framework.test import APIClient
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from accounts.models import User
from inference.edge.app import Edge
from inference.journal.writer import journal
from inference.models import Prediction, PredictionJob
from inference.prediction_jobs import answer_job
from inference.services import prediction_jobs as services
from inference.store import store
from inference.tests.conftest import GoLive
from inference.tests.wsgi import Answer, ask
from registry.models import Model

pytestmark = pytest.mark.django_db(transaction=True)

ROWS = np.random.default_rng(0).normal(size=(100, 2))
MODEL = LogisticRegression().fit(pd.DataFrame(ROWS, columns=["age", "height"]), ROWS[:, 0] > 0)
BASE = "/api/v1/models/alice/churn"
ROW = [[41.5, 1.8]]
TENSOR = {"name": "input", "datatype": "FP64", "shape": [1, 2], "data": ROW[0]}
DOORS: dict[str, tuple[str, Any]] = {
    "inputs": (f"{BASE}/predict", {"inputs": ROW}),
    "records": (f"{BASE}/predict", {"records": [{"age": 41.5, "height": 1.8}]}),
    "v2": ("/v2/models/churn/infer", {"inputs": [TENSOR]}),
    "mlflow": (f"{BASE}/invocations", {"instances": ROW}),
    "kserve": ("/v1/models/alice/churn:predict", {"instances": ROW}),
}


@pytest.fixture
def key(alice: User, key_for: Callable[..., str]) -> str:
    return key_for(alice, scopes=["predict", "models:read", "models:write", "predictions:read"])


@pytest.fixture
def client(key: str) -> APIClient:
    return APIClient(headers={"X-API-Key": key})


@pytest.fixture
def live(go_live: GoLive) -> None:
    assert go_live(MODEL).state == "ready"


def change(client: APIClient, **fields: Any) -> Any:
    return client.patch(BASE, fields, format="json")


def kept(edge: Edge, key: str, path: str, body: Any) -> list[Prediction]:
    """What the log has of a call at the edge, and of the same call of the plain view."""
    for application in (edge, get_wsgi_application()):
        answer: Answer = ask(application, path, body, key=key)
        assert answer.status == 200, answer.json
    present = journal().present
    assert present is not None
    path_, size = present
    store(path_.name, 0, path_.read_bytes()[:size])
    return list(Prediction.objects.order_by("id"))


@pytest.mark.parametrize("door", DOORS)
def test_nothing_is_kept(door: str, edge: Edge, key: str, client: APIClient, live: None) -> None:
    assert change(client, store_inputs="none").status_code == 200
    for row in kept(edge, key, *DOORS[door]):
        assert (row.inputs, row.inputs_kept) == (None, False)
        assert row.outputs is not None
        assert row.rows == 1


@pytest.mark.parametrize("door", DOORS)
def test_what_is_masked_is_not_kept(
    door: str, edge: Edge, key: str, client: APIClient, live: None
) -> None:
    assert change(client, masked_features=["age"]).json()["masked_features"] == ["age"]
    for row in kept(edge, key, *DOORS[door]):
        assert row.inputs == {"inputs": [[None, 1.8]]}
        assert row.inputs_kept
        assert "41.5" not in str(row.inputs)


def test_a_change_is_heard_by_who_is_warm(
    edge: Edge, key: str, client: APIClient, live: None
) -> None:
    path, body = DOORS["inputs"]
    assert ask(edge, path, body, key=key).status == 200
    change(client, store_inputs="none")
    deadline = edge.callers.follower.looked_at + 2
    while edge.callers.follower.looked_at < deadline:
        time.sleep(0.05)
    rows = kept(edge, key, path, body)
    assert [row.inputs is None for row in rows] == [False, True, True]


def test_a_sample_is_kept(
    edge: Edge, key: str, client: APIClient, live: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(client, store_inputs="sampled", store_inputs_percent=30)
    chances = iter([29.9, 30.1, 99.0, 0.0])
    monkeypatch.setattr(random, "uniform", lambda _low, _high: next(chances))
    path, body = DOORS["inputs"]
    assert ask(edge, path, body, key=key).status == 200
    assert ask(edge, path, body, key=key).status == 200
    rows = kept(edge, key, path, body)
    assert [row.inputs is not None for row in rows] == [True, False, False, True]


def test_texts(go_live: GoLive, edge: Edge, key: str, client: APIClient) -> None:
    texts = ["good day", "bad day"] * 5
    go_live(make_pipeline(CountVectorizer(), LogisticRegression()).fit(texts, [1, 0] * 5))
    signature = client.get(f"{BASE}/versions/1").json()["signature"]
    name = signature["inputs"][0]["features"][0]["name"]
    change(client, masked_features=[name])
    for row in kept(edge, key, f"{BASE}/predict", {"inputs": ["secret words"]}):
        assert "secret" not in str(row.inputs)


def test_calls_that_are_answered_later(
    client: APIClient, live: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[Any] = []
    monkeypatch.setattr(services, "send_prediction_job", sent.append)
    change(client, masked_features=["age"])
    assert client.post(f"{BASE}/predict/async", {"inputs": ROW}, format="json").status_code == 202
    answer_job(sent[0])
    assert Prediction.objects.get().inputs == {"inputs": [[None, 1.8]]}
    assert PredictionJob.objects.get().body == {}


@pytest.mark.parametrize(
    "fields",
    [
        {"masked_features": ["agee"]},
        {"store_inputs": "some"},
        {"store_inputs_percent": 0},
        {"store_inputs_percent": 101},
        {"masked_features": "age"},
    ],
)
def test_what_is_misspelled_is_refused(
    fields: dict[str, Any], client: APIClient, live: None
) -> None:
    assert change(client, **fields).status_code == 400
    model = Model.objects.get()
    assert (model.store_inputs, model.store_inputs_percent, model.masked_features) == (
        "all",
        10,
        [],
    )
