"""The V2 door: a body's bytes in, the response's bytes and headers out, the call in the journal."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from common.errors import Invalid
from common.ids import uuid_text
from common.runtime import Batch, Outputs
from inference.journal.record import MAX_INPUTS, Door, Kind
from inference.journal.writer import journal
from inference.native import note_failure
from inference.oip.answer import answer
from inference.oip.encoding import compress, decompress
from inference.oip.request import InferRequest, parse
from inference.serving import Served

HEADER_LENGTH = "Inference-Header-Content-Length"
# What is too long is not kept, and the journal says so: no need to make the bytes first.
TOO_LONG = bytes(MAX_INPUTS + 1)
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Call:
    """A request's body and what its headers say about it."""

    body: bytes
    header_length: str
    content_encoding: str
    accept_encoding: str

    @classmethod
    def of(cls, environ: Mapping[str, Any], body: bytes) -> Call:
        """From a WSGI environ."""
        return cls(
            body,
            environ.get("HTTP_INFERENCE_HEADER_CONTENT_LENGTH", ""),
            environ.get("HTTP_CONTENT_ENCODING", ""),
            environ.get("HTTP_ACCEPT_ENCODING", ""),
        )


Headers = list[tuple[str, str]]


def infer(
    served: Served, facts: bytes, call: Call, id_: bytes, request_id: str, *, most: int
) -> tuple[bytes, Headers]:
    """Answer an infer request and note it, also where it failed.

    `most` is the largest body in bytes, unpacked. Raises what `parse` and the engine raise, and
    JournalUnavailable: what is not noted is not answered.
    """
    start = time.perf_counter_ns()
    try:
        body = call.body
        if call.content_encoding:
            body = decompress(body, call.content_encoding, most)
        request = parse(served.signature, body, json_length=_json_length(call.header_length))
        ran = served.run(request.batch)
    except Exception as error:
        took = time.perf_counter_ns() - start
        note_failure(facts, id_, Door.V2, error, took, request_id)
        raise
    said = answer(
        served.signature,
        request,
        ran.outputs,
        model=served.version.model.name,
        version=str(served.number),
        id=uuid_text(id_),
    )
    kind, inputs = _kept(request.batch)
    journal().append(
        facts, id_, Door.V2, 200, "", request.rows, ran.inference_ns,
        time.perf_counter_ns() - start, ran.cache_hit, request_id, _correlation(request),
        kind, inputs, _outcome(ran.outputs),
    )  # fmt: skip
    headers: Headers = [("Content-Type", said.content_type)]
    if said.json_length is not None:
        headers.append((HEADER_LENGTH, str(said.json_length)))
    out = said.body
    if call.accept_encoding:
        out, encoding = compress(out, call.accept_encoding)
        if encoding:
            headers += [("Content-Encoding", encoding), ("Vary", "Accept-Encoding")]
    return out, headers


def _json_length(header: str) -> int | None:
    if not header:
        return None
    if not (header.isascii() and header.isdigit() and len(header) < 12):
        raise Invalid(f"{HEADER_LENGTH} must be a whole number")
    return int(header)


def _correlation(request: InferRequest) -> str:
    """The caller's own id is what finds the call again; control characters are no id."""
    return request.id if request.id.isprintable() else ""


def _kept(batch: Batch) -> tuple[Kind, bytes]:
    """The rows as the journal keeps them."""
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


def _outcome(outputs: Outputs) -> bytes:
    """Answers and confidence, which is what the roll-ups count."""
    proba = outputs.predict_proba
    confidence = None if proba is None else proba.max(axis=1).tolist()
    return _encode({"predictions": outputs.predict.tolist(), "confidence": confidence})
