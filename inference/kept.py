"""Rows and answers as the journal keeps them, for doors whose own bodies nobody should reread."""

from __future__ import annotations

import random
from typing import Any, NamedTuple

import msgspec
import numpy as np

from common.runtime import Batch, Outputs
from inference.journal.record import MAX_INPUTS, Kind
from registry.models import Model, StoreInputs

# What is too long is not kept, and the journal says so: no need to make the bytes first.
TOO_LONG = bytes(MAX_INPUTS + 1)
_encode = msgspec.json.Encoder().encode


def kept_rows(batch: Batch) -> tuple[Kind, bytes]:
    """The rows, in the native door's words."""
    if batch.matrix is not None:
        whole = batch.matrix.nbytes <= MAX_INPUTS
        return Kind.MATRIX, batch.matrix.tobytes() if whole else TOO_LONG
    if batch.texts is not None:
        return Kind.BODY, _encode({"inputs": batch.texts})
    columns = batch.columns or {}
    if batch.rows * len(columns) > MAX_INPUTS:
        return Kind.BODY, TOO_LONG
    names, lists = list(columns), [column.tolist() for column in columns.values()]
    return Kind.BODY, _encode({"records": [dict(zip(names, row)) for row in zip(*lists)]})  # noqa: B905


class Privacy(NamedTuple):
    """What the log may keep of a model's inputs, where that is not all of them."""

    percent: int
    masked: frozenset[str]

    def keep(self, signature: dict[str, Any], batch: Batch) -> tuple[Kind, bytes]:
        """The rows as far as they may be kept."""
        if self.percent < 100 and random.uniform(0, 100) >= self.percent:  # noqa: S311 - a sample
            return Kind.BODY, TOO_LONG
        return kept_rows(self._masked(signature, batch) if self.masked else batch)

    def _masked(self, signature: dict[str, Any], batch: Batch) -> Batch:
        """Without the values of masked features; of a matrix they become null when it is stored."""
        features = [f["name"] for part in signature["inputs"] for f in part["features"]]
        if batch.texts is not None:
            hidden = features[0] in self.masked
            return Batch(batch.layout, texts=[""] * batch.rows if hidden else batch.texts)
        if batch.matrix is not None:
            matrix = np.array(batch.matrix, dtype=np.float64)
            matrix[:, [name in self.masked for name in features]] = np.nan
            return Batch(batch.layout, matrix=matrix)
        nothing = np.full(batch.rows, None, dtype=object)
        columns = batch.columns or {}
        shown = {k: nothing if k in self.masked else column for k, column in columns.items()}
        return Batch(batch.layout, columns=shown)


def privacy_of(model: Model) -> Privacy | None:
    """None where all inputs may be kept as they are."""
    percents = {StoreInputs.ALL: 100, StoreInputs.NONE: 0}
    percent = percents.get(StoreInputs(model.store_inputs), model.store_inputs_percent)
    if percent == 100 and not model.masked_features:
        return None
    return Privacy(percent, frozenset(model.masked_features))


def kept_answer(outputs: Outputs) -> bytes:
    """Answers and confidence, which is what the roll-ups count."""
    proba = outputs.predict_proba
    confidence = None if proba is None else proba.max(axis=1).tolist()
    return _encode({"predictions": outputs.predict.tolist(), "confidence": confidence})
