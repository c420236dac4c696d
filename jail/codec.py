"""Batches, outputs and arrays as plain JSON plus raw blobs, and back with every claim checked.

Numbers travel as little-endian bytes of three fixed dtypes, text as a JSON list of str or None.
Nothing here can build an object of any other kind, whatever the bytes say.
"""

from __future__ import annotations

import json
import math
from typing import Any, Literal

import numpy as np

from jail.batch import Array, Batch, Layout, Outputs
from jail.wire import Blob, WireError

RAW = {"<f8": np.dtype("<f8"), "<i8": np.dtype("<i8"), "|b1": np.dtype("|b1")}
Described = dict[str, Any]


class Packer:
    """Collects blobs for one frame; each method gives the JSON that refers to them."""

    def __init__(self) -> None:
        self.blobs: list[Blob] = []

    def _add(self, blob: Blob) -> int:
        self.blobs.append(blob)
        return len(self.blobs) - 1

    def bytes(self, data: Blob) -> int:
        """The place of `data` among the blobs."""
        return self._add(data)

    def array(self, values: Array) -> Described:
        """One array: floats as float64, whole numbers as int64, booleans; all else as text."""
        shape = list(values.shape)
        kind = {"f": "<f8", "i": "<i8", "u": "<i8", "b": "|b1"}.get(values.dtype.kind)
        if kind is not None:
            raw = np.ascontiguousarray(values, dtype=RAW[kind]).reshape(-1)
            return {"dtype": kind, "shape": shape, "blob": self._add(raw.data if raw.size else b"")}
        texts = [None if item is None else str(item) for item in values.reshape(-1).tolist()]
        return {"dtype": "str", "shape": shape, "blob": self._add(json.dumps(texts).encode())}

    def batch(self, batch: Batch) -> Described:
        """A batch in whichever layout it has."""
        if batch.matrix is not None:
            return {"layout": batch.layout, "matrix": self.array(batch.matrix)}
        if batch.columns is not None:
            columns = [[name, self.array(values)] for name, values in batch.columns.items()]
            return {"layout": batch.layout, "columns": columns}
        texts = self._add(json.dumps(batch.texts or []).encode())
        return {"layout": batch.layout, "texts": texts}

    def outputs(self, outputs: Outputs) -> Described:
        """A model's answer."""
        proba = outputs.predict_proba
        return {
            "predict": self.array(outputs.predict),
            "predict_proba": None if proba is None else self.array(proba),
        }


class Unpacker:
    """Rebuilds values from a frame's blobs. Raises WireError for whatever does not add up."""

    def __init__(self, blobs: list[bytearray]) -> None:
        self.blobs = blobs

    def bytes(self, place: object) -> bytearray:
        """The blob at `place`."""
        if type(place) is not int or not 0 <= place < len(self.blobs):
            raise WireError("a frame refers to a blob that did not come")
        return self.blobs[place]

    def array(self, described: object) -> Array:
        """An array of float64, int64, bool or object (str or None), at most two-dimensional."""
        shape, dtype, blob = self._described(described)
        if dtype == "str":
            return self._texts(blob, shape)
        raw = RAW.get(dtype)
        if raw is None or math.prod(shape) * raw.itemsize != len(blob):
            raise WireError("an array's bytes do not fit its shape")
        return np.frombuffer(blob, dtype=raw).reshape(shape)

    def _described(self, described: object) -> tuple[list[int], str, bytearray]:
        if not isinstance(described, dict):
            raise WireError("an array is not described")
        shape, dtype = described.get("shape"), described.get("dtype")
        whole = isinstance(shape, list) and len(shape) <= 2
        if not whole or not all(type(n) is int and n >= 0 for n in shape or []):
            raise WireError("an array has no proper shape")
        return list(shape or []), str(dtype), self.bytes(described.get("blob"))

    def _texts(self, blob: bytearray, shape: list[int]) -> Array:
        texts = _text_list(blob)
        if len(texts) != math.prod(shape):
            raise WireError("an array's texts do not fit its shape")
        array = np.empty(len(texts), dtype=object)
        array[:] = texts
        return array.reshape(shape)

    def batch(self, described: object) -> Batch:
        """A batch whose columns all have the same number of rows."""
        if not isinstance(described, dict):
            raise WireError("a batch is not described")
        layout = _layout(described.get("layout"))
        if layout == "matrix":
            return Batch("matrix", matrix=self.array(described.get("matrix")))
        if layout == "text":
            texts = _text_list(self.bytes(described.get("texts")))
            return Batch("text", texts=["" if text is None else text for text in texts])
        return Batch("columns", columns=self._columns(described.get("columns")))

    def _columns(self, described: object) -> dict[str, Array]:
        if not isinstance(described, list):
            raise WireError("a batch names no columns")
        columns: dict[str, Array] = {}
        for pair in described:
            if not isinstance(pair, list) or len(pair) != 2 or not isinstance(pair[0], str):
                raise WireError("a column has no name")
            columns[pair[0]] = self.array(pair[1])
        if len({values.shape for values in columns.values()}) > 1:
            raise WireError("a batch's columns differ in length")
        return columns

    def outputs(self, described: object) -> Outputs:
        """A model's answer, with as many probability rows as answers."""
        if not isinstance(described, dict):
            raise WireError("an answer is not described")
        predict = self.array(described.get("predict"))
        claimed = described.get("predict_proba")
        proba = None if claimed is None else self.array(claimed)
        if predict.ndim == 0 or (proba is not None and proba.ndim != 2):
            raise WireError("an answer has no rows")
        if proba is not None and proba.shape[0] != predict.shape[0]:
            raise WireError("an answer's probabilities do not fit its rows")
        return Outputs(predict, proba)


def _layout(value: object) -> Layout:
    layouts: dict[object, Literal["matrix", "columns", "text"]] = {
        "matrix": "matrix",
        "columns": "columns",
        "text": "text",
    }
    if not isinstance(value, str) or value not in layouts:
        raise WireError("a batch has no known layout")
    return layouts[value]


def _text_list(blob: bytearray) -> list[str | None]:
    try:
        texts = json.loads(blob)
    except (ValueError, RecursionError):
        raise WireError("a list of texts is not JSON") from None
    if not isinstance(texts, list) or not all(t is None or isinstance(t, str) for t in texts):
        raise WireError("a list of texts holds something else")
    return texts
