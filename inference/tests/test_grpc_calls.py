"""It answers V2 over gRPC as it does over HTTP: same rows, same answers, same refusals."""

from __future__ import annotations

import struct
import threading
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from accounts.models import User
from inference.edge.app import Edge
from inference.grpc.messages import SERVICE, message
from inference.grpc.server import Listener
from inference.journal.writer import journal
from inference.models import Prediction
from inference.store import store
from inference.tests.conftest import GoLive
from inference.tests.wsgi import ask

pytestmark = pytest.mark.django_db(transaction=True)

ROWS = np.random.default_rng(0).normal(size=(100, 3))
LABELS = np.where(ROWS[:, 0] > 0, "up", "down")
SOME = ROWS[:5]

Call = Callable[..., Any]


@pytest.fixture
def key(alice: User, key_for: Callable[..., str]) -> str:
    return key_for(alice, scopes=["predict", "models:read", "models:write"])


@pytest.fixture
def port(edge: Edge) -> Iterator[int]:
    listener = Listener(edge, threads=2, most_bytes=1_000_000)
    yield listener.start("127.0.0.1:0")
    listener.stop(1)


@pytest.fixture
def call(port: int, key: str) -> Call:
    """`call("ModelInfer", model_name="churn", …)` with alice's key, or with another or none."""

    def call(method: str, *, key: str | None = key, **fields: Any) -> Any:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            ask = channel.unary_unary(
                f"/{SERVICE}/{method}",
                request_serializer=message(f"{method}Request").SerializeToString,
                response_deserializer=message(f"{method}Response").FromString,
            )
            metadata = [("authorization", f"Bearer {key}")] if key else []
            return ask(message(f"{method}Request")(**fields), metadata=metadata, timeout=20)

    return call


@pytest.fixture
def live(go_live: GoLive) -> None:
    assert go_live(LogisticRegression().fit(ROWS, LABELS)).state == "ready"


def raw(datatype: str = "FP64", rows: Any = SOME, **more: Any) -> dict[str, Any]:
    data = np.asarray(rows, dtype="<f4" if datatype == "FP32" else "<f8")
    return {
        "model_name": "churn",
        "inputs": [{"name": "input", "datatype": datatype, "shape": list(data.shape)}],
        "raw_input_contents": [data.tobytes()],
        **more,
    }


def texts(data: bytes) -> list[str]:
    found, at = [], 0
    while at < len(data):
        (length,) = struct.unpack_from("<I", data, at)
        found.append(data[at + 4 : at + 4 + length].decode())
        at += 4 + length
    return found


def refused(call: Call, method: str = "ModelInfer", **fields: Any) -> tuple[str, str]:
    with pytest.raises(grpc.RpcError) as caught:
        call(method, **fields)
    return caught.value.code().name, caught.value.details()


@pytest.mark.parametrize("form", ["raw", "fp32_contents", "fp64_contents"])
def test_rows_get_the_answers_of_http(
    form: str, call: Call, edge: Edge, key: str, live: None
) -> None:
    if form == "raw":
        asked = raw(id="mine")
    else:
        datatype = "FP32" if form.startswith("fp32") else "FP64"
        contents = {form: SOME.reshape(-1).tolist()}
        tensor = {"name": "x", "datatype": datatype, "shape": [5, 3], "contents": contents}
        asked = {"model_name": "alice/churn", "id": "mine", "inputs": [tensor]}
    said = call("ModelInfer", **asked)
    assert (said.model_name, said.model_version, said.id) == ("churn", "1", "mine")
    http = ask(edge, "/api/v1/models/churn/predict", {"inputs": SOME.tolist()}, key=key).json
    labels, probabilities = said.raw_output_contents
    assert texts(labels) == http["predictions"]
    assert [output.name for output in said.outputs] == ["predict", "predict_proba"]
    found = np.frombuffer(probabilities, "<f8").reshape(list(said.outputs[1].shape))
    assert np.allclose(found, http["probabilities"], rtol=0, atol=1e-6)


def test_texts_and_tables(go_live: GoLive, call: Call) -> None:
    table = pd.DataFrame({"town": ["Rom", "Oslo"] * 10, "age": [20, 40] * 10})
    encoder = make_column_transformer((OneHotEncoder(), ["town"]), remainder="passthrough")
    go_live(make_pipeline(encoder, LogisticRegression()).fit(table, [0, 1] * 10))
    town = {"bytes_contents": [b"Oslo", b"Rom"]}
    inputs = [
        {"name": "town", "datatype": "BYTES", "shape": [2], "contents": town},
        {
            "name": "age",
            "datatype": "INT64",
            "shape": [2],
            "contents": {"int64_contents": [40, 20]},
        },
    ]
    wanted = [{"name": "predict"}]
    said = call("ModelInfer", model_name="churn", inputs=inputs, outputs=wanted)
    assert np.frombuffer(said.raw_output_contents[0], "<i8").tolist() == [1, 0]
    assert len(said.outputs) == 1


def test_every_call_is_in_the_log(call: Call, live: None) -> None:
    call("ModelInfer", **raw())
    present = journal().present
    assert present is not None
    path, size = present
    store(path.name, 0, path.read_bytes()[:size])
    assert (Prediction.objects.get().rows, Prediction.objects.get().status) == (5, 200)


