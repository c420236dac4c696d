"""It decodes JSON, and refuses what strangers hide in it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common import strict_json
from common.errors import Invalid

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**15), 10**15) | st.floats(allow_nan=False,
    allow_infinity=False) | st.text(st.characters(codec="ascii", categories=["L", "N", "P", "Zs"])),
    lambda inner: st.lists(inner, max_size=5)
    | st.dictionaries(st.text(st.characters(codec="ascii", categories=["L"])), inner, max_size=5),
    max_leaves=30,
)  # fmt: skip


@given(json_values)
def test_ordinary_documents_come_out_as_the_standard_library_reads_them(value: object) -> None:
    text = json.dumps(value)
    assert strict_json.loads(text.encode()) == json.loads(text)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"a": 1, "a": 2}', "stands twice"),
        (b'{"a": NaN}', "NaN is not JSON"),
        (b"[Infinity]", "Infinity is not JSON"),
        (b"[1e999]", "too large"),
        (b'["\\ud800"]', "surrogate"),
        (b'{"\\udc00": 1}', "surrogate"),
        (b'["a\\u0000b"]', "control character"),
        (b'["\x07"]', "not JSON"),
        (b"[" * 100_000, "nested deeper"),
        (b'{"a":' * 100_000, "nested deeper"),
        (b'["\\"[", ' + b"[" * 65 + b"]" * 65 + b"]", "nested deeper"),
        (b"[" + b"9" * 5000 + b"]", "digits"),
        (b"\xff\xfe", "UTF-8"),
        (b"", "not JSON"),
        (b'{"a": 1} x', "not JSON"),
        (b"{'a': 1}", "not JSON"),
    ],
)
def test_what_has_no_business_in_a_body_is_refused(body: bytes, message: str) -> None:
    with pytest.raises(Invalid, match=message) as caught:
        strict_json.loads(body)
    assert caught.value.code == "invalid_json"


def test_brackets_inside_strings_do_not_count_as_nesting() -> None:
    assert strict_json.loads(json.dumps(["[" * 200, '"{' * 200]).encode()) == [
        "[" * 200,
        '"{' * 200,
    ]


def test_text_is_normalised_to_form_c() -> None:
    assert strict_json.loads('{"e\u0301": ["e\u0301"]}'.encode()) == {"é": ["é"]}
