"""It turns a request's JSON into rows, and names every fault by row and feature."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import Invalid, TooLarge
from inference.decode import MAX_FAULTS, MAX_ROWS, decode


def feature(name: str, dtype: str = "float", **more: Any) -> dict[str, Any]:
    return {"name": name, "dtype": dtype, **more}


def signature(layout: str, *features: dict[str, Any]) -> dict[str, Any]:
    if layout == "columns":
        inputs = [{"name": f["name"], "features": [f]} for f in features]
    else:
        inputs = [{"name": "input", "features": list(features)}]
    return {"layout": layout, "inputs": inputs}


MATRIX = signature("matrix", feature("width"), feature("height", nullable=True))
COLUMNS = signature(
    "columns",
    feature("age", "int"),
    feature("city", "str", nullable=True),
    feature("member", "bool"),
    feature("plan", "str", categories=["basic", "pro"], unknown="error"),
)
TEXT = signature("text", feature("text", "str"))


def faults(signature: dict[str, Any], body: Any) -> dict[str, str]:
    with pytest.raises(Invalid) as caught:
        decode(signature, body)
    return {fault.pointer: fault.detail for fault in caught.value.errors}


def test_rows_become_a_matrix() -> None:
    batch = decode(MATRIX, {"inputs": [[1, 2.5], [3, None]]})
    assert batch.layout == "matrix"
    assert batch.matrix is not None
    np.testing.assert_array_equal(batch.matrix, [[1, 2.5], [3, np.nan]])
    assert batch.matrix.dtype == np.float64


def test_records_may_name_features_in_any_order() -> None:
    batch = decode(MATRIX, {"records": [{"height": 2, "width": 1}]})
    assert batch.matrix is not None
    np.testing.assert_array_equal(batch.matrix, [[1, 2]])


def test_columns_keep_their_types() -> None:
    batch = decode(COLUMNS, {"inputs": [[30, "Bonn", True, "pro"], [31.0, None, False, "basic"]]})
    assert batch.columns is not None
    assert batch.columns["age"].dtype == np.int64
    assert batch.columns["city"].tolist() == ["Bonn", None]
    assert batch.columns["member"].tolist() == [True, False]
    assert batch.rows == 2


def test_a_number_column_of_a_table_takes_booleans() -> None:
    batch = decode(signature("columns", feature("member")), {"inputs": [[True], [0.5]]})
    assert batch.columns is not None
    assert batch.columns["member"].tolist() == [1.0, 0.5]


@pytest.mark.parametrize(
    "body",
    [
        {"inputs": ["a", "b"]},
        {"inputs": [["a"], ["b"]]},
        {"records": [{"text": "a"}, {"text": "b"}]},
    ],
)
def test_texts_may_be_bare_or_in_rows(body: Any) -> None:
    assert decode(TEXT, body).texts == ["a", "b"]


def test_leading_zeros_and_digits_stay_text() -> None:
    row = {"age": 1, "city": "007", "member": True, "plan": "pro"}
    batch = decode(COLUMNS, {"records": [row]})
    assert batch.columns is not None
    assert batch.columns["city"].tolist() == ["007"]


def test_every_fault_of_every_row_is_named_at_once() -> None:
    body = {
        "records": [
            {"age": "old", "city": 5, "member": 1, "plan": "gold"},
            {"age": 1.5, "plan": None, "member": True, "extra": 1},
            "row",
        ]
    }
    assert faults(COLUMNS, body) == {
        "/records/0/age": "row 0, age: must be a number, not text",
        "/records/0/city": "row 0, city: must be text, not a number",
        "/records/0/member": "row 0, member: must be a boolean, not a number",
        "/records/0/plan": "row 0, plan: 'gold' is none of the categories the model knows",
        "/records/1/age": "row 1, age: must be a whole number",
        "/records/1": "row 1: feature 'city' is missing",
        "/records/1/plan": "row 1, plan: is missing, and the model takes no missing values",
        "/records/1/extra": "row 1: the model has no feature 'extra'",
        "/records/2": "row 2: must be an object by feature name",
    }


@pytest.mark.parametrize(
    ("row", "pointer", "detail"),
    [
        ([1], "/inputs/0", "has 1 values; the model takes 2: width, height"),
        ([1, 2, 3], "/inputs/0", "has 3 values"),
        (5, "/inputs/0", "must be a list of 2 values"),
        ({"width": 1}, "/inputs/0", "must be a list of 2 values"),
        ([None, 1], "/inputs/0/0", "takes no missing values"),
        ([True, 1], "/inputs/0/0", "must be a number, not a boolean"),
        (["1", 1], "/inputs/0/0", "must be a number, not text"),
        ([[1], 1], "/inputs/0/0", "must be a number, not a list"),
        ([1e39, 1], "/inputs/0/0", "too large"),
        ([10**390, 1], "/inputs/0/0", "too large"),
    ],
)
def test_a_wrong_row_is_told_where_and_why(row: Any, pointer: str, detail: str) -> None:
    assert detail in faults(MATRIX, {"inputs": [row]})[pointer]


@pytest.mark.parametrize(
    "body",
    [None, [], "text", 5, {}, {"inputs": [[1, 2]], "records": []}, {"inputs": {}}, {"inputs": "ab"},
     {"inputs": []}, {"records": None}],
)  # fmt: skip
def test_a_body_of_another_shape_is_refused(body: Any) -> None:
    with pytest.raises(Invalid):
        decode(MATRIX, body)


def test_too_many_rows_are_refused() -> None:
    with pytest.raises(TooLarge, match="50,000 is the most"):
        decode(MATRIX, {"inputs": [[1, 2]] * (MAX_ROWS + 1)})


def test_faults_are_counted_beyond_those_that_are_listed() -> None:
    with pytest.raises(Invalid, match=r"1000 faults.*first 100") as caught:
        decode(MATRIX, {"inputs": [["x", 1]] * 1000})
    assert len(caught.value.errors) == MAX_FAULTS


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["inputs", "records", "width", "height", "age"]), inner)
    ),
    max_leaves=20,
)


@given(body=json_values, of=st.sampled_from([MATRIX, COLUMNS, TEXT]))
def test_whatever_comes_is_decoded_or_refused_in_order(body: Any, of: dict[str, Any]) -> None:
    try:
        batch = decode(of, body)
    except (Invalid, TooLarge):
        return
    assert batch.rows > 0
