"""A compiled model in onnxruntime, answering in the same form as the original.

Used by the second jail and by the web process, so it needs numpy and onnxruntime alone.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from jail.batch import ANSWERS, FLOAT64, Array, Batch, Outputs
from jail.linear import Linear

# The wheel phones home from its import on unless this stands in the environment by then.
if "onnxruntime" in sys.modules and os.environ.get("ORT_DISABLE_TELEMETRY") != "1":
    raise RuntimeError("onnxruntime was imported before ORT_DISABLE_TELEMETRY=1 was set.")
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime

_state = onnxruntime.capi.onnxruntime_pybind11_state
# onnxruntime's errors have no common class but Exception.
FAILURES: tuple[type[Exception], ...] = (
    _state.EPFail, _state.EngineError, _state.Fail, _state.InvalidArgument, _state.InvalidGraph,
    _state.InvalidProtobuf, _state.ModelLoaded, _state.NoModel, _state.NoSuchFile,
    _state.NotImplemented, _state.RuntimeException,
)  # fmt: skip
LC_ALL_MASK = 0x1FBF
DTYPES: dict[str, Any] = {
    "float32": np.float32,
    "float64": np.float64,
    "int64": np.int64,
    "bool": np.bool_,
    "string": object,
}
MISSING_TEXT = "\ue000missing"
"""Stands for a missing text: of the private use area, so that no category equals it."""
MAX_CELLS = 4_000_000
"""Characters in one run over texts, as rows times the longest: the graph pads each row to it."""

MAX_ROWS = 1024
"""Rows in one run. A graph's cost was probed with so many; more could cost the square of it."""

Feed = Callable[[Batch], Array]


def _load_locale() -> None:
    """Have libc know C.UTF-8 before a graph that changes case asks for it by name."""
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        libc.newlocale.restype = ctypes.c_void_p
        libc.newlocale.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)
        libc.newlocale(LC_ALL_MASK, b"C.UTF-8", None)


_load_locale()


class OnnxModel:
    """A session fed by a plan. One may be shared by threads.

    signature  as `infer_signature` or `onnx_signature` made it
    plan       {"inputs": [{"name", "dtype", "from", …}], "outputs": {"predict": …}}, with
               "linear" where the model has that form

    `linear` answers single rows as the graph does, and sooner; None where there is no such form.

    Raises RuntimeError where the graph can't be loaded.
    """

    def __init__(
        self,
        graph: bytes,
        signature: dict[str, Any],
        plan: dict[str, Any],
        *,
        threads: int = 1,
    ) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.log_severity_level = 4
        try:
            self._session = onnxruntime.InferenceSession(
                graph, options, providers=["CPUExecutionProvider"]
            )
        except FAILURES as error:
            raise RuntimeError(str(error)) from error
        # What `session.run` calls once it has compared names with names, which for a small graph
        # takes as long as the graph itself. The names here are the plan's, checked at upload.
        self._ask = self._session._sess.run
        outputs = {output["name"]: output for output in signature["outputs"]}
        answer = outputs["transform" if signature["task"] == "transform" else "predict"]
        self._dtype = ANSWERS.get(answer["datatype"])
        self._rank = len(answer["shape"])
        self._classes: list[Any] = signature.get("classes") or []
        names = plan["outputs"]
        self._answer = [names.get("predict") or names["transform"]]
        both = "predict_proba" in outputs and names.get("predict_proba") is not None
        self._answer_and_proba = [*self._answer, names["predict_proba"]] if both else self._answer
        self._texts = any(put["dtype"] == "string" for put in plan["inputs"])
        self._feed_all = _feed_of_all(plan["inputs"])
        linear = plan.get("linear")
        try:
            self.linear = Linear(linear, signature) if linear else None
        except ValueError as error:
            raise RuntimeError(str(error)) from error

    def predict(
        self, batch: Batch, *, proba: bool = True, run_options: Any | None = None
    ) -> Outputs:
        """Answer for the rows; without `proba` the probabilities are left out.

        Raises ValueError or RuntimeError where the graph can't answer these rows, and when
        `run_options.terminate` was set meanwhile.
        """
        if batch.rows <= 1 or (batch.rows <= MAX_ROWS and not self._texts):
            return self._run(batch, proba, run_options)
        portions = _portions(batch) if self._texts else _blocks(batch)
        parts = [self._run(part, proba, run_options) for part in portions]
        return parts[0] if len(parts) == 1 else joined(parts)

    def _run(self, batch: Batch, proba: bool, run_options: Any | None) -> Outputs:
        names = self._answer_and_proba if proba else self._answer
        try:
            found = self._ask(names, self._feed_all(batch), run_options)
        except FAILURES as error:
            raise RuntimeError(str(error)) from error
        predicted = self._shaped(found[0], batch.rows)
        return Outputs(predicted, self._probabilities(found[1]) if len(found) > 1 else None)

    def _shaped(self, values: Any, rows: int) -> Array:
        """Answers in the dtype and shape of the signature; mostly they are so already."""
        array = values if type(values) is np.ndarray else np.asarray(values)
        if array.dtype is self._dtype and array.ndim == self._rank == 1:
            return array
        if self._rank == 2:
            array = array.reshape(rows, -1)
        elif array.ndim != 1:
            array = array.reshape(rows)
        if array.dtype is self._dtype:
            return array
        if self._dtype is None:  # texts: onnxruntime gives them as str
            return array if array.dtype == object else array.astype(str).astype(object)
        return array.astype(self._dtype, copy=False)

    def _probabilities(self, values: Any) -> Array:
        """(rows, classes), also from a list of mappings or one column for the second class."""
        if type(values) is np.ndarray and values.dtype is FLOAT64 and values.ndim == 2:
            if values.shape[1] > 1:
                return values
        elif isinstance(values, list) and values and isinstance(values[0], dict):
            return np.array([[row[c] for c in self._classes] for row in values], dtype=np.float64)
        array = np.asarray(values, dtype=np.float64)
        if array.ndim == 1 or array.shape[1] == 1:
            second = array.reshape(-1)
            return np.column_stack([1 - second, second])
        return array


