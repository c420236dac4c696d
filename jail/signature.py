"""What a model takes and gives, read off the fitted model itself, as a plain dictionary."""

from __future__ import annotations

from typing import Any

import numpy as np

from jail import anatomy
from jail.batch import Batch
from jail.columns import DATATYPES, columns_of
from jail.native import quiet, rows_for
from jail.refusal import Refused

Signature = dict[str, Any]
OUTPUT_TYPES = {"f": "FP64", "i": "INT64", "u": "INT64", "b": "BOOL"}


def infer_signature(model: Any) -> Signature:
    """The signature of a fitted estimator.

    Raises Refused: `not_fitted`, or `not_servable` for what can't answer for new rows.
    """
    _check_fitted(model)
    task = _task(model)
    layout, inputs = _inputs(model)
    signature: Signature = {
        "task": task,
        "layout": layout,
        "inputs": inputs,
        "outputs": [],
        "classes": _classes(model) if task == "classification" else None,
    }
    signature["outputs"] = _outputs(model, signature)
    return signature


def _check_fitted(model: Any) -> None:
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    name = anatomy.kind(model)
    try:
        check_is_fitted(model)
    except NotFittedError:
        raise Refused(
            f"The {name} is not fitted. Call fit() before saving it.", "not_fitted"
        ) from None
    if not hasattr(model, "predict") and not hasattr(model, "transform"):
        raise Refused(
            f"A {name} has neither predict() nor transform(): it can't answer for new rows. "
            "Train a model on its result that can, and upload that.",
            "not_servable",
        )


def _task(model: Any) -> str:
    from sklearn.base import is_classifier, is_outlier_detector, is_regressor

    if not hasattr(model, "predict"):
        return "transform"
    if is_classifier(model):
        return "classification"
    if is_outlier_detector(model):
        return "outlier"
    return "regression" if is_regressor(model) else "clustering"


def _classes(model: Any) -> list[Any]:
    found = getattr(model, "classes_", None)
    if found is None:
        raise Refused("The classifier does not say which classes it knows.", "not_servable")
    if isinstance(found, list):
        return [np.asarray(classes).tolist() for classes in found]
    classes: list[Any] = np.asarray(found).tolist()
    if not all(isinstance(label, str | int | float) and label == label for label in classes):
        raise Refused("The model's classes are neither texts nor numbers.", "not_servable")
    return classes


def _inputs(model: Any) -> tuple[str, list[dict[str, Any]]]:
    ways = list(anatomy.paths(model))
    first = {anatomy.kind(way[0]) for way in ways if way}
    if first and first <= anatomy.VECTORIZERS:
        return "text", [_tensor("input", "BYTES", [-1], [{"name": "text", "dtype": "str"}])]
    if first & (anatomy.ENCODERS | {"ColumnTransformer"}):
        columns = columns_of(model)
        named = anatomy.feature_names(model) is not None
        if named or any(column.dtype != "float" or column.categories for column in columns):
            return "columns", [
                _tensor(each.name, DATATYPES[each.dtype], [-1, 1], [each.feature()])
                for each in columns
            ]
    count = anatomy.feature_count(model)
    if count is None:
        raise Refused("The model does not say how many features it takes.", "not_servable")
    names = anatomy.feature_names(model) or [f"x{i}" for i in range(count)]
    nullable = all(anatomy.takes_missing(_without_tables(way)) for way in ways)
    features = [{"name": name, "dtype": "float", "nullable": nullable} for name in names]
    return "matrix", [_tensor("input", "FP64", [-1, count], features)]


def _without_tables(way: list[Any]) -> list[Any]:
    """The way's steps, a column transformer of numbers standing for its own parts."""
    steps: list[Any] = []
    for step in way:
        if anatomy.kind(step) == "ColumnTransformer":
            parts = [part for _, part, _ in step.transformers_ if not isinstance(part, str)]
            steps += [inner for part in parts for inner in anatomy.flat_steps(part)]
        else:
            steps.append(step)
    return steps


def _tensor(
    name: str, datatype: str, shape: list[int], features: list[dict[str, Any]]
) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": shape, "features": features}


def plain_row(signature: Signature) -> Batch:
    """One row of plain values that fits the inputs."""
    if signature["layout"] == "text":
        return Batch("text", texts=["a text"])
    if signature["layout"] == "matrix":
        return Batch("matrix", matrix=np.zeros((1, len(signature["inputs"][0]["features"]))))
    return Batch(
        "columns",
        columns={each["name"]: _plain_cell(each["features"][0]) for each in signature["inputs"]},
    )


def _plain_cell(feature: dict[str, Any]) -> Any:
    plain: dict[str, tuple[Any, Any]] = {
        "str": ("a", object),
        "bool": (False, np.bool_),
        "int": (0, np.int64),
        "float": (0.0, np.float64),
    }
    value, dtype = plain[feature["dtype"]]
    known = feature.get("categories")
    return np.array([known[0] if known else value], dtype=dtype)


def _outputs(model: Any, signature: Signature) -> list[dict[str, Any]]:
    """Ask the model about one row, and describe what it really answers."""
    rows = rows_for(model, signature, plain_row(signature))
    with quiet():
        if signature["task"] == "transform":
            answer = model.transform(rows)
            return [_output("transform", "FP64", [-1, int(answer.reshape(1, -1).shape[1])])]
        answer = np.asarray(model.predict(rows))
    wide = answer.ndim == 2 and answer.shape[1] > 1
    datatype = OUTPUT_TYPES.get(answer.dtype.kind, "BYTES")
    outputs = [_output("predict", datatype, [-1, answer.shape[1]] if wide else [-1])]
    classes = signature["classes"]
    if classes and not isinstance(classes[0], list) and hasattr(model, "predict_proba"):
        outputs.append(_output("predict_proba", "FP64", [-1, len(classes)]))
    return outputs


def _output(name: str, datatype: str, shape: list[int]) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": shape}
