"""The compiled decoder takes nothing that the plain one refuses, and reads it as the plain one."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from common import strict_json
from common.errors import DomainError
from common.runtime import Batch
from inference.decode import check_options, decode
from inference.decoder import Decoder, _NotPlain
from inference.tests.test_decode_rows import COLUMNS, MATRIX, TEXT, feature, signature

WHOLE = signature("matrix", feature("count", "int"), feature("weight", nullable=True))
LOOSE = signature("columns", feature("x"), feature("n", "int", nullable=True))
PLAIN = signature("matrix", feature("length"), feature("weight"))
SIGNATURES = {
    "plain": PLAIN, "matrix": MATRIX, "columns": COLUMNS, "text": TEXT, "whole": WHOLE,
    "loose": LOOSE,
}  # fmt: skip
DECODERS = {name: Decoder(of) for name, of in SIGNATURES.items()}

Decoded = tuple[Any, ...]


def plainly(of: dict[str, Any], body: bytes) -> Decoded:
    """What the plain decoder says: the rows, or the error."""
    try:
        parsed = strict_json.loads(body)
        correlation_id = check_options(parsed)
        return "rows", *contents(decode(of, parsed)), correlation_id
    except DomainError as error:
        return "refused", error.code, str(error)


def quickly(of: str, body: bytes) -> Decoded | None:
    """What the compiled decoder says by itself; None where it leaves the body to the other."""
    try:
        batch, correlation_id = DECODERS[of]._plain(body)
    except (msgspec.DecodeError, _NotPlain, UnicodeDecodeError):
        return None
    return "rows", *contents(batch), correlation_id


def contents(batch: Batch) -> Decoded:
    """A batch in a form that compares, missing numbers and types included."""
    columns = dict(batch.columns or {})
    if batch.matrix is not None:
        columns = {"": batch.matrix}
    arrays = {name: (a.dtype.str, a.shape, repr(a.tolist())) for name, a in columns.items()}
    return batch.layout, arrays, batch.texts


def agree(of: str, body: bytes) -> None:
    found = quickly(of, body)
    if found is not None:
        assert found == plainly(SIGNATURES[of], body)


NUMBERS = st.one_of(
    st.integers(-5, 5), st.floats(allow_nan=False, allow_infinity=False), st.integers(),
    st.sampled_from([1e39, -1e39, 2.0**53, 0.1, -0.0]),
)  # fmt: skip
CELLS = st.one_of(
    NUMBERS, st.booleans(), st.none(), st.text(max_size=3), st.sampled_from(["basic", "pro"])
)
NAMES = sorted(
    {f["name"] for of in SIGNATURES.values() for part in of["inputs"] for f in part["features"]}
)
ROWS = st.lists(
    st.one_of(
        CELLS,
        st.lists(CELLS, min_size=1, max_size=4),
        st.dictionaries(st.sampled_from([*NAMES, "other"]), CELLS, max_size=4),
    ),
    max_size=3,
)
BODIES = st.dictionaries(
    st.sampled_from(["inputs", "records", "correlation_id", "explain", "other"]),
    st.one_of(ROWS, CELLS),
    max_size=3,
)


def valid_rows(of: str) -> st.SearchStrategy[Any]:
    """Bodies that are mostly right, so that the quick way is taken."""
    small = st.one_of(st.integers(-9, 9), st.floats(-1e6, 1e6))
    by_dtype: dict[str, st.SearchStrategy[Any]] = {
        "float": small, "int": st.integers(-9, 9), "bool": st.booleans(),
        "str": st.sampled_from(["basic", "pro", "Rome", "a:b", ""]),
    }  # fmt: skip
    features = [f for part in SIGNATURES[of]["inputs"] for f in part["features"]]
    cells = [
        by_dtype[f["dtype"]] | st.none() if f.get("nullable") else by_dtype[f["dtype"]]
        for f in features
    ]
    by_place = st.tuples(*cells).map(list)
    by_name = st.tuples(*cells).map(
        lambda row: {f["name"]: cell for f, cell in zip(features, row, strict=True)}
    )
    return st.one_of(
        st.fixed_dictionaries({"inputs": st.lists(by_place, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"records": st.lists(by_name, min_size=1, max_size=3)}),
        st.fixed_dictionaries(
            {"inputs": st.lists(by_place, min_size=1, max_size=3), "correlation_id": st.text()}
        ),
    )


@given(data=st.data(), of=st.sampled_from(sorted(SIGNATURES)), ascii_only=st.booleans())
def test_what_is_nearly_right_is_read_alike(data: st.DataObject, of: str, ascii_only: bool) -> None:
    body = data.draw(valid_rows(of))
    agree(of, json.dumps(body, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass"))


@given(body=BODIES, of=st.sampled_from(sorted(SIGNATURES)))
@example(body={"inputs": [[True, 1]]}, of="matrix")
@example(body={"inputs": [[1.5, 1]]}, of="whole")
@example(body={"inputs": [["text"]]}, of="text")
def test_whatever_comes_is_read_alike(body: Any, of: str) -> None:
    agree(of, json.dumps(body).encode())


HEADS = [b'{"inputs":', b'{"inputs" : ', b'{"records":', b'{"inputs":1,"inputs":']
MIDDLES = [
    b"[[1,2]]", b"[[1,2],]", b"[[1e400,2]]", b"[[NaN,2]]", b"[[01,2]]", b"[[1.,2]]", b"[[-0,2]]",
    b"[[1,2]] ", b"[[Infinity,2]]", b"[[1E5,2]]", b'[["a:b"]]', b'["\\u0061"]', b'["\x7f"]',
    b'[{"width":1,"height":2}]', b'[{"width":1,"width":2,"height":2}]', b"[[1,null]]",
    b"[[9007199254740993,1]]", b"[[1" + b"0" * 400 + b",2]]",
]  # fmt: skip
TAILS = [
    b"}", b"", b"}}", b"} x", b',"correlation_id":"a"}', b',"other":1}', b',"correlation_id":""}',
    b',"correlation_id":null}', b"}\n", b"}\x00",
]  # fmt: skip


@given(
    head=st.sampled_from(
        [b'{"inputs":', b'{"inputs" : ', b'{"records":', b'{"inputs":1,"inputs":']
    ),
    middle=st.sampled_from(MIDDLES),
    tail=st.sampled_from(TAILS),
    of=st.sampled_from(sorted(SIGNATURES)),
)
def test_whatever_bytes_come_are_read_alike(
    head: bytes, middle: bytes, tail: bytes, of: str
) -> None:
    agree(of, head + middle + tail)


@pytest.mark.parametrize(
    ("of", "body"),
    [
        ("matrix", {"inputs": [[1, 2.5], [3, None]]}),
        ("matrix", {"records": [{"width": 1, "height": None}]}),
        ("matrix", {"inputs": [[1, 2]], "correlation_id": "order-7"}),
        ("columns", {"inputs": [[31, "Rome", True, "pro"]]}),
        ("text", {"inputs": ["one", "two"]}),
        ("whole", {"inputs": [[3, 0.5]]}),
    ],
)
def test_what_is_plainly_right_takes_the_quick_way(of: str, body: Any) -> None:
    found = quickly(of, json.dumps(body).encode())
    assert found is not None
    assert found == plainly(SIGNATURES[of], json.dumps(body).encode())


def test_what_is_left_to_the_plain_decoder_gets_its_answer() -> None:
    batch, correlation_id = DECODERS["text"](b'{"inputs": ["\\u0061"], "correlation_id": null}')
    assert (batch.texts, correlation_id) == (["a"], None)
    with pytest.raises(DomainError) as caught:
        DECODERS["matrix"](b'{"inputs": [["x", 1]]}')
    assert caught.value.code == "invalid_input"
    matrix = DECODERS["matrix"](b'{"inputs": [[1, null]]}')[0].matrix
    assert matrix is not None
    assert np.isnan(matrix).tolist() == [[False, True]]
