"""Rows and answers as the journal keeps them, for doors whose own bodies nobody should reread."""

from __future__ import annotations

import msgspec

from common.runtime import Batch, Outputs
from inference.journal.record import MAX_INPUTS, Kind

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


def kept_answer(outputs: Outputs) -> bytes:
    """Answers and confidence, which is what the roll-ups count."""
    proba = outputs.predict_proba
    confidence = None if proba is None else proba.max(axis=1).tolist()
    return _encode({"predictions": outputs.predict.tolist(), "confidence": confidence})
