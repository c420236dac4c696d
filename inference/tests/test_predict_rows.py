"""It answers predictions by the native route."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rest_framework.test import APIClient
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.semi_supervised import LabelSpreading

from accounts.models import User
from inference import engine as engine_module
from inference.engine import engine
from inference.journal.writer import journal
from inference.models import Prediction
from inference.store import store
from inference.tests.conftest import GoLive
from registry.models import ModelVersion, Runtime, State, Status
from registry.tests.factories import make_model, make_version

pytestmark = pytest.mark.django_db(transaction=True)
ClientFor = Callable[[User], APIClient]

ROWS = np.random.default_rng(0).normal(size=(300, 4))
LABELS = np.where(ROWS[:, 0] + ROWS[:, 1] > 0, "stays", "leaves")
PREDICT = "/api/v1/models/churn/predict"


@pytest.fixture
def client(alice: User, client_for: ClientFor) -> APIClient:
    return client_for(alice)


def ask(client: APIClient, body: Any, path: str = PREDICT) -> Any:
    return client.post(path, body, format="json")


def test_the_answer_has_all_it_promises(client: APIClient, alice: User, go_live: GoLive) -> None:
    model = LogisticRegression().fit(ROWS, LABELS)
    go_live(model)
    response = ask(client, {"inputs": ROWS[:3].tolist(), "correlation_id": "order-7"})
    assert response.status_code == 200, response.json()
    body = response.json()
    assert (body["model"], body["version"]) == (f"{alice.slug}/churn", 1)
    assert body["predictions"] == model.predict(ROWS[:3]).tolist()
    assert body["classes"] == ["leaves", "stays"]
    np.testing.assert_allclose(body["probabilities"], model.predict_proba(ROWS[:3]), atol=1e-4)
    np.testing.assert_allclose(
        body["confidence"], model.predict_proba(ROWS[:3]).max(axis=1), atol=1e-4
    )
    assert body["correlation_id"] == "order-7"
    assert body["inference_ms"] > 0
    assert body["cache_hit"] is False
    assert ask(client, {"inputs": ROWS[:1].tolist()}).json()["cache_hit"] is True
    assert set(body) == {
        "id", "model", "version", "predictions", "probabilities", "classes", "confidence",
        "inference_ms", "cache_hit", "correlation_id",
    }  # fmt: skip


def test_a_regressor_has_no_probabilities(client: APIClient, go_live: GoLive) -> None:
    go_live(LinearRegression().fit(ROWS, ROWS[:, 0] * 2))
    body = ask(client, {"inputs": [[1, 2, 3, 4]]}).json()
    assert body["predictions"][0] == pytest.approx(2, abs=1e-4)
    assert (body["probabilities"], body["confidence"], body["classes"]) == (None, None, None)


def test_what_is_served_from_the_jail_answers_the_same(client: APIClient, go_live: GoLive) -> None:
    model = LabelSpreading().fit(ROWS, LABELS == "stays")
    assert go_live(model).runtime == Runtime.NATIVE
    body = ask(client, {"inputs": ROWS[:50].tolist()}).json()
    assert body["predictions"] == model.predict(ROWS[:50]).tolist()
    np.testing.assert_allclose(body["probabilities"], model.predict_proba(ROWS[:50]))


def test_a_jailed_child_that_dies_is_replaced(client: APIClient, go_live: GoLive) -> None:
    import os
    import signal

    version = go_live(LabelSpreading().fit(ROWS, LABELS == "stays"))
    body = {"inputs": ROWS[:1].tolist()}
    assert ask(client, body).status_code == 200
    runner = engine()._entries[version.id.int].runner
    os.kill(runner.pid, signal.SIGKILL)  # type: ignore[union-attr]
    response = ask(client, body)
    assert response.status_code == 200, response.json()
    assert engine()._entries[version.id.int].runner is not runner


def test_a_slow_model_leaves_threads_for_everything_else(
    client: APIClient, go_live: GoLive, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = go_live(LabelSpreading().fit(ROWS, LABELS == "stays"))
    body = {"inputs": ROWS[:1].tolist()}
    assert ask(client, body).status_code == 200
    runner: Any = engine()._entries[version.id.int].runner
    monkeypatch.setattr("inference.batching.TURN_WITHIN", 0.01)
    batcher = runner.predict.__self__
    batcher._running += 1  # a call that takes long
    response = ask(client, body)
    batcher._running -= 1
    assert (response.status_code, response.json()["code"]) == (503, "model_busy")
    assert response["Retry-After"] == "1"
    places = 0
    while engine()._places.acquire(blocking=False):
        places += 1
    assert places == engine_module.PLACES
    assert ask(client, body).json()["code"] == "model_busy"
    for _ in range(places):
        engine()._places.release()
    assert ask(client, body).status_code == 200


def test_the_highest_ready_version_answers_unless_one_is_named(
    client: APIClient, alice: User, go_live: GoLive
) -> None:
    first = LogisticRegression().fit(ROWS, LABELS)
    go_live(first)
    go_live(RandomForestClassifier(5, random_state=0).fit(ROWS, LABELS))
    make_version(first_model(), state=State.SCANNING)
    body = {"inputs": ROWS[:1].tolist()}
    assert ask(client, body).json()["version"] == 2
    path = f"/api/v1/models/{alice.slug}/churn/versions/1/predict"
    assert ask(client, body, path).json()["version"] == 1


def first_model() -> Any:
    return ModelVersion.objects.select_related("model").earliest("created_at").model


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"state": State.SCANNING}, 409, "version_not_ready"),
        ({"state": State.REJECTED, "reason": "unsafe"}, 409, "version_rejected"),
        ({"status": Status.ARCHIVED}, 409, "model_archived"),
    ],
)
def test_a_version_that_can_not_answer_says_why(
    client: APIClient, alice: User, fields: dict[str, Any], status: int, code: str
) -> None:
    make_version(make_model(alice), **fields)
    for path in (PREDICT, "/api/v1/models/churn/versions/1/predict"):
        response = ask(client, {"inputs": [[1, 2]]}, path)
        assert (response.status_code, response.json()["code"]) == (status, code)


def test_an_archived_model_answers_no_more(client: APIClient, alice: User) -> None:
    make_version(make_model(alice, status=Status.ARCHIVED))
    response = ask(client, {"inputs": [[1, 2]]})
    assert (response.status_code, response.json()["code"]) == (409, "model_archived")


def test_an_unknown_model_is_not_found(client: APIClient) -> None:
    response = ask(client, {"inputs": [[1]]}, "/api/v1/models/nothing/predict")
    assert (response.status_code, response.json()["code"]) == (404, "model_not_found")


def test_every_fault_of_the_input_comes_at_once(client: APIClient, alice: User) -> None:
    make_version(make_model(alice))
    response = ask(client, {"inputs": [["x", 1], [1, None], [None, 1], [1]]})
    assert (response.status_code, response.json()["code"]) == (400, "invalid_input")
    pointers = [error["pointer"] for error in response.json()["errors"]]
    assert sorted(pointers) == ["/inputs/0/0", "/inputs/2/0", "/inputs/3"]
    assert "width" in json.dumps(response.json())


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b'{"inputs": [[NaN, 1]]}', "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b'{"inputs": [[1, 2]], "inputs": [[3, 4]]}', "application/json", 400),
        (b'{"inputs": [["\\ud800", 1]]}', "application/json", 400),
        (b"", "application/json", 400),
        (b"inputs=1", "application/x-www-form-urlencoded", 415),
        (b"{}", "text/plain", 415),
        (b'{"inputs": [[1, 2]], "surprise": 1}', "application/json", 400),
        (b'{"inputs": [[1, 2]], "correlation_id": 5}', "application/json", 400),
        (b'{"inputs": [[1, 2]], "explain": true}', "application/json", 400),
    ],
)
def test_a_wrong_body_is_a_clear_problem(
    client: APIClient, alice: User, body: bytes, content_type: str, status: int
) -> None:
    make_version(make_model(alice))
    response = client.generic("POST", PREDICT, body, content_type=content_type)  # type: ignore[arg-type]
    assert response.status_code == status
    assert response["Content-Type"] == "application/problem+json"
    assert response.json()["detail"]


def test_what_is_refused_is_in_the_log_as_what_it_was(
    client: APIClient, alice: User, journal_root: Path
) -> None:
    """Another content type is the caller's fault, and no error of ours in any figure."""
    make_version(make_model(alice))
    client.generic("POST", PREDICT, b"{}", content_type="text/plain")  # type: ignore[arg-type]
    path, size = journal().present
    store(path.name, 0, path.read_bytes()[:size])
    row = Prediction.objects.get()
    assert (row.status, row.code) == (415, "unsupported_media_type")


