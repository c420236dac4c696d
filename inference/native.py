"""The native door: a body's bytes in, the answer's bytes out, the call in the journal."""

from __future__ import annotations

import time
from typing import Any

import msgspec

from common.errors import DomainError
from common.ids import uuid_text
from common.runtime import Outputs
from inference.journal.record import Door, Kind
from inference.journal.writer import journal
from inference.serving import Ran, Served

# Up to so many rows Python's own max beats the call into numpy.
FEW_ROWS = 8


class Answer(msgspec.Struct):
    """The native answer as it goes over the wire; `inference.predict.Prediction` describes it."""

    id: str
    model: str
    version: int
    predictions: list[Any]
    probabilities: list[list[float]] | None
    classes: msgspec.Raw
    confidence: list[float] | None
    inference_ms: float
    cache_hit: bool
    correlation_id: str | None


_encode = msgspec.json.Encoder().encode  # not finite becomes null


def answer(served: Served, facts: bytes, body: bytes, number: int, request_id: str) -> bytes:
    """Answer a native request and note it, also where it failed.

    `number` is the prediction's id, `facts` are the caller and the version as the journal packs
    them. Raises what the decoder and the engine raise, and JournalUnavailable: what is not noted
    is not answered.
    """
    start = time.perf_counter_ns()
    try:
        batch, correlation_id = served.decode(body)
        ran = served.run(batch)
    except Exception as error:
        took = time.perf_counter_ns() - start
        note_failure(facts, number, Door.NATIVE, error, took, request_id)
        raise
    out = encode(served, ran, number, correlation_id)
    journal().append(
        facts, number, Door.NATIVE, 200, "", batch.rows, ran.inference_ns,
        time.perf_counter_ns() - start, ran.cache_hit, request_id, correlation_id or "",
        Kind.BODY, body, out,
    )  # fmt: skip
    return out


def note_failure(
    facts: bytes, number: int, door: Door, error: Exception, took_ns: int, request_id: str
) -> None:
    """Note a call that reached a version and got no answer."""
    status, code = 500, "internal_error"
    if isinstance(error, DomainError):
        status, code = error.status, error.code
    journal().append(
        facts, number, door, status, code, 0, 0, took_ns, False, request_id, "", Kind.NONE, b"", b""
    )


def encode(served: Served, ran: Ran, number: int, correlation_id: str | None) -> bytes:
    """The answer's JSON."""
    outputs = ran.outputs
    proba = outputs.predict_proba
    probabilities: list[list[float]] | None = None if proba is None else proba.tolist()
    return _encode(
        Answer(
            uuid_text(number),
            served.reference,
            served.number,
            outputs.predict.tolist(),
            probabilities,
            served.classes_json,
            _confidence(outputs, probabilities),
            round(ran.inference_ns / 1e6, 3),
            ran.cache_hit,
            correlation_id,
        )
    )


def _confidence(outputs: Outputs, probabilities: list[list[float]] | None) -> list[float] | None:
    if probabilities is None or outputs.predict_proba is None:
        return None
    if len(probabilities) > FEW_ROWS:
        return outputs.predict_proba.max(axis=1).tolist()  # type: ignore[no-any-return]  # floats
    # A row that is not a number in any place has a sum that is none.
    return [max(row) if (total := sum(row)) == total else total for row in probabilities]
