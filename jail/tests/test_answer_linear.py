"""Linear models answer single rows without their graph, as the original does."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_iris
from sklearn.linear_model import (
    Lasso,
    LinearRegression,
    LogisticRegression,
    Perceptron,
    Ridge,
    RidgeClassifier,
    SGDClassifier,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    MaxAbsScaler,
    MinMaxScaler,
    PolynomialFeatures,
    RobustScaler,
    StandardScaler,
)
from sklearn.svm import LinearSVC

from common.jail import Jail
from jail.batch import Batch, Outputs, RowBatch
from jail.claims import check_plan
from jail.compile import compile_model
from jail.folding import fold
from jail.linear import MOST_WEIGHTS, Linear, check_linear
from jail.native import predict_native
from jail.onnxmodel import OnnxModel, joined
from jail.parity import compare
from jail.probes import make_probes
from jail.signature import infer_signature

SEED = bytes(range(32))
PETALS, KINDS = load_iris(return_X_y=True)
BODIES, PROGRESS = load_diabetes(return_X_y=True)
TWO = KINDS == 2
LINEAR = {
    "logistic": (LogisticRegression(), PETALS, TWO.astype(int)),
    "logistic of texts": (LogisticRegression(), PETALS, np.where(TWO, "yes", "no")),
    "softmax": (make_pipeline(StandardScaler(), LogisticRegression()), PETALS, KINDS),
    "sign": (make_pipeline(MinMaxScaler(), RidgeClassifier()), PETALS, TWO),
    "argmax": (make_pipeline(RobustScaler(), LinearSVC()), PETALS, KINDS),
    "not centred": (make_pipeline(StandardScaler(with_mean=False), Perceptron()), PETALS, KINDS),
    "not scaled": (make_pipeline(StandardScaler(with_std=False), LinearSVC()), PETALS, KINDS),
    "two scalers": (make_pipeline(MaxAbsScaler(), StandardScaler(), Ridge()), BODIES, PROGRESS),
    "no intercept": (LinearRegression(fit_intercept=False), BODIES, PROGRESS),
    "lasso": (make_pipeline(RobustScaler(with_scaling=False), Lasso(0.1)), BODIES, PROGRESS),
}  # fmt: skip
OTHERS = {
    "one against the rest": (SGDClassifier(loss="log_loss"), PETALS, KINDS),
    "clipped": (make_pipeline(MinMaxScaler(clip=True), Ridge()), BODIES, PROGRESS),
    "not only scaled": (make_pipeline(PolynomialFeatures(2), Ridge()), BODIES, PROGRESS),
    "two targets": (Ridge(), BODIES, np.column_stack([PROGRESS, PROGRESS])),
    "too wide": (Ridge(), np.tile(BODIES, 60), PROGRESS),
}
SIGNATURE: dict[str, Any] = {
    "task": "classification",
    "layout": "matrix",
    "inputs": [{"features": [{"name": "a"}, {"name": "b"}]}],
    "outputs": [{"name": "predict", "datatype": "INT64", "shape": [-1]}],
    "classes": [3, 7],
}
FORM: dict[str, Any] = {"link": "logistic", "weights": [[1.0, -2.0]], "intercepts": [0.5]}


def row_by_row(form: Linear, probes: Batch) -> Outputs:
    answers = [form(probes.take(slice(at, at + 1)).row) for at in range(probes.rows)]
    assert None not in answers
    return joined([answer for answer in answers if answer is not None])


@pytest.mark.parametrize("name", LINEAR)
def test_each_row_is_answered_as_the_original_answers_it(name: str) -> None:
    model, rows, answers = LINEAR[name]
    model.fit(rows, answers)
    signature = infer_signature(model)
    folded = fold(model, signature)
    assert folded is not None
    probes = make_probes(model, signature, seed=SEED, example=None)
    reference = predict_native(model, signature, probes)
    report = compare(reference, row_by_row(Linear(folded, signature), probes), signature)
    assert report.passed, report.reason
    assert report.max_abs_diff < 1e-9
    compiled = compile_model(model, signature)
    assert check_plan(compiled.plan)["linear"] == folded
    assert OnnxModel(compiled.onnx, signature, compiled.plan).linear is not None


@pytest.mark.parametrize(("wrong", "agrees"), [(0.0, True), (0.05, False)])
def test_a_form_that_differs_from_the_original_is_found_out(
    jail: Jail, tmp_path: Path, wrong: float, *, agrees: bool
) -> None:
    model = LogisticRegression().fit(PETALS, TWO)
    signature = infer_signature(model)
    compiled = compile_model(model, signature)
    compiled.plan["linear"]["weights"][0][0] += wrong
    probes = make_probes(model, signature, seed=SEED, example=None)
    path = tmp_path / "compiled.onnx"
    path.write_bytes(compiled.onnx)
    with path.open("rb") as file:
        report = jail.check(
            file.fileno(),
            signature=signature,
            plan=compiled.plan,
            probes=probes,
            reference=predict_native(model, signature, probes),
        )
    assert report.parity is not None
    assert report.parity["passed"]
    assert report.linear is agrees


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_not_linear_is_left_to_the_graph(name: str) -> None:
    model, rows, answers = OTHERS[name]
    model.fit(rows, answers)
    assert fold(model, infer_signature(model)) is None


def test_sparse_weights_are_left_to_the_graph() -> None:
    model = LogisticRegression().fit(PETALS, TWO)
    signature = infer_signature(model)
    assert fold(model.sparsify(), signature) is None


@pytest.mark.parametrize("row", [(math.nan, 1.0), (1e308, -1e308)])
@pytest.mark.parametrize("link", ["identity", "sign", "logistic"])
def test_a_score_that_is_no_number_is_left_to_the_graph(link: str, row: Any) -> None:
    form = Linear({**FORM, "link": link, "weights": [[1e10, 1e10]]}, SIGNATURE)
    assert form(row) is None


@pytest.mark.parametrize("link", ["argmax", "softmax"])
def test_one_score_of_several_that_is_no_number_is_left_to_the_graph(link: str) -> None:
    plan = {"link": link, "weights": [[1.0, 0.0], [0.0, 1.0]], "intercepts": [0.0, 0.0]}
    form = Linear(plan, SIGNATURE)
    assert form((math.nan, 1.0)) is None
    answer = form((1.0, 2.0))
    assert answer is not None
    assert answer.lists()[0] == [7]


FAR = [((800.0, 0.0), 7, 1.0), ((0.0, 800.0), 3, 0.0), ((1e308, -1e308), 7, 1.0)]


@pytest.mark.parametrize(("row", "label", "second"), FAR)
def test_far_from_the_border_nothing_overflows(row: Any, label: int, second: float) -> None:
    answer = Linear(FORM, SIGNATURE)(row)
    assert answer is not None
    assert answer.lists() == ([label], [[1 - second, second]])
    assert answer.predict.tolist() == [label]
    assert answer.predict_proba is not None
    assert answer.predict_proba.tolist() == [[1 - second, second]]


@pytest.mark.parametrize(
    "change",
    [
        {"link": "exec"}, {"weights": []}, {"weights": [1.0]}, {"weights": "many"},
        {"weights": [["1", 2.0]]}, {"weights": [[True, 2.0]]}, {"weights": [[math.nan, 1.0]]},
        {"intercepts": None}, {"intercepts": [math.inf]}, {"weights": [[1.0] * (MOST_WEIGHTS + 1)]},
    ],
)  # fmt: skip
def test_a_form_of_another_shape_is_refused(change: dict[str, Any]) -> None:
    check_linear(FORM)
    with pytest.raises(ValueError, match="linear form"):
        check_linear({**FORM, **change})


@pytest.mark.parametrize(
    "change",
    [
        {"weights": [[1.0]]}, {"weights": [[1.0, 2.0, 3.0]]}, {"intercepts": []},
        {"weights": [[1.0, 2.0], [1.0, 2.0]], "intercepts": [0.0, 0.0]}, {"link": "softmax"},
    ],
)  # fmt: skip
def test_a_form_of_another_model_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="not this model's"):
        Linear({**FORM, **change}, SIGNATURE)


def test_one_row_is_a_batch_like_any_other() -> None:
    batch = RowBatch((1.0, 2.0))
    assert batch.rows == 1
    assert batch.row == (1.0, 2.0)
    assert batch.matrix.tolist() == [[1.0, 2.0]]
    assert batch.take(slice(0, 1)).row == [1.0, 2.0]
