"""The models that are measured, as files to upload."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np

from benchmarks.stack import ROOT

FEATURES = 30

# Written by a process of its own: this one never loads scikit-learn, whose threads would weigh on
# what is measured.
TRAIN = """
import pickle, sys
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.semi_supervised import LabelSpreading
X, y = load_breast_cancer(return_X_y=True)
X = X / X.max(axis=0)
model = {
    "logreg": lambda: LogisticRegression(max_iter=5000),
    "forest": lambda: RandomForestClassifier(100, random_state=0),
    "spreading": lambda: LabelSpreading(),
}[sys.argv[1]]()
if sys.argv[1] == "spreading":
    import numpy as np
    rng = np.random.default_rng(0)
    X = np.concatenate([X + rng.normal(scale=0.01, size=X.shape) for _ in range(4)])
    y = np.concatenate([y] * 4)
with open(sys.argv[2], "wb") as file:
    pickle.dump(model.fit(X, y), file)
"""

BARE_LOOP = """
import json, pickle, sys, time
import numpy as np
model = pickle.load(open(sys.argv[1], "rb"))
row = np.array(json.loads(sys.argv[2]))
for _ in range(20):
    model.predict(row), model.predict_proba(row)
calls, began = 0, time.perf_counter()
while time.perf_counter() - began < float(sys.argv[3]):
    model.predict(row), model.predict_proba(row)
    calls += 1
print(calls / (time.perf_counter() - began))
"""


def row(seed: int = 0) -> list[float]:
    """One row that every model here answers."""
    rng = np.random.default_rng(seed)
    return [round(float(value), 4) for value in rng.random(FEATURES)]


def trained(name: str, folder: Path) -> Path:
    """The pickle of `logreg`, `forest` or `spreading`."""
    path = folder / f"{name}.pkl"
    if not path.exists():
        subprocess.run([sys.executable, "-c", TRAIN, name, str(path)], check=True, cwd=ROOT)
    return path


def bare_rate(path: Path, seconds: float) -> float:
    """Calls a second of the same estimator in a loop: one row, label and probabilities."""
    command = [sys.executable, "-c", BARE_LOOP, str(path), json.dumps([row()]), str(seconds)]
    said = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout
    return float(said)


def waving(folder: Path) -> Path:
    """A small ONNX graph with an operator that is run in the jail alone."""
    from onnx import TensorProto, helper, numpy_helper

    weights = np.random.default_rng(0).normal(size=(FEATURES, 1)).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["x", "w"], ["sums"]),
            helper.make_node("Cos", ["sums"], ["y"]),
        ],
        "waving",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", FEATURES])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", 1])],
        [numpy_helper.from_array(weights, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    path = folder / "waving.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def json_body(rows: list[list[float]]) -> bytes:
    """As the native door takes them."""
    return json.dumps({"inputs": rows}).encode()


def v2_bodies(rows: list[list[float]]) -> tuple[bytes, bytes, int]:
    """A V2 request in JSON; the same in binary, and how long the latter's JSON part is."""
    values = np.array(rows)
    tensor = {"name": "inputs", "datatype": "FP64", "shape": list(values.shape)}
    plain = {"inputs": [{**tensor, "data": values.tolist()}]}
    data = values.astype("<f8").tobytes()
    head = json.dumps(
        {
            "inputs": [{**tensor, "parameters": {"binary_data_size": len(data)}}],
            "parameters": {"binary_data_output": True},
        }
    ).encode()
    whole = io.BytesIO()
    whole.write(head)
    whole.write(data)
    return json.dumps(plain).encode(), whole.getvalue(), len(head)
