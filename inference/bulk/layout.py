"""What a result's columns are called, and what is in them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from common.ids import uuid7_bytes, uuid_text
from inference.bulk.scoring import Answers
from inference.models import Keep
from inference.serving import Served

Array = np.ndarray[Any, Any]
RECORD: Final = 1000
"""Rows of a job that are one prediction in the log; row i of it is called `{id}:{i}`."""
CELLS: Final = 1_000_000
"""Of a piece: what bounds a worker's memory, however wide a row is."""
OURS: Final = frozenset({"row", "prediction_id", "prediction", "confidence", "error"})
PREFIXES: Final = ("prediction_", "probability_")


class Records:
    """The predictions that a piece's answered rows are noted as."""

    def __init__(self, answers: Answers) -> None:
        self.rows = np.flatnonzero(~answers.failed)
        self.ids = [uuid7_bytes() for _ in range(0, len(self.rows), RECORD)]
        self.texts = [uuid_text(id_) for id_ in self.ids]

    def of_rows(self, count: int) -> list[str | None]:
        """Each row's own id; None where it has no answer."""
        found: list[str | None] = [None] * count
        for place, row in enumerate(self.rows.tolist()):
            found[row] = f"{self.texts[place // RECORD]}:{place % RECORD}"
        return found


def answer_names(served: Served, *, probabilities: bool) -> list[str]:
    """`prediction`, or `prediction_0` and so on; `confidence`; `probability_<class>` for each."""
    first, *others = served.signature["outputs"]
    width = first["shape"][1:]
    names = [f"prediction_{i}" for i in range(width[0])] if width else ["prediction"]
    if others:
        names.append("confidence")
        if probabilities:
            names += [f"probability_{label}" for label in served.classes or ()]
    return names


def answer_columns(served: Served, answers: Answers, *, probabilities: bool) -> dict[str, Array]:
    """Each of them with a cell for each row; failed rows' cells mean nothing."""
    predict, proba = answers.predict, answers.proba
    columns = list(predict.T) if predict.ndim > 1 else [predict]
    if proba is not None:
        columns.append(proba.max(axis=1))
        if probabilities:
            columns += list(proba.T)
    return dict(zip(answer_names(served, probabilities=probabilities), columns, strict=True))


def piece_rows(served: Served, columns: int, most: int) -> int:
    """Rows of a piece: at most so many, and fewer where each has many cells, in or out."""
    outputs: int = sum(math.prod(one["shape"][1:]) for one in served.signature["outputs"])
    return max(1, min(most, CELLS // max(1, columns + outputs)))


def kept_columns(header: Sequence[str], features: Sequence[str], keep: str) -> list[str]:
    """The columns of the file that the result has too."""
    if keep == Keep.NONE:
        return []
    if keep == Keep.ALL:
        return list(header)
    known = set(features)
    return [name for name in header if name not in known]


def carried(name: str) -> str:
    """What a column of the file is called in the result, where our own names come first."""
    return f"input.{name}" if name in OURS or name.startswith(PREFIXES) else name
