"""A whole column at once is read as its cells one by one would be."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from common.jail_tables import Column
from inference.bulk.columns import from_arrow, from_texts
from inference.decode import Feature, convert
from inference.tabular import cell_of

NUMBERS = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True), st.integers(-(2**60), 2**60).map(float)
)
CELLS = st.lists(
    st.one_of(
        st.sampled_from(["", " ", "1", "1.5", "-0", "1_000", "nan", "inf", "1e39", "1e400", "٣",
                         " 7 ", "007", "true", "False", "a", "NaN", "1,5"]),
        NUMBERS.map(repr),
        st.text(max_size=3),
    ),
    min_size=1, max_size=6,
)  # fmt: skip
FEATURES = st.builds(
    Feature,
    name=st.just("x"),
    dtype=st.sampled_from(["float", "float or bool", "int", "bool", "str"]),
    nullable=st.booleans(),
    categories=st.sampled_from([None, None, frozenset({"a", "007"}), frozenset({1.0, 1.5})]),
)
Read = tuple[np.ndarray[Any, Any], list[tuple[int, str]]]


def same(found: Read, expected: Read) -> None:
    assert found[1] == expected[1]
    if expected[0].dtype == object:
        assert found[0].tolist() == expected[0].tolist()
    else:
        np.testing.assert_array_equal(found[0], expected[0])


@given(feature=FEATURES, cells=CELLS)
def test_texts(feature: Feature, cells: list[str]) -> None:
    expected = convert(feature, [cell_of(feature, cell, as_text=True) for cell in cells])
    same(from_texts(feature, cells), expected)


@given(feature=FEATURES, cells=st.lists(NUMBERS, min_size=1, max_size=6))
def test_numbers_of_parquet(feature: Feature, cells: list[float]) -> None:
    expected = convert(feature, [None if cell != cell else cell for cell in cells])
    same(from_arrow(feature, Column("number", np.array(cells, dtype=np.float64))), expected)


@given(feature=FEATURES, cells=st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=6))
def test_whole_numbers_of_parquet(feature: Feature, cells: list[int]) -> None:
    column = Column("whole", np.array(cells, dtype=np.int64))
    same(from_arrow(feature, column), convert(feature, cells))


@given(feature=FEATURES, cells=st.lists(st.sampled_from([True, False, None]), min_size=1))
def test_booleans_of_parquet(feature: Feature, cells: list[bool | None]) -> None:
    array: Any = np.array(cells)
    if None in cells:
        array = np.array([np.nan if cell is None else float(cell) for cell in cells])
    same(from_arrow(feature, Column("truth", array)), convert(feature, cells))


@example(feature=Feature("x", "str", True, None), cells=["", None])
@given(feature=FEATURES, cells=st.lists(st.none() | CELLS.map(lambda cells: cells[0]), min_size=1))
def test_texts_of_parquet(feature: Feature, cells: list[str | None]) -> None:
    """An empty text is one, unlike in CSV; where the model takes numbers it is missing."""
    array = np.empty(len(cells), dtype=object)
    array[:] = cells
    as_text = feature.dtype != "str"
    expected = [None if c is None else cell_of(feature, c, as_text=as_text) for c in cells]
    same(from_arrow(feature, Column("text", array)), convert(feature, expected))
