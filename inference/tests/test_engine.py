"""It keeps models loaded while they are used, stops what takes too long, and heals what dies."""

from __future__ import annotations

import itertools
import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from rest_framework.test import APIClient
from sklearn.linear_model import LogisticRegression
from sklearn.semi_supervised import LabelSpreading

from accounts.models import User
from common import storage
from common.runtime import Batch, OneRow, RowBatch
from inference import breaker, runners
from inference.engine import Engine, engine
from inference.errors import ModelUnavailable, PredictionFailed
from inference.tests.conftest import GoLive
from registry.models import ModelVersion, Runtime
from registry.tests.factories import make_model, make_version

pytestmark = pytest.mark.django_db(transaction=True)

ROWS = np.random.default_rng(0).normal(size=(200, 4))
LABELS = ROWS[:, 0] > 0
ONE = Batch("matrix", matrix=ROWS[:1])


@pytest.fixture
def own() -> Iterator[Engine]:
    """An engine of this test alone, with room for two."""
    made = Engine(most=2, most_bytes=10**12)
    yield made
    made.clear()


def test_a_single_row_of_a_linear_model_needs_no_graph(go_live: GoLive) -> None:
    version = go_live(LogisticRegression().fit(ROWS, LABELS))
    runner = runners.InProcess(version)
    graph = runner._run(Batch("matrix", matrix=ROWS))
    for at, row in enumerate(ROWS):
        answer = runner.predict(RowBatch(row.tolist()))
        assert isinstance(answer, OneRow)
        assert answer.predict[0] == graph.predict[at]
        assert answer.predict_proba is not None
        assert graph.predict_proba is not None
        assert np.allclose(answer.predict_proba[0], graph.predict_proba[at], rtol=0, atol=1e-12)
    assert not isinstance(runner.predict(Batch("matrix", matrix=ROWS)), OneRow)


def test_a_row_beyond_all_numbers_is_the_graphs(go_live: GoLive) -> None:
    version = go_live(LogisticRegression().fit(ROWS, LABELS))
    runner = runners.InProcess(version)
    wild = runner.predict(RowBatch([np.nan] * 4))
    assert not isinstance(wild, OneRow)


