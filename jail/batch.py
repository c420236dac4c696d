"""Rows on their way into a model, and its answers on their way out.

Needs numpy alone, because the web process serves compiled models with these same types.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Layout = Literal["matrix", "columns", "text"]
Array = npt.NDArray[Any]
FLOAT64 = np.dtype(np.float64)
ANSWERS = {
    "FP64": FLOAT64,
    "INT64": np.dtype(np.int64),
    "BOOL": np.dtype(np.bool_),
}
"""What answers come in, by the signature's datatype; the others are texts."""


# Not frozen: a frozen one takes four times as long to make, and these are made for every call.
@dataclass(slots=True)
class Batch:
    """Rows to score, in one of three layouts; exactly the field the layout names is set.

    matrix   float64 of shape (rows, features)
    columns  name -> (rows,) of float64, int64, bool or object (str or None)
    text     one str per row
    """

    layout: Layout
    matrix: Array | None = None
    columns: dict[str, Array] | None = None
    texts: list[str] | None = None

    @property
    def rows(self) -> int:
        """How many rows the batch holds."""
        if self.matrix is not None:
            return int(self.matrix.shape[0])
        if self.texts is not None:
            return len(self.texts)
        if self.columns:
            return len(next(iter(self.columns.values())))
        return 0

    @property
    def row(self) -> Sequence[float]:
        """The first row of a matrix, as Python's numbers."""
        if self.matrix is None:
            raise ValueError("The rows are no matrix.")
        found: list[float] = self.matrix[0].tolist()
        return found

    def take(self, index: slice | npt.NDArray[np.integer[Any]]) -> Batch:
        """The rows that a slice or an integer array of positions selects, in that order."""
        if self.matrix is not None:
            return Batch(self.layout, matrix=self.matrix[index])
        if self.columns is not None:
            return Batch(self.layout, columns={k: v[index] for k, v in self.columns.items()})
        texts = self.texts or []
        if isinstance(index, slice):
            return Batch(self.layout, texts=texts[index])
        return Batch(self.layout, texts=[texts[int(i)] for i in index])


class RowBatch(Batch):
    """One row of a matrix as Python's numbers. The matrix is made where somebody asks for it."""

    __slots__ = ("_matrix", "_row")

    def __init__(self, row: Sequence[float]) -> None:
        self.layout = "matrix"
        self.columns = self.texts = None
        self._row = row
        self._matrix: Array | None = None

    @property
    def matrix(self) -> Array:  # type: ignore[override]  # nobody sets a batch's rows
        """float64 of shape (1, features)."""
        if self._matrix is None:
            self._matrix = np.array([self._row], dtype=np.float64)
        return self._matrix

    @property
    def row(self) -> Sequence[float]:
        """The row itself."""
        return self._row

    @property
    def rows(self) -> int:
        """One."""
        return 1


@dataclass(slots=True)
class Outputs:
    """What a model answered, row by row.

    predict        (rows,) or (rows, k) of float64, int64, bool or object (str); for the task
                   "transform" float64 of shape (rows, k)
    predict_proba  (rows, classes) float64, or None where the model has none
    """

    predict: Array
    predict_proba: Array | None = None

    def lists(self) -> tuple[list[Any], list[list[float]] | None]:
        """Both as Python has them."""
        proba = self.predict_proba
        return self.predict.tolist(), None if proba is None else proba.tolist()


class OneRow(Outputs):
    """One row's outputs, as Python has them. Arrays are made where somebody asks for them."""

    __slots__ = ("_dtype", "_proba", "_value")

    def __init__(self, value: Any, proba: list[float] | None, dtype: Any) -> None:
        self._value = value
        self._proba = proba
        self._dtype = dtype

    @property
    def predict(self) -> Array:  # type: ignore[override]  # nobody sets what was answered
        """(1,) of the answer's dtype."""
        return np.array([self._value], dtype=self._dtype)

    @property
    def predict_proba(self) -> Array | None:  # type: ignore[override]  # as above
        """(1, classes), or None."""
        return None if self._proba is None else np.array([self._proba], dtype=np.float64)

    def lists(self) -> tuple[list[Any], list[list[float]] | None]:
        """Both as Python has them."""
        return [self._value], None if self._proba is None else [self._proba]
