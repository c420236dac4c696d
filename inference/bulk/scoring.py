"""Rows into a model and answers out, whatever some of the rows are like."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
import numpy as np

from common.runtime import Batch, Outputs
from inference.decode import Feature, assemble
from inference.errors import ModelDied, ModelUnavailable, PredictionFailed, busy
from inference.serving import Ran, Served
from registry.models import ModelVersion, Runtime

Array = np.ndarray[Any, Any]
DTYPES: Final[dict[str, Any]] = {"FP64": np.float64, "INT64": np.int64, "BOOL": np.bool_}
"""By the signature's datatype; the others are texts."""
FIRST_ROWS: Final = 1024
MOST_ROWS: Final = 16_384
TARGET: Final = 0.5
"""Seconds a call of the model is to take: a slow one is not to meet its deadline."""
PATIENCE: Final = 120.0
"""Seconds that a call waits for others of the model, or for a process that died to start again."""
MOST_DEATHS: Final = 64
"""Of the model's process while a piece is answered: enough to find some rows that it dies of."""
PAUSE: Final = 5.0  # seconds, at most, between two looks at whether it has started
BUSY: Final = busy().code
DIED: Final = "The model's process died of this row."
DIGITS: Final = 6
"""Of confidence in the log; the result has all there are."""
_encode = msgspec.json.Encoder().encode  # not finite becomes null


@dataclass(slots=True)
class Piece:
    """Some rows of the file, read.

    columns  an array for each feature, a cell for each row; what is wrong has a stand-in
    errors   object, a row each: what is wrong with it, or None
    kept     what is carried into the result, a row each; empty where whoever reads the file has it
    unread   rows that could not be taken apart at all, so that their cells are not to blame
    """

    start: int
    columns: list[Array]
    errors: Array
    kept: Sequence[Any] = ()
    unread: frozenset[int] = frozenset()

    @property
    def rows(self) -> int:
        return len(self.errors)

    def note(self, feature: Feature, faults: Sequence[tuple[int, str]]) -> None:
        """Add a feature's faults to what is wrong with their rows."""
        for i, fault in faults:
            if i in self.unread:
                continue
            before = self.errors[i]
            said = f"{feature.name}: {fault}"
            self.errors[i] = said if before is None else f"{before}; {said}"


@dataclass(slots=True)
class Answers:
    """What a piece was answered. `predict` and `proba` have a row for each; failed ones mean
    nothing."""

    failed: Array
    predict: Array
    proba: Array | None
    inference_ns: int = 0

    def record(self, rows: Array) -> bytes:
        """Some rows' labels and confidence, as the log keeps them."""
        proba = self.proba
        confidence = None if proba is None else proba[rows].max(axis=1).round(DIGITS).tolist()
        return _encode({"predictions": self.predict[rows].tolist(), "confidence": confidence})


@dataclass(slots=True)
class Scorer:
    """Answers piece after piece with one version, in calls that take about TARGET seconds."""

    served: Served
    features: list[Feature] = field(init=False)
    _size: int = field(init=False)
    _deaths: int = 0

    def __post_init__(self) -> None:
        signature = self.served.signature
        each = row_us(self.served.version)
        self._size = max(1, min(int(TARGET * 1e6 / each), FIRST_ROWS)) if each else FIRST_ROWS
        described = (f for part in signature["inputs"] for f in part["features"])
        self.features = [Feature.of(one, signature) for one in described]

    def answer(self, piece: Piece) -> Answers:
        """Answer the rows that nothing is wrong with; an error of the model's becomes the row's.

        Raises ModelUnavailable where it is not the rows' fault, ModelDied where very many are.
        """
        self._deaths = 0
        answers = self._empty(piece.rows)
        good = np.flatnonzero(piece.errors == None)  # noqa: E711 - of an array, element by element
        start = 0
        while start < len(good):
            rows = good[start : start + self._size]
            start += len(rows)
            began = time.perf_counter()
            self._answer(rows, piece, answers)
            self._adapt(len(rows), time.perf_counter() - began)
        answers.failed = piece.errors != None  # noqa: E711 - as above
        return answers

    def _answer(
        self, rows: Array, piece: Piece, answers: Answers, *, once_more: bool = True
    ) -> None:
        """Answer these rows; where they can't be together, halve by halve."""
        columns = [column[rows] for column in piece.columns]
        try:
            ran = self._ask(assemble(self.served.signature["layout"], self.features, columns))
        except (PredictionFailed, ModelDied) as error:
            died = isinstance(error, ModelDied)
            self._deaths += died
            if self._deaths > MOST_DEATHS:
                raise
            if len(rows) == 1 and died and once_more:
                # It may have been asked together with a row of another thread's.
                self._answer(rows, piece, answers, once_more=False)
                return
            if len(rows) == 1:
                piece.errors[rows[0]] = DIED if died else error.message
                return
            middle = len(rows) // 2
            self._size = max(1, min(self._size, middle))
            self._answer(rows[:middle], piece, answers)
            self._answer(rows[middle:], piece, answers)
            return
        answers.inference_ns += ran.inference_ns
        _put(answers, rows, ran.outputs)

    def _ask(self, batch: Batch) -> Ran:
        """The model's answer, waited for: half a step is too much to do again for a turn missed."""
        until = time.monotonic() + PATIENCE
        while True:
            try:
                return self.served.compute(batch)
            except ModelDied:
                raise
            except ModelUnavailable as error:
                # Whether it starts again is known soon; others' calls may go on for long.
                starting = self._deaths and error.code == ModelUnavailable.default_code
                if time.monotonic() > until or not (starting or error.code == BUSY):
                    raise
                time.sleep(min(error.retry_after or 0.0, PAUSE) if starting else 0.0)

    def _adapt(self, rows: int, seconds: float) -> None:
        wanted = int(rows * TARGET / max(seconds, 1e-6))
        self._size = max(1, min(wanted, self._size * 2, MOST_ROWS))

    def _empty(self, rows: int) -> Answers:
        first, *others = self.served.signature["outputs"]
        dtype = DTYPES.get(first["datatype"], object)
        predict = np.zeros((rows, *first["shape"][1:]), dtype=dtype)
        proba = np.zeros((rows, *others[0]["shape"][1:])) if others else None
        return Answers(np.zeros(rows, dtype=bool), predict, proba)


def row_us(version: ModelVersion) -> float:
    """Microseconds that a row took by itself when the version was published; 0 where not known."""
    name = "onnx_us" if version.runtime == Runtime.ONNX else "native_us"
    return float(version.latency.get(name) or 0.0)


def _put(answers: Answers, rows: Array, outputs: Outputs) -> None:
    answers.predict[rows] = outputs.predict.reshape(len(rows), *answers.predict.shape[1:])
    if answers.proba is not None and outputs.predict_proba is not None:
        answers.proba[rows] = outputs.predict_proba