def test_a_lost_artifact_is_a_503_and_no_traceback(client: APIClient, alice: User) -> None:
    from common import storage

    version = make_version(make_model(alice))
    storage.discard(version.sha256)
    response = ask(client, {"inputs": [[1, 2]]})
    assert (response.status_code, response.json()["code"]) == (503, "model_unavailable")


def test_models_are_let_go_when_there_are_too_many(
    client: APIClient, go_live: GoLive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine(), "_most", 2)
    model = LogisticRegression().fit(ROWS, LABELS)
    versions = [go_live(model, name=f"model-{i}") for i in range(3)]
    body = {"inputs": ROWS[:1].tolist()}
    for i in (0, 1, 0, 2):
        assert ask(client, body, f"/api/v1/models/model-{i}/predict").status_code == 200
    assert set(engine().loaded()) == {versions[0].id, versions[2].id}


def test_many_callers_of_a_cold_model_load_it_once(alice: User, go_live: GoLive) -> None:
    from concurrent.futures import ThreadPoolExecutor

    from common.runtime import Batch

    version = go_live(LogisticRegression().fit(ROWS, LABELS))
    batch = Batch(layout="matrix", matrix=ROWS[:1])
    with ThreadPoolExecutor(16) as pool:
        hits = list(pool.map(lambda _: engine().predict(version, batch)[1], range(64)))
    assert hits.count(False) == 1