def test_what_the_server_tells_of_itself_and_its_models(call: Call, live: None) -> None:
    assert call("ServerLive", key=None).live
    assert call("ServerReady", key=None).ready
    assert call("ServerMetadata", key=None).name == "triton"
    assert call("ModelReady", name="churn").ready
    told = call("ModelMetadata", name="churn", version="1")
    assert (told.inputs[0].datatype, list(told.inputs[0].shape)) == ("FP64", [-1, 3])
    config = call("ModelConfig", name="churn").config
    assert (config.input[0].data_type, list(config.input[0].dims)) == (12, [3])
    assert call("ModelStatistics", name="churn").model_stats[0].version == "1"
    assert call("RepositoryIndex", ready=True).models[0].state == "READY"
    call("RepositoryModelLoad", model_name="churn")
    call("RepositoryModelUnload", model_name="churn")


def test_nobody_is_let_in_who_would_not_be_by_http(
    call: Call, live: None, charlie: User, alice: User, key_for: Callable[..., str]
) -> None:
    assert refused(call, key=None, **raw())[0] == "UNAUTHENTICATED"
    assert refused(call, key="slip_wrong", **raw())[0] == "UNAUTHENTICATED"
    stranger = key_for(charlie, scopes=["predict"])
    code, words = refused(call, key=stranger, **raw() | {"model_name": "alice/churn"})
    assert code == "NOT_FOUND"
    assert words.startswith("Request for unknown model: 'alice/churn'")
    reader = key_for(alice, scopes=["models:read"])
    assert refused(call, key=reader, **raw())[0] == "PERMISSION_DENIED"


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        (raw() | {"model_name": ""}, "name is missing"),
        (raw() | {"raw_input_contents": [b"", b""]}, "2 raw contents were sent for 1 inputs"),
        (raw() | {"raw_input_contents": [b"123"]}, "take 120 bytes"),
        (raw(rows=[[1.0, 2.0]]), "the model takes [rows, 3]"),
        (raw(rows=[[1.0, np.inf, 2.0]]), "too large"),
        ({"model_name": "churn"}, "needs an input"),
        (
            {"model_name": "churn", "inputs": [{"name": "x", "datatype": "FP16", "shape": [1, 3]}]},
            "comes as raw contents",
        ),
        (
            {
                "model_name": "churn",
                "inputs": [
                    {
                        "name": "x",
                        "datatype": "INT8",
                        "shape": [1, 3],
                        "contents": {"int_contents": [1, 2, 300]},
                    }
                ],
            },
            "a number is no INT8",
        ),
        (raw(outputs=[{"name": "nothing"}]), "unexpected inference output"),
        (raw() | {"model_version": "7/../1"}, ""),
    ],
)
def test_what_is_wrong_is_named(fields: dict[str, Any], says: str, call: Call, live: None) -> None:
    code, words = refused(call, **fields)
    assert code in {"INVALID_ARGUMENT", "NOT_FOUND"}
    assert says in words


def test_a_message_that_is_too_large_is_refused(call: Call, live: None) -> None:
    code, _ = refused(call, **raw(rows=np.zeros((60_000, 3))))
    assert code == "RESOURCE_EXHAUSTED"


def test_a_name_in_any_script_is_looked_for(call: Call, live: None) -> None:
    for name in ("模型", "modèle", "../../admin", "a b"):
        assert refused(call, "ModelReady", name=name)[0] in {"NOT_FOUND", "INVALID_ARGUMENT"}
        assert refused(call, **raw() | {"model_name": name})[0] in {"NOT_FOUND", "INVALID_ARGUMENT"}


def test_what_is_no_message_is_refused(port: int, key: str) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        ask = channel.unary_unary(f"/{SERVICE}/ModelInfer")
        with pytest.raises(grpc.RpcError) as caught:
            ask(b"\xff\xff\xff", metadata=[("authorization", f"Bearer {key}")], timeout=10)
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT


def test_those_who_send_nothing_hold_up_nobody(port: int, key: str, call: Call, live: None) -> None:
    """More calls than there are threads are begun, and their messages never come."""
    go = threading.Event()

    def never() -> Iterator[bytes]:
        go.wait(60)
        yield b""

    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        begun = [
            channel.stream_unary(f"/{SERVICE}/ModelInfer").future(
                never(), metadata=[("authorization", f"Bearer {key}")]
            )
            for _ in range(20)
        ]
        assert call("ModelReady", name="churn").ready
        assert call("ModelInfer", **raw()).model_name == "churn"
        go.set()
        for one in begun:
            one.cancel()


def test_parameters_reach_the_door(call: Call, live: None) -> None:
    said = call("ModelInfer", **raw(parameters={"binary_data_output": {"bool_param": False}}))
    assert len(said.raw_output_contents) == 2
    wanted = [{"name": "predict", "parameters": {"binary_data": {"bool_param": False}}}]
    assert len(call("ModelInfer", **raw(outputs=wanted)).raw_output_contents) == 1


def test_a_fault_of_ours_tells_nothing_of_itself(
    call: Call, edge: Edge, live: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> Any:
        raise RuntimeError("the secret reason")

    monkeypatch.setattr("inference.grpc.server._ask", broken)
    code, words = refused(call, **raw())
    assert code == "INTERNAL"
    assert "secret" not in words
