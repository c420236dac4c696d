"""It speaks the Open Inference Protocol with its clients' quirks, by the edge and by Django."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.wsgi import get_wsgi_application
from sklearn.linear_model import LogisticRegression

from accounts.models import User
from inference.edge.app import Edge
from inference.journal.writer import journal
from inference.models import Prediction
from inference.store import store
from inference.tests.conftest import GoLive
from inference.tests.wsgi import Answer, Application, ask
from registry.models import Model, ModelShare, State
from registry.tests.factories import make_model, make_version

pytestmark = pytest.mark.django_db(transaction=True)
KeyFor = Callable[..., str]

ROWS = np.random.default_rng(0).normal(size=(300, 4))
LABELS = np.where(ROWS[:, 0] + ROWS[:, 1] > 0, "stays", "leaves")
INFER = "/v2/models/churn/infer"
INPUT = {"name": "input", "datatype": "FP64", "shape": [2, 4], "data": ROWS[:2].tolist()}


@pytest.fixture
def key(alice: User, key_for: KeyFor) -> str:
    return key_for(alice, scopes=["predict"])


@pytest.fixture
def model(go_live: GoLive) -> LogisticRegression:
    fitted = LogisticRegression().fit(ROWS, LABELS)
    go_live(fitted)
    return fitted


@pytest.fixture(params=["edge", "django"])
def server(request: pytest.FixtureRequest, edge: Edge) -> Application:
    """The edge, and Django without it: what one answers the other does."""
    return edge if request.param == "edge" else get_wsgi_application()


def infer(server: Application, key: str, *tensors: Any, **more: Any) -> Answer:
    # As the clients do: no Content-Type.
    body = {"inputs": tensors or [INPUT], **more}
    return ask(server, INFER, body, key=key, CONTENT_TYPE="")


def test_a_model_answers_in_json(server: Application, key: str, model: Any) -> None:
    answer = infer(server, key, model_name="churn", id="mine")
    assert answer.status == 200, answer.body
    body = answer.json
    assert (body["model_name"], body["model_version"], body["id"]) == ("churn", "1", "mine")
    labels, proba = body["outputs"]
    assert (labels["datatype"], labels["data"]) == ("BYTES", model.predict(ROWS[:2]).tolist())
    np.testing.assert_allclose(
        np.reshape(proba["data"], proba["shape"]), model.predict_proba(ROWS[:2]), atol=1e-5
    )


def test_a_model_answers_in_binary_and_compressed(
    server: Application, key: str, model: Any
) -> None:
    rows = np.tile(ROWS[:2], (100, 1)).astype(np.float32)
    head = json.dumps(
        {
            "inputs": [
                {"name": "input", "datatype": "FP32", "shape": [200, 4],
                 "parameters": {"binary_data_size": rows.nbytes}}
            ],
            "parameters": {"binary_data_output": True},
        }
    ).encode()  # fmt: skip
    answer = ask(
        server, INFER, gzip.compress(head + rows.tobytes()), key=key,
        CONTENT_TYPE="application/octet-stream", HTTP_CONTENT_ENCODING="gzip",
        HTTP_ACCEPT_ENCODING="gzip", HTTP_INFERENCE_HEADER_CONTENT_LENGTH=str(len(head)),
    )  # fmt: skip
    assert (answer.status, answer.headers["content-encoding"]) == (200, "gzip"), answer.body
    data = gzip.decompress(answer.body)
    length = int(answer.headers["inference-header-content-length"])
    described = json.loads(data[:length])["outputs"]
    sizes = [output["parameters"]["binary_data_size"] for output in described]
    proba = np.frombuffer(data[length + sizes[0] :], np.float64).reshape(200, 2)
    np.testing.assert_allclose(proba, model.predict_proba(rows.astype(float)), atol=1e-5)


def test_errors_have_one_form(server: Application, key: str, model: Any) -> None:
    wrong = INPUT | {"data": [1]}
    for answer, status, message in (
        (infer(server, key, wrong), 400, "the shape wants 8 elements"),
        (infer(server, ""), 401, "credential"),
        (infer(server, "slip_junk"), 401, "not valid"),
        (ask(server, "/v2/models/none/infer", {}, key=key), 404, "unknown model: 'none'"),
        (ask(server, "/v2/models/churn@x/infer", {}, key=key), 404, "Request for unknown model"),
        (ask(server, "/v2/nowhere", {}, key=key), 404, "nothing"),
        (ask(server, INFER, b"", key=key), 400, "could not be read"),
        (ask(server, INFER, method="GET", key=key), 405, "not allowed"),
        (ask(server, INFER, {}, key=key, CONTENT_LENGTH="9" * 12), 413, "predict/batch"),
        (ask(server, INFER, {}, key=key, HTTP_CONTENT_ENCODING="br"), 400, "'br'"),
        (ask(server, INFER, {}, key=key, HTTP_INFERENCE_HEADER_CONTENT_LENGTH="x"), 400, "whole"),
    ):  # fmt: skip
        assert answer.status == status, answer.body
        assert list(answer.json) == ["error"]
        assert isinstance(answer.json["error"], str)
        assert message in answer.json["error"]


def test_a_model_that_is_being_checked_is_not_ready(
    server: Application, key: str, alice: User
) -> None:
    make_version(make_model(alice), state=State.SCANNING)
    answer = infer(server, key)
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")
    ready = ask(server, "/v2/models/churn/ready", method="GET", key=key)
    assert ready.status == 503


def test_stale_headers_on_a_get_are_ignored(server: Application, key: str, model: Any) -> None:
    answer = ask(
        server, "/v2/models/churn?test_1=1".partition("?")[0], method="GET", key=key,
        QUERY_STRING="test_1=1", HTTP_CONTENT_ENCODING="gzip", CONTENT_LENGTH="",
        HTTP_INFERENCE_HEADER_CONTENT_LENGTH="120",
    )  # fmt: skip
    assert answer.status == 200
    assert answer.json["versions"] == ["1"]
    assert answer.json["inputs"] == [{"name": "input", "datatype": "FP64", "shape": [-1, 4]}]
    assert [output["name"] for output in answer.json["outputs"]] == ["predict", "predict_proba"]


def test_server_and_models_are_described(
    server: Application, key: str, model: Any, alice: User
) -> None:
    def get(path: str, key: str = "") -> Any:
        answer = ask(server, path, method="GET", key=key, CONTENT_LENGTH="")
        assert answer.status == 200, (path, answer.body)
        return answer.json

    assert get("/v2")["name"] == get("/v2/")["name"] == "triton"
    assert "binary_tensor_data" in get("/v2")["extensions"]
    assert get("/v2/health/live") == {"live": True}
    assert get("/v2/health/ready") == {"ready": True}
    assert get("/v2/models", key) == {"models": ["churn"]}
    for ref in ("churn", f"{alice.slug}/churn", "churn/versions/1"):
        assert get(f"/v2/models/{ref}/ready", key) == {"name": "churn", "ready": True}
    index = ask(server, "/v2/repository/index", b"", key=key, CONTENT_TYPE="")
    assert index.json == [{"name": "churn", "version": "1", "state": "READY", "reason": ""}]


def test_every_call_is_noted_and_counted(
    edge: Edge, key: str, model: Any, journal_root: Path
) -> None:
    assert infer(edge, key, id="order-7").status == 200
    assert infer(edge, key, INPUT | {"data": []}).status == 400
    path, size = journal().present
    store(path.name, 0, path.read_bytes()[:size])
    good, bad = Prediction.objects.order_by("id")
    assert (good.rows, good.status, good.correlation_id) == (2, 200, "order-7")
    assert good.outputs is not None
    assert good.outputs["predictions"] == model.predict(ROWS[:2]).tolist()
    assert good.inputs is not None
    np.testing.assert_allclose(good.inputs["inputs"], ROWS[:2])
    assert bad.status == 400
    stats = ask(edge, "/v2/models/churn/stats", method="GET", key=key, CONTENT_LENGTH="").json
    (told,) = stats["model_stats"]
    assert (told["name"], told["version"], told["inference_count"]) == ("churn", "1", 2)
    assert told["inference_stats"]["success"]["count"] == 1
    assert told["inference_stats"]["fail"]["count"] == 1
    assert told["last_inference"] > 0
    everything = ask(edge, "/v2/models/stats", method="GET", key=key, CONTENT_LENGTH="").json
    assert everything == stats


def test_statistics_are_for_the_models_own_people(
    server: Application, model: Any, bob: User, alice: User, key_for: Callable[..., str]
) -> None:
    share = {"user": bob, "permission": "use", "shared_by": alice}
    ModelShare.objects.create(model=Model.objects.get(), **share)
    theirs = key_for(bob)
    assert ask(server, "/v2/models/alice/churn", method="GET", key=theirs).status == 200
    refused = ask(server, "/v2/models/alice/churn/stats", method="GET", key=theirs)
    assert refused.status == 403
    assert ask(server, "/v2/models/stats", method="GET", key=theirs).json == {"model_stats": []}


def test_a_key_may_be_the_password_of_basic_authentication(
    server: Application, key: str, model: Any
) -> None:
    pair = base64.b64encode(f"anybody:{key}".encode()).decode()
    body = {"inputs": [INPUT]}
    assert ask(server, INFER, body, HTTP_AUTHORIZATION=f"Basic {pair}").status == 200
    for wrong in ("Basic !", "Basic eDp5"):
        assert ask(server, INFER, body, HTTP_AUTHORIZATION=wrong).status == 401


def test_a_key_without_the_scope_is_refused(
    server: Application, model: Any, alice: User, key_for: KeyFor
) -> None:
    reader = key_for(alice, scopes=["models:read"])
    assert infer(server, reader).status == 403
    assert ask(server, "/v2/models/churn/ready", method="GET", key=reader).status == 200
    stranger = key_for(alice, scopes=["files:read"])
    assert ask(server, "/v2/models/churn/ready", method="GET", key=stranger).status == 403
