"""Editing a signature: people may name and describe what the artifact left open, and no more.

The artifact decides layout, order, types and classes. An edited signature that says otherwise
would promise what the model can't keep, so it is refused, place by place.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from common.errors import Conflict, Fault, Invalid
from registry.models import ModelVersion

Signature = dict[str, Any]

# What a person may set on a feature beside its name.
FREE: dict[str, tuple[type, ...]] = {
    "description": (str,),
    "unit": (str,),
    "minimum": (int, float),
    "maximum": (int, float),
}


def edit_signature(inferred: Signature | None, edited: Any) -> Signature:
    """The signature with a person's edits. Raises Conflict before it was inferred, else Invalid.

    Editable per feature: `description`, `unit`, `minimum`, `maximum`; and `name` where the
    artifact carries no names of its own, that is, in the `matrix` layout.
    """
    if inferred is None:
        raise Conflict("The signature is not known yet.", code="signature_unknown")
    faults = list(_differences(inferred, edited))
    if faults:
        raise Invalid("The signature does not fit the artifact.", errors=faults)
    merged: Signature = copy.deepcopy(edited)
    return merged


def hints_of(version: ModelVersion) -> dict[str, Any]:
    """What came with a version's file; nothing where nothing did."""
    return version.hints or {}


def named_as_hinted(inferred: Signature, hints: dict[str, Any]) -> Signature:
    """The signature with the hint's names, where the artifact has none of its own and they fit."""
    names = hints.get("feature_names")
    if not names or inferred["layout"] != "matrix":
        return inferred
    features = [feature for part in inferred["inputs"] for feature in part["features"]]
    plain = [f"x{number}" for number in range(len(features))]
    if [feature["name"] for feature in features] != plain or len(names) != len(features):
        return inferred
    named: Signature = copy.deepcopy(inferred)
    for feature, name in zip(named["inputs"][0]["features"], names, strict=True):
        feature["name"] = name
    return named


def _differences(inferred: Signature, edited: Any) -> Iterator[Fault]:
    if not isinstance(edited, dict):
        yield Fault("/signature", "must be an object")
        return
    for key in sorted(inferred.keys() | edited.keys()):
        if key != "inputs" and edited.get(key) != inferred.get(key):
            yield Fault(f"/signature/{key}", "is given by the artifact and can't be changed")
    inputs = edited.get("inputs")
    if not isinstance(inputs, list) or len(inputs) != len(inferred["inputs"]):
        yield Fault("/signature/inputs", f"must list {len(inferred['inputs'])} inputs")
        return
    for i, (was, now) in enumerate(zip(inferred["inputs"], inputs, strict=True)):
        yield from _input_differences(was, now, f"/signature/inputs/{i}", inferred["layout"])


def _input_differences(was: Signature, now: Any, place: str, layout: str) -> Iterator[Fault]:
    if not isinstance(now, dict) or not isinstance(now.get("features"), list):
        yield Fault(place, "must be an object with a list of features")
        return
    for key in sorted(was.keys() | now.keys()):
        if key != "features" and now.get(key) != was.get(key):
            yield Fault(f"{place}/{key}", "is given by the artifact and can't be changed")
    if len(now["features"]) != len(was["features"]):
        yield Fault(f"{place}/features", f"must list {len(was['features'])} features")
        return
    for i, (old, new) in enumerate(zip(was["features"], now["features"], strict=True)):
        yield from _feature_differences(old, new, f"{place}/features/{i}", layout)
    names = [f["name"] for f in now["features"] if isinstance(f, dict) and "name" in f]
    if len(set(map(str, names))) != len(names):
        yield Fault(f"{place}/features", "two features have one name")


def _feature_differences(was: Signature, now: Any, place: str, layout: str) -> Iterator[Fault]:
    if not isinstance(now, dict):
        yield Fault(place, "must be an object")
        return
    for key in sorted(was.keys() | now.keys()):
        if key in FREE and key in now:
            if not isinstance(now[key], FREE[key]) or isinstance(now[key], bool):
                yield Fault(f"{place}/{key}", "has the wrong type")
        elif key == "name" and layout == "matrix":
            if not _is_name(now.get("name")):
                yield Fault(f"{place}/name", "must be a text of 1 to 200 characters")
        elif now.get(key) != was.get(key) and key not in FREE:
            yield Fault(f"{place}/{key}", "is given by the artifact and can't be changed")


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 200
