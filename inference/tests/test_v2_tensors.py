"""It reads tensors of every datatype, in JSON and binary, as the native route reads rows."""

from __future__ import annotations

import gzip
import json
import math
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common import strict_json
from common.errors import DomainError, Invalid, TooLarge
from common.runtime import Batch, Outputs
from inference.decode import MAX_ROWS, decode
from inference.oip.answer import answer
from inference.oip.encoding import compress, decompress
from inference.oip.request import parse
from inference.oip.tensors import FIXED, to_binary

Signature = dict[str, Any]


def feature(name: str, dtype: str = "float", **more: Any) -> dict[str, Any]:
    return {"name": name, "dtype": dtype, "nullable": False} | more


def matrix_signature(width: int, *, nullable: bool = False) -> Signature:
    features = [feature(f"x{i}", nullable=nullable) for i in range(width)]
    put = {"name": "input", "datatype": "FP64", "shape": [-1, width], "features": features}
    outputs = [
        {"name": "predict", "datatype": "INT64", "shape": [-1]},
        {"name": "predict_proba", "datatype": "FP64", "shape": [-1, 2]},
    ]
    return {
        "task": "classification",
        "layout": "matrix",
        "inputs": [put],
        "outputs": outputs,
        "classes": [0, 1],
    }


DATATYPES = {"float": "FP64", "int": "INT64", "bool": "BOOL", "str": "BYTES"}


def table_signature(*features: dict[str, Any]) -> Signature:
    inputs = [
        {"name": f["name"], "datatype": DATATYPES[f["dtype"]], "shape": [-1, 1], "features": [f]}
        for f in features
    ]
    return matrix_signature(1) | {"layout": "columns", "inputs": inputs}


TABLE = table_signature(
    feature("age", "int", nullable=True),
    feature("city", "str", categories=["Rome", "Oslo"], unknown="error"),
    feature("member", "bool"),
    feature("score", nullable=True),
)
TEXT = matrix_signature(1) | {
    "layout": "text",
    "inputs": [
        {"name": "input", "datatype": "BYTES", "shape": [-1], "features": [feature("text", "str")]}
    ],
}


def tensor(name: str, datatype: str, shape: list[int], data: Any) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": shape, "data": data}


def in_json(*tensors: dict[str, Any], **more: Any) -> bytes:
    return json.dumps({"inputs": tensors, **more}).encode()


def in_binary(*tensors: tuple[str, str, list[int], bytes]) -> tuple[bytes, int]:
    inputs = [
        {"name": n, "datatype": d, "shape": s, "parameters": {"binary_data_size": len(b)}}
        for n, d, s, b in tensors
    ]
    head = json.dumps({"inputs": inputs}).encode()
    return head + b"".join(blob for *_, blob in tensors), len(head)


def same(one: Batch, other: Batch) -> None:
    assert one.layout == other.layout
    assert one.texts == other.texts
    if one.matrix is not None:
        np.testing.assert_array_equal(one.matrix, other.matrix)
        assert one.matrix.dtype == np.float64
    for name, column in (one.columns or {}).items():
        expected = (other.columns or {})[name]
        assert column.dtype == expected.dtype
        np.testing.assert_array_equal(column, expected)


NUMBERS = {
    "FP64": st.floats(-1e30, 1e30),
    "FP32": st.floats(-(2.0**99), 2.0**99, width=32),
    "FP16": st.floats(-60000, 60000, width=16),
    "BF16": st.integers(-128, 128).map(float),
    **{
        name: st.integers(int(np.iinfo(FIXED[name]).min), int(np.iinfo(FIXED[name]).max)).filter(
            lambda value: abs(value) <= 2**53
        )
        for name in FIXED
        if name.startswith(("INT", "UINT"))
    },
}


def as_bytes(values: list[Any], datatype: str) -> bytes:
    if datatype == "BF16":
        return (np.array(values, np.float32).view(np.uint32) >> 16).astype("<u2").tobytes()
    return to_binary(np.array(values), datatype)


