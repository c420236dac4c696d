"""A feature's cells, as each kind of file has them, as an array and the rows that are wrong.

What is right and plain is done for the whole column at once. Where a single cell is anything else
the column goes the way of every other call, `inference.decode`, whose word is the rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from common.jail_tables import Column
from inference.decode import LARGEST, Feature, convert
from inference.tabular import NUMBERS, cell_of

Array = np.ndarray[Any, Any]
Faults = list[tuple[int, str]]
SURPRISES: Final = "_"  # Python reads `1_000` as a number, and nobody else does


def from_texts(feature: Feature, cells: Sequence[str]) -> tuple[Array, Faults]:
    """Cells of a CSV file: "" is missing, numbers and booleans are read as such."""
    if feature.categories is None:
        if feature.dtype in NUMBERS:
            values = _numbers(cells)
            if values is not None and _plain(feature, values):
                return values, []
        elif feature.dtype == "str" and all(cells):
            return _texts(cells), []
    return convert(feature, [cell_of(feature, cell, as_text=True) for cell in cells])


def from_values(feature: Feature, cells: Sequence[Any]) -> tuple[Array, Faults]:
    """Cells of a JSON document."""
    return convert(feature, [cell_of(feature, cell, as_text=False) for cell in cells])


def from_arrow(feature: Feature, column: Column) -> tuple[Array, Faults]:
    """Cells of a Parquet file: NaN is missing where there are numbers, None where there is text."""
    cells, numeric = column.cells, feature.dtype in NUMBERS
    if feature.categories is None:
        if numeric and column.kind in {"number", "whole"}:
            values = cells.astype(np.float64, copy=False)
            if _plain(feature, values):
                return values, []
        if feature.dtype == "str" and column.kind == "text" and None not in cells:
            return cells, []
        if feature.dtype == "bool" and column.kind == "truth" and cells.dtype == np.bool_:
            return cells, []
    if column.kind == "text" and feature.dtype != "str":
        texts = ["" if cell is None else cell for cell in cells.tolist()]
        return convert(feature, [cell_of(feature, text, as_text=True) for text in texts])
    return convert(feature, values_of(column))


def values_of(column: Column) -> list[Any]:
    """A column's cells as JSON would have them."""
    values: list[Any] = column.cells.tolist()
    if column.cells.dtype.kind != "f":
        return values
    known = [None if value != value else value for value in values]
    if column.kind == "truth":
        return [None if value is None else bool(value) for value in known]
    return known


def _numbers(cells: Sequence[str]) -> Array | None:
    """Every cell as a number, if every one is."""
    try:
        values = np.fromiter(map(float, cells), np.float64, len(cells))
    except ValueError:
        return None
    return None if any(SURPRISES in cell for cell in cells) else values


def _plain(feature: Feature, values: Array) -> bool:
    """Whether these are numbers the model takes. NaN never is: its rule is elsewhere."""
    if not feature.nullable or np.isfinite(values).all():
        fits = bool((np.abs(values) <= LARGEST).all())
    else:
        fits = bool((np.isnan(values) | (np.abs(values) <= LARGEST)).all())
    whole = feature.dtype != "int"
    return fits and (whole or bool((values[np.isfinite(values)] % 1 == 0).all()))


def _texts(cells: Sequence[str]) -> Array:
    array = np.empty(len(cells), dtype=object)
    array[:] = cells
    return array
