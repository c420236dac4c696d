"""Hostile and broken uploads, by way of the client: refused with a reason, and no harm done."""

from __future__ import annotations

import builtins
import gzip
import hashlib
import importlib
import io
import os
import pickle
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from sklearn.linear_model import LogisticRegression

from common.jail import Inspection, Jail, JailBudget, JailError, JailRefused
from jail.tests.roster import fitted
from jail.tests.test_hold_raw_pickles import Calls

FLOAT = TensorProto.FLOAT


def inspect(jail: Jail, path: Path) -> Inspection:
    """Inspect a file as an upload."""
    with path.open("rb") as file:
        return jail.inspect(
            file.fileno(),
            filename=path.name,
            sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        )


def written(tmp_path: Path, name: str, data: bytes) -> Path:
    """A file with this content."""
    path = tmp_path / name
    path.write_bytes(data)
    return path


def honest() -> bytes:
    """A model that nobody objects to."""
    buffer = io.BytesIO()
    joblib.dump(fitted("logistic")[0], buffer)
    return buffer.getvalue()


def assert_still_works(jail: Jail, tmp_path: Path) -> None:
    """The next honest upload goes through."""
    found = inspect(jail, written(tmp_path, "honest.joblib", honest()))
    assert found.signature["task"] == "classification"


class Smuggler(LogisticRegression):  # type: ignore[misc]  # scikit-learn ships no types
    """An estimator of a class that no allow-list knows."""


@pytest.mark.parametrize(
    ("attack", "named"),
    [
        (lambda canary: Calls(os.system, f"touch {canary}"), "system"),
        (lambda canary: Calls(subprocess.Popen, ["touch", canary]), "Popen"),
        (lambda canary: Calls(builtins.eval, f"open({canary!r}, 'w')"), "eval"),
        (lambda canary: Calls(builtins.exec, f"open({canary!r}, 'w')"), "exec"),
        (lambda canary: Calls(builtins.open, canary, "w"), "open"),
        (lambda _canary: Calls(importlib.import_module, "antigravity"), "import_module"),
        (lambda _canary: Calls(os.fork), "fork"),
        (lambda _canary: Calls(socket.create_connection, ("127.0.0.1", 9)), "create_connection"),
        (lambda _canary: Calls(os.getenv, "SECRET_KEY"), "getenv"),
        (lambda _canary: Calls(builtins.getattr, LogisticRegression, "mro"), "getattr"),
        (lambda _canary: Calls(builtins.setattr, LogisticRegression, "predict", None), "setattr"),
        (lambda _canary: Smuggler(), "Smuggler"),
    ],
)
@pytest.mark.parametrize("form", ["pickle", "joblib"])
def test_hostile_pickle_is_refused_by_name(
    jail: Jail, tmp_path: Path, attack: Callable[[str], Any], named: str, form: str
) -> None:
    canary = tmp_path / "canary"
    tmp_path.chmod(0o777)
    path = tmp_path / f"model.{'pkl' if form == 'pickle' else 'joblib'}"
    hostile = {"model": fitted("logistic")[0], "also": attack(str(canary))}
    if form == "pickle":
        path.write_bytes(pickle.dumps(hostile))
    else:
        joblib.dump(hostile, path)
    with pytest.raises(JailRefused) as caught:
        inspect(jail, path)
    assert named in caught.value.reason
    assert not canary.exists()


def test_honest_upload_works_after_hostile_ones(jail: Jail, tmp_path: Path) -> None:
    hostile = written(tmp_path, "bad.pkl", pickle.dumps(Calls(os.system, "true")))
    for _ in range(3):
        with pytest.raises(JailRefused):
            inspect(jail, hostile)
        assert_still_works(jail, tmp_path)