@given(st.data())
def test_a_matrix_comes_to_the_same_in_every_form(data: st.DataObject) -> None:
    width, rows = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 5))
    datatype = data.draw(st.sampled_from(sorted(NUMBERS)))
    table = data.draw(
        st.lists(
            st.lists(NUMBERS[datatype], min_size=width, max_size=width),
            min_size=rows,
            max_size=rows,
        )
    )
    signature = matrix_signature(width)
    expected = decode(signature, {"inputs": table})
    flat = [value for row in table for value in row]
    shape = [rows, width]
    for values in (table, flat):
        body = in_json(tensor("input", datatype, shape, values))
        same(parse(signature, body, json_length=None).batch, expected)
    body, length = in_binary(("anything", datatype, shape, as_bytes(flat, datatype)))
    same(parse(signature, body, json_length=length).batch, expected)
    columns = [
        tensor(f"x{i}", datatype, [rows, 1], [row[i] for row in table]) for i in range(width)
    ]
    same(parse(signature, in_json(*columns), json_length=None).batch, expected)


CELLS = st.fixed_dictionaries(
    {
        "age": st.none() | st.integers(-(2**53), 2**53),
        "city": st.sampled_from(["Rome", "Oslo"]),
        "member": st.booleans(),
        "score": st.none() | st.floats(-1e30, 1e30),
    }
)


@given(st.lists(CELLS, min_size=1, max_size=5))
def test_a_table_comes_to_the_same_in_every_form(rows: list[dict[str, Any]]) -> None:
    expected = decode(TABLE, {"records": rows})
    n = len(rows)
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    body = in_json(
        tensor("member", "BOOL", [n], columns["member"]),
        tensor("age", "INT64" if None not in columns["age"] else "FP64", [n, 1], columns["age"]),
        tensor("city", "BYTES", [n], columns["city"]),
        tensor("score", "FP64", [n], columns["score"]),
    )
    same(parse(TABLE, body, json_length=None).batch, expected)
    numbers = {
        name: np.array([math.nan if v is None else v for v in columns[name]], np.float64)
        for name in ("age", "score")
    }
    cities = np.array(columns["city"], dtype=object)
    binary, length = in_binary(
        ("age", "FP64", [n], to_binary(numbers["age"], "FP64")),
        ("city", "BYTES", [n], to_binary(cities, "BYTES")),
        ("member", "BOOL", [n, 1], to_binary(np.array(columns["member"]), "BOOL")),
        ("score", "FP64", [n], to_binary(numbers["score"], "FP64")),
    )
    same(parse(TABLE, binary, json_length=length).batch, expected)


@given(st.lists(st.text(), min_size=1, max_size=5))
def test_texts_are_taken_and_refused_as_the_native_route_does(texts: list[str]) -> None:
    native = json.dumps({"inputs": texts}).encode()
    try:
        expected = decode(TEXT, strict_json.loads(native))
    except DomainError:
        with pytest.raises(DomainError):
            parse(TEXT, in_json(tensor("input", "BYTES", [len(texts)], texts)), json_length=None)
        return
    body = in_json(tensor("input", "BYTES", [len(texts)], texts))
    same(parse(TEXT, body, json_length=None).batch, expected)
    blob = to_binary(np.array(texts, dtype=object), "BYTES")
    body, length = in_binary(("input", "BYTES", [len(texts), 1], blob))
    same(parse(TEXT, body, json_length=length).batch, expected)


def test_a_body_of_bytes_alone_is_the_one_input() -> None:
    signature = matrix_signature(3)
    rows = np.arange(6.0).reshape(2, 3)
    request = parse(signature, rows.tobytes(), json_length=0)
    np.testing.assert_array_equal(request.batch.matrix, rows)
    assert request.outputs == [("predict", True), ("predict_proba", True)]


def test_a_length_left_from_an_earlier_call_harms_nobody() -> None:
    body = in_json(good())
    for stale in (7, len(body) + 7):
        assert parse(matrix_signature(2), body, json_length=stale).rows == 1
    assert decompress(body, "gzip", 10_000) == body


def good(**changes: Any) -> dict[str, Any]:
    return tensor("input", "FP64", [1, 2], [1, 2]) | changes


