"""It lets people name and describe features, and nothing the artifact decides."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from common.errors import Conflict, Invalid
from registry.signatures import edit_signature
from registry.tests.factories import SIGNATURE


@pytest.fixture
def edited() -> dict[str, Any]:
    return copy.deepcopy(SIGNATURE)


def feature(signature: dict[str, Any], index: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = signature["inputs"][0]["features"][index]
    return found


def test_names_and_descriptions_can_be_given(edited: dict[str, Any]) -> None:
    feature(edited).update(name="petal width", description="at its widest", unit="cm", minimum=0)
    assert edit_signature(SIGNATURE, edited) == edited


@pytest.mark.parametrize("name", ["", 3, None, "x" * 201])
def test_a_name_must_be_one(edited: dict[str, Any], name: Any) -> None:
    feature(edited)["name"] = name
    with pytest.raises(Invalid) as caught:
        edit_signature(SIGNATURE, edited)
    assert caught.value.errors[0].pointer == "/signature/inputs/0/features/0/name"


def test_two_features_can_not_share_a_name(edited: dict[str, Any]) -> None:
    feature(edited)["name"] = feature(edited, 1)["name"]
    with pytest.raises(Invalid, match="does not fit"):
        edit_signature(SIGNATURE, edited)


def test_columns_keep_the_names_the_model_was_trained_with(edited: dict[str, Any]) -> None:
    by_name = copy.deepcopy(SIGNATURE) | {"layout": "columns"}
    edited["layout"] = "columns"
    feature(edited)["name"] = "other"
    with pytest.raises(Invalid):
        edit_signature(by_name, edited)


@pytest.mark.parametrize("key", ["task", "layout", "classes", "outputs"])
def test_what_the_artifact_decides_stays(edited: dict[str, Any], key: str) -> None:
    edited[key] = None
    with pytest.raises(Invalid) as caught:
        edit_signature(SIGNATURE, edited)
    assert f"/signature/{key}" in {fault.pointer for fault in caught.value.errors}


def test_every_fault_is_named_at_once(edited: dict[str, Any]) -> None:
    feature(edited)["dtype"] = "str"
    feature(edited, 1)["nullable"] = False
    edited["surprise"] = 1
    with pytest.raises(Invalid) as caught:
        edit_signature(SIGNATURE, edited)
    assert len(caught.value.errors) == 3


@pytest.mark.parametrize("wrong", [None, [], "text", {"inputs": 3}, {"inputs": [None]}])
def test_something_else_altogether_is_refused(wrong: Any) -> None:
    with pytest.raises(Invalid):
        edit_signature(SIGNATURE, wrong)


def test_a_signature_that_is_not_known_yet_can_not_be_edited(edited: dict[str, Any]) -> None:
    with pytest.raises(Conflict):
        edit_signature(None, edited)