def _feed_of_all(inputs: list[dict[str, Any]]) -> Callable[[Batch], dict[str, Array]]:
    """How all the graph's inputs are filled from a batch."""
    if len(inputs) == 1 and inputs[0]["from"] == "matrix" and inputs[0].get("rank") != 1:
        name, dtype = inputs[0]["name"], np.dtype(DTYPES[inputs[0]["dtype"]])
        return lambda batch: {name: _matrix(batch, dtype)}
    feeds = [(put["name"], _feed(put)) for put in inputs]
    return lambda batch: {name: feed(batch) for name, feed in feeds}


def _feed(put: dict[str, Any]) -> Feed:
    """How one graph input is filled from a batch."""
    source, dtype = put["from"], DTYPES[put["dtype"]]
    flat = put.get("rank") == 1
    shape = (-1,) if flat else (-1, 1)
    if source == "matrix":
        return lambda batch: _matrix(batch, dtype).reshape(-1) if flat else _matrix(batch, dtype)
    if put["dtype"] != "string":
        return lambda batch: _column(batch, source).astype(dtype).reshape(shape)
    prepare = _preparation(put)
    if source == "text":
        return lambda batch: np.array([prepare(t) for t in batch.texts or []], object).reshape(
            shape
        )
    missing = put.get("missing", MISSING_TEXT)
    return lambda batch: np.array(
        [missing if value is None else prepare(value) for value in _column(batch, source)], object
    ).reshape(shape)


def _matrix(batch: Batch, dtype: Any) -> Array:
    if batch.matrix is None:
        raise ValueError("The model takes rows of numbers.")
    return batch.matrix if batch.matrix.dtype is dtype else batch.matrix.astype(dtype, copy=False)


def _column(batch: Batch, name: str) -> Array:
    if batch.columns is None or name not in batch.columns:
        raise ValueError(f"The rows have no column {name!r}.")
    return batch.columns[name]


def _preparation(put: dict[str, Any]) -> Callable[[str], str]:
    """What scikit-learn's vectorizers do to a text before they look for words in it.

    Python's own lower() and decomposition: onnxruntime's go by locale and miss some letters.
    """
    accents = {"unicode": _without_accents, "ascii": _ascii}.get(put.get("strip_accents") or "")
    if put.get("lowercase"):
        return (lambda text: accents(text.lower())) if accents else str.lower
    return accents or str


def _without_accents(text: str) -> str:
    if text.isascii():
        return text
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))


def _ascii(text: str) -> str:
    return unicodedata.normalize("NFKD", text).encode("ASCII", "ignore").decode("ASCII")


def _blocks(batch: Batch) -> Iterator[Batch]:
    for start in range(0, batch.rows, MAX_ROWS):
        yield batch.take(slice(start, start + MAX_ROWS))


def _portions(batch: Batch) -> Iterator[Batch]:
    """The batch in runs of at most MAX_CELLS: one long text must not pad a thousand short ones."""
    lengths = _text_lengths(batch)
    start, longest = 0, 0
    for row, length in enumerate(lengths):
        longest = max(longest, length)
        count = row - start
        if count == MAX_ROWS or (count and longest * (count + 1) > MAX_CELLS):
            yield batch.take(slice(start, row))
            start, longest = row, length
    yield batch.take(slice(start, batch.rows)) if start else batch


def _text_lengths(batch: Batch) -> list[int]:
    if batch.texts is not None:
        return [len(text) for text in batch.texts]
    texts = [values for values in (batch.columns or {}).values() if values.dtype == object]
    return [max(len(value or "") for value in row) for row in zip(*texts, strict=True)]


def joined(parts: Sequence[Outputs]) -> Outputs:
    """The answers to batches, one after the other."""
    probas = [part.predict_proba for part in parts if part.predict_proba is not None]
    return Outputs(
        np.concatenate([part.predict for part in parts]),
        np.concatenate(probas) if probas else None,
    )