def _numbers() -> bytes:
    return pickle.dumps([1, 2, 3])


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("empty.pkl", lambda: b""),
        ("one_byte.pkl", lambda: b"\x80"),
        ("cut.joblib", lambda: honest()[:-40]),
        ("half.joblib", lambda: honest()[: len(honest()) // 2]),
        ("trailing.joblib", lambda: honest() + b"more"),
        ("list.pkl", _numbers),
        ("text.pkl", lambda: b"just some text, no model at all\n" * 9),
        ("picture.pkl", lambda: b"\x89PNG\r\n\x1a\n" + bytes(100)),
        ("mislabelled.onnx", honest),
        ("mislabelled.skops", honest),
        ("nested.pkl", lambda: b"\x80\x04" + b"]" * 200_000 + b"."),
        ("bomb.joblib", lambda: gzip.compress(bytes(300 << 20))),
        ("unfitted.pkl", lambda: pickle.dumps(LogisticRegression())),
    ],
)
def test_file_that_is_no_model_is_refused(
    jail: Jail, tmp_path: Path, name: str, make: Callable[[], bytes]
) -> None:
    with pytest.raises(JailRefused) as caught:
        inspect(jail, written(tmp_path, name, make()))
    assert len(caught.value.reason) > 10
    assert caught.value.code


def test_memory_bomb_ends(jail: Jail, tmp_path: Path) -> None:
    # A few bytes that ask for 64 GiB of one list.
    bomb = b"\x80\x04]\x94" + b"h\x00" * 1000 + b"."
    huge = b"\x80\x04\x8e" + (64 << 30).to_bytes(8, "little") + b"x."
    for data in (bomb, huge):
        with pytest.raises(JailError):
            inspect(jail, written(tmp_path, "bomb.pkl", data))
    assert_still_works(jail, tmp_path)


def graph(nodes: list[Any], *, initializers: tuple[Any, ...] = ()) -> bytes:
    """A graph from one float row of one feature to one number."""
    body = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", FLOAT, [None, 1])],
        [helper.make_tensor_value_info("y", FLOAT, [None, 1])],
        list(initializers),
    )
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    data: bytes = model.SerializeToString()
    return data


def hungry() -> bytes:
    """Allocates 8 GB for any row."""
    shape = helper.make_tensor("s", TensorProto.INT64, [1], [2_000_000_000])
    nodes = [
        helper.make_node("ConstantOfShape", ["s"], ["big"]),
        helper.make_node("ReduceSum", ["big"], ["sum"], keepdims=0),
        helper.make_node("Add", ["x", "sum"], ["y"]),
    ]
    return graph(nodes, initializers=(shape,))


def endless() -> bytes:
    """Loops for ever."""
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["go_on"]),
            helper.make_node("Identity", ["v"], ["w"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("v", FLOAT, [None, 1]),
        ],
        [
            helper.make_tensor_value_info("go_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("w", FLOAT, [None, 1]),
        ],
    )
    true = helper.make_tensor("t", TensorProto.BOOL, [], [True])
    return graph([helper.make_node("Loop", ["", "t", "x"], ["y"], body=body)], initializers=(true,))


@pytest.mark.parametrize("make", [hungry, endless])
def test_graph_that_takes_too_much_is_refused(
    jail: Jail, tmp_path: Path, make: Callable[[], bytes]
) -> None:
    with pytest.raises((JailBudget, JailRefused)) as caught:
        inspect(jail, written(tmp_path, "model.onnx", make()))
    assert len(str(caught.value)) > 10
    assert_still_works(jail, tmp_path)


def test_honest_graph_is_served(jail: Jail, tmp_path: Path) -> None:
    two = helper.make_tensor("two", FLOAT, [1], [2.0])
    data = graph([helper.make_node("Mul", ["x", "two"], ["y"])], initializers=(two,))
    onnx.checker.check_model(onnx.load_from_string(data))
    path = written(tmp_path, "double.onnx", data)
    found = inspect(jail, path)
    assert found.format == "onnx"
    assert found.graph is not None
    assert found.plan is not None
    assert found.probes is not None
    with path.open("rb") as file:
        model = jail.serve(
            file.fileno(),
            runtime="onnx",
            format="onnx",
            signature=found.signature,
            plan=found.plan,
        )
    got = model.predict(found.probes.take(slice(0, 5)))
    matrix = found.probes.matrix
    assert matrix is not None
    np.testing.assert_allclose(got.predict.reshape(-1), 2 * matrix[:5, 0], rtol=1e-6)
    model.close()
