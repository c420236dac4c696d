"""One prediction, from a decoded body to the answer every door gives in its own shape."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
import numpy as np

from accounts.actors import Actor
from common.api.problems import as_domain_error
from common.context import request_id
from common.ids import uuid7
from common.runtime import Outputs
from common.spent import predicting
from inference.counted import count_failure, count_success
from inference.decode import check_options, decode
from inference.journal.record import Door, Kind, pack_facts
from inference.journal.writer import journal
from inference.native import note_failure
from inference.serving import Ran, Served, served_for
from registry.refs import ModelRef
from registry.selectors import resolve_for_use


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """What a model answered. `probabilities` is rows x classes, `confidence` one per row."""

    id: UUID
    model: str
    version: int
    predictions: list[Any]
    probabilities: list[list[float | None]] | None
    classes: list[Any] | None
    confidence: list[float | None] | None
    inference_ms: float
    cache_hit: bool
    correlation_id: str | None = None


class Answered(NamedTuple):
    """An answer, and what the version that gave it has callers told in headers."""

    prediction: Prediction
    notices: tuple[tuple[str, str], ...]


def predict(ref: ModelRef | str, body: Callable[[], Any], *, actor: Actor, door: Door) -> Answered:
    """Answer a native request: `{"inputs": [[…]]}` or `{"records": [{…}]}`.

    This is the plain way, which the edge is held against. `body` gives the parsed JSON; it is
    asked for once the model is found. Raises the registry's NotFound and Conflict errors, what
    `body` raises, Invalid with every fault of the input, TooLarge, ModelUnavailable, and
    JournalUnavailable: what can't be noted is not answered.
    """
    served = served_for(resolve_for_use(actor, ref))
    facts = pack_facts(
        version_id=served.version_id,
        model_id=served.model_id,
        organization_id=served.organization_id,
        user_id=actor.id,
        key_id=actor.key_id,
    )
    start, id_, began = time.perf_counter_ns(), uuid7(), time.monotonic()
    try:
        parsed = body()
        correlation_id = check_options(parsed)
        batch = decode(served.signature, parsed)
        with predicting():
            ran = served.run(batch)
    except Exception as error:
        note_failure(facts, id_.bytes, door, error, time.perf_counter_ns() - start, request_id())
        known = as_domain_error(error)
        if known is not None:
            count_failure(door.name.lower(), known, began)
        raise
    prediction = _prediction(served, ran, id_, correlation_id)
    private = served.privacy is not None
    kind, inputs = served.kept_rows(batch) if private else (Kind.BODY, msgspec.json.encode(parsed))
    journal().append(
        facts, id_.bytes, door, 200, "", batch.rows, ran.inference_ns,
        time.perf_counter_ns() - start, ran.cache_hit, request_id(), correlation_id or "",
        kind, inputs, msgspec.json.encode(prediction),
    )  # fmt: skip
    count_success(door.name.lower(), began)
    return Answered(prediction, served.notices + ran.notices)


def _prediction(served: Served, ran: Ran, id_: UUID, correlation_id: str | None) -> Prediction:
    return Prediction(
        id=id_,
        model=served.reference,
        version=served.number,
        predictions=_values(ran.outputs.predict),
        probabilities=_probabilities(ran.outputs),
        classes=served.classes,
        confidence=_confidence(ran.outputs),
        inference_ms=round(ran.inference_ns / 1e6, 3),
        cache_hit=ran.cache_hit,
        correlation_id=correlation_id,
    )


def _values(array: np.ndarray[Any, Any]) -> list[Any]:
    """The array as JSON values: what is not a finite number becomes null."""
    values: list[Any] = array.tolist()
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        return [_finite(value) for value in values]
    return values


def _finite(value: Any) -> Any:
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return value if math.isfinite(value) else None


def _probabilities(outputs: Outputs) -> list[list[float | None]] | None:
    if outputs.predict_proba is None:
        return None
    return _values(outputs.predict_proba)


def _confidence(outputs: Outputs) -> list[float | None] | None:
    if outputs.predict_proba is None:
        return None
    return _values(outputs.predict_proba.max(axis=1))