BINARY = {"binary_data_size": 16}
BAD: dict[str, tuple[bytes, int | None, str]] = {
    "no JSON": (b"{", None, "could not be read"),
    "deep": (b'{"inputs":' + b"[" * 100_000, None, "could not be read"),
    "no inputs": (b"{}", None, "inputs"),
    "empty": (in_json(), None, "needs an input"),
    "datatype": (in_json(good(datatype="FP128")), None, "no datatype 'FP128'"),
    "shape of a stranger": (in_json(good(shape=[1, 3], data=[1, 2, 3])), None, "[rows, 2]"),
    "flat shape": (in_json(good(shape=[2])), None, "'input'"),
    "deep shape": (in_json(good(shape=[1, 1, 2])), None, "the shape must be"),
    "negative shape": (in_json(good(shape=[-1, 2])), None, "the shape must be"),
    "huge shape": (in_json(good(shape=[40_000, 2**60])), None, "elements"),
    "too few": (in_json(good(data=[1])), None, "data has 1"),
    "too many": (in_json(good(data=[1, 2, 3])), None, "data has 3"),
    "no list": (in_json(good(data=7)), None, "must be a list"),
    "no data": (in_json({"name": "input", "datatype": "FP64", "shape": [1, 2]}), None, "neither"),
    "both": (in_json(good(parameters=BINARY)) + bytes(16), len(in_json(good(parameters=BINARY))),
             "both data and binary_data_size"),
    "text for a number": (in_json(good(data=["x", 1])), None, "no number"),
    "truth for a number": (in_json(good(data=[True, 1])), None, "no number"),
    "BOOL for a number": (in_json(good(datatype="BOOL", data=[True, False])), None, "numbers"),
    "a broken integer": (in_json(good(datatype="INT8", data=[1.5, 1])), None, "whole"),
    "a large integer": (in_json(good(datatype="INT8", data=[128, 1])), None, "does not fit INT8"),
    "null": (in_json(good(data=[None, 1])), None, "x0: is missing"),
    "NaN": (b'{"inputs":[{"name":"i","datatype":"FP64","shape":[1,2],"data":[NaN,1]}]}', None,
            "could not be read"),
    "huge number": (in_json(good(data=[1e39, 1])), None, "x0: is too large"),
    "endless number": (in_json(good(data=[10**400, 1])), None, "too large"),
    "twice": (in_json(good(), good()), None, "sent twice"),
    "stranger": (in_json(good(), good(name="y")), None, "unexpected inference input"),
    "unknown output": (in_json(good(), outputs=[{"name": "logits"}]), None, "'logits'"),
    "length beyond": (in_json(good())[:-1], 10_000, "is said to have 10000 bytes"),
    "bytes behind": (in_json(good()) + b"xx", len(in_json(good())), "2 bytes follow"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_named(name: str) -> None:
    body, length, message = BAD[name]
    with pytest.raises(Invalid) as refused:
        parse(matrix_signature(2), body, json_length=length)
    assert message in refused.value.message


def lying(size: Any, blob: bytes, datatype: str = "FP64") -> tuple[bytes, int]:
    head = (
        json.dumps(
            {"inputs": [good(datatype=datatype, parameters={"binary_data_size": size}, data=None)]}
        )
        .replace(', "data": null', "")
        .encode()
    )
    return head + blob, len(head)


@pytest.mark.parametrize(
    ("size", "blob", "datatype"),
    [
        (16, bytes(8), "FP64"),
        (8, bytes(16), "FP64"),
        (-1, bytes(16), "FP64"),
        ("16", bytes(16), "FP64"),
        (True, bytes(16), "FP64"),
        (2**70, bytes(16), "FP64"),
        (2, b"\x02\x00", "BOOL"),
        (8, b"\xff\xff\xff\xff\x00\x00\x00\x00", "BYTES"),
        (6, b"\x00\x00\x00\x00\x00\x00", "BYTES"),
        (12, bytes(12), "BYTES"),
    ],
)
def test_sizes_that_lie_are_refused(size: Any, blob: bytes, datatype: str) -> None:
    body, length = lying(size, blob, datatype)
    with pytest.raises(Invalid):
        parse(matrix_signature(2), body, json_length=length)


def test_binary_numbers_that_are_none_are_refused_where_nothing_may_be_missing() -> None:
    for bad, message in ((math.nan, "is missing"), (math.inf, "too large"), (1e39, "too large")):
        blob = np.array([1.0, bad]).tobytes()
        body, length = in_binary(("input", "FP64", [1, 2], blob))
        with pytest.raises(Invalid, match=message):
            parse(matrix_signature(2), body, json_length=length)
    body, length = in_binary(("input", "FP64", [1, 2], np.array([1.0, math.nan]).tobytes()))
    assert parse(matrix_signature(2, nullable=True), body, json_length=length).rows == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"city": tensor("city", "BYTES", [1], ["Paris"])}, "'Paris' is none of the categories"),
        ({"city": tensor("city", "FP64", [1], [1])}, "takes texts"),
        ({"member": tensor("member", "INT64", [1], [1])}, "takes BOOL"),
        ({"age": tensor("age", "FP64", [1], [1.5])}, "whole number"),
        ({"age": tensor("age", "BYTES", [1], ["x"])}, "takes numbers"),
        ({"age": tensor("age", "INT64", [2], [1, 2])}, "different numbers of rows"),
        ({"age": tensor("age", "INT64", [1, 2], [1, 2])}, "[rows] or [rows, 1]"),
        ({"age": None}, "'age' is missing"),
    ],
)
def test_a_table_is_checked_column_by_column(changes: dict[str, Any], message: str) -> None:
    row = {
        "age": tensor("age", "INT64", [1], [40]),
        "city": tensor("city", "BYTES", [1], ["Rome"]),
        "member": tensor("member", "BOOL", [1], [True]),
        "score": tensor("score", "FP64", [1], [None]),
    }
    tensors = [each for each in (row | changes).values() if each is not None]
    with pytest.raises(Invalid) as refused:
        parse(TABLE, in_json(*tensors), json_length=None)
    assert message in refused.value.message


