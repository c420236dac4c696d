"""Rows on their way into a model, and its answers on their way out.

Needs numpy alone, because the web process serves compiled models with these same types.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Layout = Literal["matrix", "columns", "text"]
Array = npt.NDArray[Any]


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


@dataclass(slots=True)
class Outputs:
    """What a model answered, row by row.

    predict        (rows,) or (rows, k) of float64, int64, bool or object (str); for the task
                   "transform" float64 of shape (rows, k)
    predict_proba  (rows, classes) float64, or None where the model has none
    """

    predict: Array
    predict_proba: Array | None = None
