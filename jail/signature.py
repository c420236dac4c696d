"""What a model takes and gives, read off the fitted model itself.

The signature is a plain dictionary that JSON can hold; `docs/map.md` names who uses it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from jail.anatomy import (
    Part,
    column_parts,
    feature_names,
    is_a,
    is_vectoriser,
    steps_of,
    unwrapped,
)
from jail.batch import Batch, Outputs
from jail.missing import takes_missing
from jail.native import predict_native
from jail.refusal import Refused

Signature = dict[str, Any]
ENCODERS = ("OneHotEncoder", "OrdinalEncoder", "TargetEncoder")
DATATYPES = {"float": "FP64", "int": "INT64", "bool": "BOOL", "str": "BYTES"}
OUTPUT_TYPES = {"f": "FP64", "i": "INT64", "b": "BOOL", "O": "BYTES"}
MAX_CATEGORIES = 1000


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
        "outputs": [{"name": _answer_name(task), "datatype": "FP64", "shape": [-1]}],
        "classes": _classes(model) if task == "classification" else None,
    }
    if task == "classification" and _has_probabilities(model, signature["classes"]):
        count = len(signature["classes"])
        signature["outputs"].append(
            {"name": "predict_proba", "datatype": "FP64", "shape": [-1, count]}
        )
    _measure_outputs(model, signature)
    return signature


def _check_fitted(model: Any) -> None:
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    name = type(model).__name__
    try:
        check_is_fitted(model)
    except NotFittedError:
        raise Refused(
            f"The {name} is not fitted. Call fit() before saving it.", "not_fitted"
        ) from None
    if not hasattr(model, "predict") and not hasattr(model, "transform"):
        raise Refused(
            f"A {name} has neither predict() nor transform(): it can't answer for new rows. "
            "Train a model that can on its result, and upload that.",
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


def _answer_name(task: str) -> str:
    return "transform" if task == "transform" else "predict"


def _classes(model: Any) -> list[Any]:
    found = getattr(model, "classes_", None)
    if found is None:
        raise Refused("The classifier does not say which classes it knows.", "not_servable")
    if isinstance(found, list):
        return [np.asarray(classes).tolist() for classes in found]
    classes: list[Any] = np.asarray(found).tolist()
    if any(isinstance(label, float) and not np.isfinite(label) for label in classes):
        raise Refused("A class of the model is not a number.", "not_servable")
    return classes


def _has_probabilities(model: Any, classes: list[Any]) -> bool:
    several_outputs = bool(classes) and isinstance(classes[0], list)
    return not several_outputs and hasattr(model, "predict_proba")


def _inputs(model: Any) -> tuple[str, list[dict[str, Any]]]:
    chain = steps_of(model)
    if is_vectoriser(chain[0]):
        return "text", [_tensor("input", "BYTES", [-1], [{"name": "text", "dtype": "str"}])]
    names = feature_names(unwrapped(model)) or feature_names(chain[0])
    features = _column_features(chain, names)
    if features is not None:
        return "columns", [
            _tensor(each["name"], DATATYPES[each["dtype"]], [-1, 1], [each]) for each in features
        ]
    count = _width(model, chain)
    nullable = takes_missing(chain)
    plain = names or [f"x{i}" for i in range(count)]
    described = [{"name": name, "dtype": "float", "nullable": nullable} for name in plain]
    return "matrix", [_tensor("input", "FP64", [-1, count], described)]


def _tensor(
    name: str, datatype: str, shape: list[int], features: list[dict[str, Any]]
) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": shape, "features": features}


def _width(model: Any, chain: list[Any]) -> int:
    for part in (unwrapped(model), chain[0]):
        width = getattr(part, "n_features_in_", None)
        if isinstance(width, int | np.integer) and width > 0:
            return int(width)
    raise Refused("The model does not say how many features it takes.", "not_servable")


def _column_features(chain: list[Any], names: list[str] | None) -> list[dict[str, Any]] | None:
    """The columns of a model that wants each by itself; None where a plain matrix will do."""
    first, rest = chain[0], chain[1:]
    if is_a(first, "ColumnTransformer"):
        width = int(first.n_features_in_)
        known = names or [f"x{i}" for i in range(width)]
        parts = list(column_parts(first, known))
        if names is None and not any(_is_categorical(part) for part in parts):
            return None
        return _merge(parts, known, rest)
    if is_a(first, *ENCODERS):
        known = names or [f"x{i}" for i in range(int(first.n_features_in_))]
        return _merge([Part([first], known)], known, rest)
    prepare = getattr(first, "_preprocessor", None)
    if names and is_a(first, "BaseHistGradientBoosting") and prepare is not None:
        return _merge(list(column_parts(prepare, names)), names, chain)
    return None


def _is_categorical(part: Part) -> bool:
    return any(is_a(step, *ENCODERS) or is_vectoriser(step) for step in part.chain)


def _merge(parts: Iterable[Part], names: list[str], rest: list[Any]) -> list[dict[str, Any]]:
    """One feature per column that any part uses, in the frame's order. Text wins over number."""
    found: dict[str, dict[str, Any]] = {}
    for part in parts:
        for place, name in enumerate(part.columns):
            described = {"name": name, **_described(part.chain, place, rest)}
            known = found.get(name)
            if known is None or (known["dtype"] == "float" and described["dtype"] != "float"):
                found[name] = described
            elif known["nullable"] and not described["nullable"]:
                known["nullable"] = False
    return [found[name] for name in names if name in found]


