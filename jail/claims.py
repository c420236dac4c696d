"""What a child claims about a model, checked against the shapes that the product works with.

A model that has taken over its process can send any JSON; nothing else than this gets further.
"""

from __future__ import annotations

import json
from typing import Any

from jail.linear import check_linear

TASKS = {"classification", "regression", "clustering", "outlier", "transform"}
LAYOUTS = {"matrix", "columns", "text"}
DATATYPES = {"FP64", "INT64", "BOOL", "BYTES"}
DTYPES = {"float", "int", "bool", "str"}
GRAPH_DTYPES = {"float32", "float64", "int64", "bool", "string"}
MAX_NAME = 1000
MAX_FEATURES = 100_000


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise ValueError(what)


def _name(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= MAX_NAME and is_text(value)


def is_text(value: str) -> bool:
    """Whether a database and JSON can hold the text: no NUL, no half of a surrogate pair."""
    return "\0" not in value and not any("\ud800" <= char <= "\udfff" for char in value)


def _check_feature(feature: Any) -> None:
    _require(isinstance(feature, dict) and _name(feature.get("name")), "a feature has no name")
    _require(feature.get("dtype") in DTYPES, "a feature has no known dtype")
    categories = feature.get("categories")
    _require(categories is None or isinstance(categories, list), "categories are no list")
    for flag in ("required", "nullable"):
        _require(isinstance(feature.get(flag, True), bool), f"{flag} is not true or false")


def _check_tensor(tensor: Any) -> None:
    _require(isinstance(tensor, dict) and _name(tensor.get("name")), "a tensor has no name")
    _require(tensor.get("datatype") in DATATYPES, "a tensor has no known datatype")
    shape = tensor.get("shape")
    _require(
        isinstance(shape, list) and all(type(n) is int for n in shape), "a tensor is shapeless"
    )


def check_signature(claimed: Any) -> dict[str, Any]:
    """The signature, if it has the shape of one. Raises ValueError with what is wrong."""
    _require(isinstance(claimed, dict), "a signature is no object")
    _require(claimed.get("task") in TASKS, "a signature has no known task")
    _require(claimed.get("layout") in LAYOUTS, "a signature has no known layout")
    for side in ("inputs", "outputs"):
        tensors = claimed.get(side)
        _require(isinstance(tensors, list) and 0 < len(tensors) <= MAX_FEATURES, f"no {side}")
        for tensor in tensors or []:
            _check_tensor(tensor)
    for tensor in claimed["inputs"]:
        features = tensor.get("features")
        _require(isinstance(features, list) and len(features) <= MAX_FEATURES, "no features")
        for feature in features:
            _check_feature(feature)
    classes = claimed.get("classes")
    _require(classes is None or isinstance(classes, list), "classes are no list")
    # What no name is may still be a class or a category.
    _require(is_text(json.dumps(claimed, ensure_ascii=False)), "a text that nothing can hold")
    # Round trip: only what JSON can hold goes on.
    return dict(json.loads(json.dumps(claimed, allow_nan=False)))


def check_plan(claimed: Any) -> dict[str, Any]:
    """The plan, if it has the shape of one. Raises ValueError with what is wrong."""
    _require(isinstance(claimed, dict), "a plan is no object")
    inputs, outputs = claimed.get("inputs"), claimed.get("outputs")
    _require(isinstance(inputs, list) and len(inputs) > 0, "a plan has no inputs")
    for each in inputs or []:
        _require(isinstance(each, dict) and _name(each.get("name")), "a plan's input has no name")
        _require(each.get("dtype") in GRAPH_DTYPES, "a plan's input has no known dtype")
        _require(_name(each.get("from")), "a plan's input comes from nowhere")
    named = isinstance(outputs, dict) and (outputs.get("predict") or outputs.get("transform"))
    _require(_name(named), "a plan has no outputs")
    if claimed.get("linear") is not None:
        check_linear(claimed["linear"])
    return dict(json.loads(json.dumps(claimed, allow_nan=False)))
