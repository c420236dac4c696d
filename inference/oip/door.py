"""The V2 door: a body's bytes in, the response's bytes and headers out, the call in the journal."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from common.errors import Invalid
from common.ids import uuid_text
from inference.journal.record import Door
from inference.journal.writer import journal
from inference.kept import kept_answer
from inference.native import note_failure
from inference.oip.answer import answer
from inference.oip.encoding import compress, decompress
from inference.oip.request import InferRequest, parse
from inference.serving import Served

HEADER_LENGTH = "Inference-Header-Content-Length"


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
    kind, inputs = served.kept_rows(request.batch)
    journal().append(
        facts, id_, Door.V2, 200, "", request.rows, ran.inference_ns,
        time.perf_counter_ns() - start, ran.cache_hit, request_id, _correlation(request),
        kind, inputs, kept_answer(ran.outputs),
    )  # fmt: skip
    headers: Headers = [("Content-Type", said.content_type), *ran.notices]
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