def test_a_million_rows_are_sent_to_the_batch_route() -> None:
    for rows in (MAX_ROWS + 1, 1_000_000):
        with pytest.raises(TooLarge, match="/predict/batch"):
            parse(matrix_signature(2), in_json(good(shape=[rows, 2])), json_length=None)


def asked(**more: Any) -> Any:
    return parse(matrix_signature(2), in_json(good(), **more), json_length=None)


OUTPUTS = Outputs(np.array([1]), np.array([[0.25, math.nan]]))


def said(request: Any) -> Any:
    signature = matrix_signature(2)
    return answer(signature, request, OUTPUTS, model="m", version="3", id="the-id")


def test_an_answer_names_all_outputs_and_takes_the_callers_id() -> None:
    body = json.loads(said(asked()).body)
    assert (body["model_name"], body["model_version"], body["id"]) == ("m", "3", "the-id")
    assert body["outputs"] == [
        tensor("predict", "INT64", [1], [1]),
        tensor("predict_proba", "FP64", [1, 2], [0.25, None]),
    ]
    assert json.loads(said(asked(id="mine")).body)["id"] == "mine"


def test_an_outputs_own_wish_beats_the_requests() -> None:
    request = asked(
        parameters={"binary_data_output": True},
        outputs=[{"name": "predict_proba", "parameters": {"binary_data": False}},
                 {"name": "predict"}],
    )  # fmt: skip
    response = said(request)
    head = json.loads(response.body[: response.json_length])
    assert response.content_type == "application/octet-stream"
    assert head["outputs"][0]["data"] == [0.25, None]
    assert head["outputs"][1]["parameters"] == {"binary_data_size": 8}
    assert response.body[response.json_length :] == np.array([1], "<i8").tobytes()


def test_compression_goes_both_ways_and_bombs_do_not() -> None:
    body = b"x" * 5000
    for encoding, packed in (
        ("gzip", gzip.compress(body)),
        ("deflate", zlib.compress(body)),
        ("deflate", zlib.compress(body, wbits=-15)),
    ):
        assert decompress(packed, encoding, 10_000) == body
        with pytest.raises(TooLarge):
            decompress(packed, encoding, 4000)
        with pytest.raises(Invalid):
            decompress(packed[:-9], encoding, 10_000)
    for accepted, encoding in (("gzip", "gzip"), ("br, deflate;q=1", "deflate"), ("br", "")):
        packed, name = compress(body, accepted)
        assert name == encoding
        assert decompress(packed, name, 10_000) == body
    assert compress(b"short", "gzip") == (b"short", "")
    with pytest.raises(Invalid):
        decompress(body, "br", 10_000)