def _described(chain: list[Any], place: int, rest: list[Any]) -> dict[str, Any]:
    for i, step in enumerate(chain):
        if is_vectoriser(step):
            return {"dtype": "str", "nullable": False}
        if is_a(step, *ENCODERS):
            return _encoded(step, place, imputed=takes_missing(chain[:i]) if i else False)
        statistics = getattr(step, "statistics_", None)
        if statistics is not None and getattr(statistics, "dtype", None) == np.object_:
            rest_of_part = _described(chain[i + 1 :], place, rest)
            return {**rest_of_part, "nullable": True} if rest_of_part["dtype"] != "float" else {
                "dtype": "str",
                "nullable": True,
            }  # fmt: skip
    return {"dtype": "float", "nullable": takes_missing([*chain, *rest])}


def _encoded(encoder: Any, place: int, *, imputed: bool) -> dict[str, Any]:
    """A column that an encoder knows the values of."""
    values = np.asarray(encoder.categories_[place])
    kept = [value for value in values.tolist() if value is not None and value == value]
    kind = values.dtype.kind
    dtype = {"i": "int", "u": "int", "f": "float", "b": "bool"}.get(kind, "str")
    if dtype == "str" and not all(isinstance(value, str) for value in kept):
        whole = all(isinstance(value, int) and not isinstance(value, bool) for value in kept)
        dtype = "int" if whole and kept else "str"
    described: dict[str, Any] = {
        "dtype": dtype,
        "nullable": imputed or len(kept) < len(values),
    }
    if len(kept) <= MAX_CATEGORIES:
        described["categories"] = kept
        if getattr(encoder, "handle_unknown", "error") == "error":
            described["unknown"] = "error"
    return described


def plain_row(signature: Signature) -> Batch:
    """One row of plain values that fits the inputs."""
    if signature["layout"] == "text":
        return Batch("text", texts=["a text"])
    if signature["layout"] == "matrix":
        return Batch("matrix", matrix=np.zeros((1, len(signature["inputs"][0]["features"]))))
    columns = {}
    for each in signature["inputs"]:
        feature = each["features"][0]
        known = feature.get("categories")
        value = known[0] if known else {"str": "a", "bool": False, "int": 0}.get(feature["dtype"], 0.0)
        dtype = {"str": np.object_, "bool": np.bool_, "int": np.int64}.get(
            feature["dtype"], np.float64
        )
        columns[each["name"]] = np.array([value], dtype=dtype)
    return Batch("columns", columns=columns)


def _measure_outputs(model: Any, signature: Signature) -> None:
    """Ask the model about one row, and describe what it really answers."""
    signature["outputs"][0]["shape"] = [-1, -1]
    answer: Outputs = predict_native(model, signature, plain_row(signature))
    shape = answer.predict.shape
    flat = signature["task"] != "transform" and (len(shape) == 1 or shape[1] == 1)
    signature["outputs"][0]["shape"] = [-1] if flat else [-1, int(shape[1])]
    signature["outputs"][0]["datatype"] = OUTPUT_TYPES.get(answer.predict.dtype.kind, "BYTES")
