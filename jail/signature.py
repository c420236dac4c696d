"""What a model takes and gives, read off the fitted model itself, as a plain dictionary."""

from __future__ import annotations

from typing import Any

import numpy as np

from jail import anatomy
from jail.batch import Batch
from jail.claims import MAX_NAME, is_text
from jail.columns import DATATYPES, columns_of
from jail.native import quiet, rows_for
from jail.refusal import Refused

Signature = dict[str, Any]
MAX_TRANSFORM_WIDTH = 8192
"""Numbers a transformer may answer with per row: 4,096 probes of it are 256 MB."""
ADVICE = {
    "LocalOutlierFactor": "Fit it again with novelty=True.",
    "NearestNeighbors": "Upload a KNeighborsClassifier or KNeighborsRegressor instead.",
    "KernelDensity": "Upload a GaussianMixture instead.",
}
OUTPUT_TYPES = {"f": "FP64", "i": "INT64", "u": "INT64", "b": "BOOL"}


def infer_signature(model: Any) -> Signature:
    """The signature of a fitted estimator.

    Raises Refused: `not_a_model`, `not_fitted`, or `not_servable` for what can't answer for new
    rows, each with what to do about it.
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
    _check_spelling(signature)
    signature["outputs"] = _outputs(model, signature)
    return signature


def _check_spelling(signature: Signature) -> None:
    """Refuse names, classes and categories that JSON or a database could not hold."""
    features = [feature for put in signature["inputs"] for feature in put["features"]]
    for feature in features:
        name = feature["name"]
        if not 0 < len(name) <= MAX_NAME or not is_text(name):
            raise Refused(
                f"The feature name {name[:60]!r} can't be used: a name has 1 to {MAX_NAME} "
                "characters, none of them NUL or half of a surrogate pair.",
                "bad_name",
            )
    values = [value for feature in features for value in feature.get("categories") or ()]
    for value in [*values, *(signature["classes"] or [])]:
        if isinstance(value, str) and not is_text(value):
            raise Refused(
                f"The label {value[:60]!r} holds a character that no text may hold.", "bad_name"
            )


def _check_fitted(model: Any) -> None:
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    name = anatomy.kind(model)
    if isinstance(model, type) or not hasattr(model, "get_params"):
        raise Refused(
            f"The file holds a {name}, not a scikit-learn model. Save the fitted estimator itself.",
            "not_a_model",
        )
    try:
        check_is_fitted(model)
    except NotFittedError:
        raise Refused(
            f"The {name} is not fitted. Call fit() before saving it.", "not_fitted"
        ) from None
    if not hasattr(model, "predict") and not hasattr(model, "transform"):
        last = anatomy.kind(anatomy.flat_steps(model)[-1])
        advice = ADVICE.get(last, "Train a classifier on its labels, and upload that.")
        raise Refused(
            f"{last} can't answer for new rows: it has neither predict() nor transform(). {advice}",
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
    _check_texts(ways)
    if first and first <= anatomy.VECTORIZERS:
        return "text", [_tensor("input", "BYTES", [-1], [{"name": "text", "dtype": "str"}])]
    if first & (anatomy.ENCODERS | {"ColumnTransformer"}) or any(map(_fills_texts, ways)):
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


def _fills_texts(way: list[Any]) -> bool:
    """Whether an imputer of texts, or one with an encoder behind it, comes first."""
    if not way or anatomy.kind(way[0]) not in anatomy.IMPUTERS:
        return False
    rest = [anatomy.kind(step) for step in way if anatomy.kind(step) not in anatomy.IMPUTERS]
    filled = getattr(way[0], "statistics_", None)
    of_texts = isinstance(filled, np.ndarray) and filled.dtype.kind == "O"
    return of_texts or (bool(rest) and rest[0] in anatomy.ENCODERS)


def _check_texts(ways: list[list[Any]]) -> None:
    for way in ways:
        if not way or anatomy.kind(way[0]) not in anatomy.VECTORIZERS | {
            "DictVectorizer",
            "FeatureHasher",
        }:
            continue
        name = anatomy.kind(way[0])
        if name not in anatomy.VECTORIZERS:
            raise Refused(
                f"{name} reads mappings of no fixed names. Use a ColumnTransformer instead.",
                "not_servable",
            )
        if way[0].input != "content":
            raise Refused(
                f"{name}(input={way[0].input!r}) reads files by name, and an API gets the texts "
                "themselves. Fit it with input='content'.",
                "not_servable",
            )


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
        return Batch("matrix", matrix=np.full((1, len(signature["inputs"][0]["features"])), 0.5))
    return Batch(
        "columns",
        columns={each["name"]: _plain_cell(each["features"][0]) for each in signature["inputs"]},
    )


def _plain_cell(feature: dict[str, Any]) -> Any:
    plain: dict[str, tuple[Any, Any]] = {
        "str": ("a", object),
        "bool": (False, np.bool_),
        "int": (0, np.int64),
        "float": (0.5, np.float64),
    }
    value, dtype = plain[feature["dtype"]]
    known = feature.get("categories")
    return np.array([known[0] if known else value], dtype=dtype)


def _outputs(model: Any, signature: Signature) -> list[dict[str, Any]]:
    """Ask the model about one row, and describe what it really answers."""
    import joblib

    method = "transform" if signature["task"] == "transform" else "predict"
    rows = rows_for(model, signature, plain_row(signature))
    try:
        with quiet(), joblib.parallel_config("sequential"):
            answer = getattr(model, method)(rows)
    except Exception as error:
        raise Refused(
            f"The {anatomy.kind(model)} fails on a plain row: {type(error).__name__}: {error}",
            "not_servable",
        ) from error
    if method == "transform":
        return [_output("transform", "FP64", [-1, _transform_width(answer)])]
    answer = np.asarray(answer)
    wide = answer.ndim == 2 and answer.shape[1] > 1
    datatype = OUTPUT_TYPES.get(answer.dtype.kind, "BYTES")
    outputs = [_output("predict", datatype, [-1, answer.shape[1]] if wide else [-1])]
    classes = signature["classes"]
    if classes and wide and not isinstance(classes[0], list):
        # Multilabel: each of the classes is a yes or no of its own.
        signature["classes"] = [[0, 1] for _ in classes]
    elif classes and not isinstance(classes[0], list) and hasattr(model, "predict_proba"):
        outputs.append(_output("predict_proba", "FP64", [-1, len(classes)]))
    return outputs


def _transform_width(answer: Any) -> int:
    """How many numbers the transformer makes of one row."""
    width = int(np.prod(answer.shape[1:])) if hasattr(answer, "shape") else 0
    if not width or width > MAX_TRANSFORM_WIDTH:
        raise Refused(
            f"It makes {width:,} numbers of each row; 1 to {MAX_TRANSFORM_WIDTH:,} can be served. "
            "Put the model that uses them behind it, in one pipeline.",
            "not_servable",
        )
    try:
        np.asarray(answer.toarray() if hasattr(answer, "toarray") else answer, dtype=np.float64)
    except (TypeError, ValueError):
        raise Refused("It makes of a row what is no number.", "not_servable") from None
    return width


def _output(name: str, datatype: str, shape: list[int]) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": shape}
