"""The native door: a body's bytes in, the answer's bytes out, the call in the journal."""

from __future__ import annotations

import time
from typing import Any

import msgspec

from common.api.problems import as_domain_error
from common.ids import uuid_text
from common.runtime import Outputs
from inference.journal.record import Door, Kind
from inference.journal.writer import journal
from inference.serving import Notices, Ran, Served

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


def answer(
    served: Served, facts: bytes, body: bytes, id_: bytes, request_id: str
) -> tuple[bytes, Notices]:
    """Answer a native request and note it, also where it failed; the body and further headers.

    `id_` is the prediction's, `facts` are the caller and the version as the journal packs
    them. Raises what the decoder and the engine raise, and JournalUnavailable: what is not noted
    is not answered.
    """
    start = time.perf_counter_ns()
    try:
        batch, correlation_id = served.decode(body)
        ran = served.run(batch)
    except Exception as error:
        took = time.perf_counter_ns() - start
        note_failure(facts, id_, Door.NATIVE, error, took, request_id)
        raise
    out = encode(served, ran, id_, correlation_id)
    kind, inputs = (Kind.BODY, body) if served.privacy is None else served.kept_rows(batch)
    journal().append(
        facts, id_, Door.NATIVE, 200, "", batch.rows, ran.inference_ns,
        time.perf_counter_ns() - start, ran.cache_hit, request_id, correlation_id or "",
        kind, inputs, out,
    )  # fmt: skip
    return out, ran.notices


def note_failure(
    facts: bytes, id_: bytes, door: Door, error: Exception, took_ns: int, request_id: str
) -> None:
    """Note a call that reached a version and got no answer."""
    known = as_domain_error(error)
    status, code = (known.status, known.code) if known else (500, "internal_error")
    journal().append(
        facts, id_, door, status, code, 0, 0, took_ns, False, request_id, "", Kind.NONE, b"", b""
    )


def encode(served: Served, ran: Ran, id_: bytes, correlation_id: str | None) -> bytes:
    """The answer's JSON."""
    predictions, probabilities = ran.outputs.lists()
    return _encode(
        Answer(
            uuid_text(id_),
            served.reference,
            served.number,
            predictions,
            probabilities,
            served.classes_json,
            _confidence(ran.outputs, probabilities),
            ran.inference_ns // 1000 / 1000,
            ran.cache_hit,
            correlation_id,
        )
    )


def _confidence(outputs: Outputs, probabilities: list[list[float]] | None) -> list[float] | None:
    if probabilities is None:
        return None
    if len(probabilities) > FEW_ROWS and outputs.predict_proba is not None:
        return outputs.predict_proba.max(axis=1).tolist()  # type: ignore[no-any-return]  # floats
    # A row that is not a number in any place has a sum that is none.
    return [max(row) if (total := sum(row)) == total else total for row in probabilities]