def slow_version(owner: User) -> ModelVersion:
    """A version whose graph multiplies large matrices for several seconds."""
    size, layers = 1200, 400
    weights = np.eye(size, dtype=np.float32)
    names = ["x", *(f"h{i}" for i in range(layers - 1)), "y"]
    nodes = [
        helper.make_node("MatMul", [before, "w"], [after])
        for before, after in itertools.pairwise(names)
    ]
    graph = helper.make_graph(
        nodes,
        "slow",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", size])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", size])],
        [numpy_helper.from_array(weights, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    signature: dict[str, Any] = {
        "task": "transform",
        "layout": "matrix",
        "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, size], "features": []}],
        "outputs": [{"name": "transform", "datatype": "FP64", "shape": [-1, size]}],
    }
    return make_version(
        make_model(owner, "slow"),
        sha256=storage.keep(model.SerializeToString()),
        format="onnx",
        runtime=Runtime.ONNX,
        in_process=True,
        signature=signature,
        plan={
            "inputs": [{"name": "x", "from": "matrix", "dtype": "float32"}],
            "outputs": {"transform": "y"},
        },
    )


def test_a_graph_that_takes_too_long_is_stopped(alice: User, own: Engine) -> None:
    version = slow_version(alice)
    one = Batch("matrix", matrix=np.ones((1, 1200)))
    many = Batch("matrix", matrix=np.ones((1000, 1200)))
    own.predict(version, one)
    own.allow(version.id, 0.1)
    with pytest.raises(PredictionFailed) as caught:
        own.predict(version, many)
    assert caught.value.code == "over_budget"
    own.allow(version.id, 30)
    outputs, was_loaded = own.predict(version, one)  # the same session, unharmed
    assert was_loaded
    assert outputs.predict.tolist() == [[1.0] * 1200]


@pytest.mark.parametrize("model", [LogisticRegression(), LabelSpreading()], ids=["here", "jailed"])
def test_a_damaged_file_is_never_loaded(model: Any, go_live: GoLive, own: Engine) -> None:
    version = go_live(model.fit(ROWS, LABELS))
    path = storage.blob_path(version.served_sha256)
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(ModelUnavailable, match="damaged") as caught:
        own.predict(version, ONE)
    assert caught.value.code == "artifact_damaged"
    path.unlink()
    with pytest.raises(ModelUnavailable):
        Engine(most=2, most_bytes=10**12).predict(version, ONE)


def test_a_pinned_model_stays_and_another_goes(go_live: GoLive, own: Engine) -> None:
    versions = [go_live(LogisticRegression().fit(ROWS, LABELS), name=f"m{i}") for i in range(3)]
    own.pin(versions[0])
    for version in versions[1:]:
        own.predict(version, ONE)
    assert set(own.loaded()) == {versions[0].id, versions[2].id}
    own.unpin(versions[0].id)
    own.predict(versions[1], ONE)
    assert set(own.loaded()) == {versions[1].id, versions[2].id}


def test_a_model_is_let_go_by_the_memory_it_takes(go_live: GoLive) -> None:
    versions = [go_live(LogisticRegression().fit(ROWS, LABELS), name=f"m{i}") for i in range(2)]
    small = Engine(most=50, most_bytes=1)
    for version in versions:
        small.predict(version, ONE)
    assert set(small.loaded()) == {versions[1].id}  # the last stays, however large
    small.clear()


@contextmanager
def in_mid_call(own: Engine, version: ModelVersion) -> Iterator[None]:
    """While a call to the version is under way, which then answers as it should."""
    own.predict(version, ONE)
    runner: Any = own._entries[version.id.int].runner
    asked, go = threading.Event(), threading.Event()
    ask = runner.predict

    def slowly(batch: Batch) -> Any:
        asked.set()
        assert go.wait(10)
        return ask(batch)

    runner.predict = slowly
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(own.predict, version, ONE)
        assert asked.wait(10)
        yield
        go.set()
        assert call.result(10)[0].predict.tolist() == [bool(LABELS[0])]


def test_a_jailed_model_is_not_let_go_in_mid_call(go_live: GoLive, own: Engine) -> None:
    jailed = go_live(LabelSpreading().fit(ROWS, LABELS), name="jailed")
    others = [go_live(LogisticRegression().fit(ROWS, LABELS), name=f"m{i}") for i in range(2)]
    with in_mid_call(own, jailed):
        for version in others:
            own.predict(version, ONE)
        assert jailed.id in own.loaded()


def test_a_graph_let_go_in_mid_call_still_answers(go_live: GoLive, own: Engine) -> None:
    first, *others = (
        go_live(LogisticRegression().fit(ROWS, LABELS), name=f"m{i}") for i in range(3)
    )
    with in_mid_call(own, first):
        for version in others:
            own.predict(version, ONE)
        assert first.id not in own.loaded()


def test_a_child_that_keeps_dying_in_mid_call_is_a_503_with_longer_pauses(
    go_live: GoLive, own: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = go_live(LabelSpreading().fit(ROWS, LABELS))
    monkeypatch.setattr(breaker, "FIRST_PAUSE", 5.0)
    load: Any = runners.Jailed

    class Doomed(load):  # type: ignore[misc]
        """Its child is killed whenever it is asked."""

        def __init__(self, version: ModelVersion) -> None:
            super().__init__(version)
            self._answer = vars(self)["predict"]
            self.predict = self._die

        def _die(self, batch: Batch) -> Any:
            os.kill(self.pid, signal.SIGKILL)
            return self._answer(batch)

    monkeypatch.setattr("inference.engine.Jailed", Doomed)
    with pytest.raises(ModelUnavailable) as caught:
        own.predict(version, ONE)
    first = caught.value.retry_after
    assert first is not None
    assert 1 <= first <= 5
    began = time.monotonic()
    with pytest.raises(ModelUnavailable):  # within the pause nothing is started
        own.predict(version, ONE)
    assert time.monotonic() - began < 1
    entry = own._entries[version.id.int]
    entry.breaker._until = 0.0  # the pause is over
    with pytest.raises(ModelUnavailable) as caught:
        own.predict(version, ONE)
    assert caught.value.retry_after is not None
    assert caught.value.retry_after > first
    monkeypatch.setattr("inference.engine.Jailed", load)
    entry.breaker._until = 0.0
    assert own.predict(version, ONE)[0].predict.tolist() == [bool(LABELS[0])]
    assert entry.breaker.pause == 0


def test_a_dying_child_is_told_over_http_with_retry_after(
    alice: User, client_for: Any, go_live: GoLive, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = go_live(LabelSpreading().fit(ROWS, LABELS))
    client: APIClient = client_for(alice)
    path = f"/api/v1/models/{version.model.name}/predict"
    body = {"inputs": ROWS[:1].tolist()}
    assert client.post(path, body, format="json").status_code == 200

    def die(*args: Any, **options: Any) -> Any:
        from common.jail import JailDied

        raise JailDied("The model's process was killed.", step="predict")

    monkeypatch.setattr("common.jail.JailedModel.predict", die)
    response = client.post(path, body, format="json")
    assert (response.status_code, response.json()["code"]) == (503, "model_unavailable")
    assert int(response["Retry-After"]) >= 1
    assert version.id not in engine().loaded()
