"""One prediction, from a decoded body to the answer every door gives in its own shape."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np

from accounts.actors import Actor
from common.errors import Fault, Invalid
from common.ids import uuid7
from common.runtime import Batch, Outputs
from inference.decode import decode
from inference.engine import engine
from registry.models import ModelVersion
from registry.refs import ModelRef
from registry.selectors import resolve_version

OPTIONS = frozenset({"inputs", "records", "correlation_id", "explain"})
MAX_CORRELATION_ID = 128


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


def predict(ref: ModelRef | str, body: Any, *, actor: Actor) -> Prediction:
    """Answer a native request: `{"inputs": [[…]]}` or `{"records": [{…}]}`.

    Raises the registry's NotFound and Conflict errors, Invalid with every fault of the input,
    TooLarge, and ModelUnavailable.
    """
    version = resolve_version(actor, ref)
    correlation_id = _check_options(body)
    return run(version, decode(version.signature or {}, body), correlation_id=correlation_id)


def run(version: ModelVersion, batch: Batch, *, correlation_id: str | None = None) -> Prediction:
    """Score decoded rows with one version."""
    start = time.perf_counter_ns()
    outputs, was_loaded = engine().predict(version, batch)
    inference_ms = (time.perf_counter_ns() - start) / 1e6
    return Prediction(
        id=uuid7(),
        model=version.model.reference,
        version=version.number,
        predictions=_values(outputs.predict),
        probabilities=_probabilities(outputs),
        classes=(version.signature or {}).get("classes"),
        confidence=_confidence(outputs),
        inference_ms=round(inference_ms, 3),
        cache_hit=was_loaded,
        correlation_id=correlation_id,
    )


def _check_options(body: Any) -> str | None:
    """Refuse keys nobody knows; give back the correlation id."""
    if not isinstance(body, dict):
        return None  # decode says so
    faults = [Fault(f"/{key}", "is not known", "unknown") for key in body.keys() - OPTIONS]
    correlation_id = body.get("correlation_id")
    if correlation_id is not None and not (
        isinstance(correlation_id, str) and 0 < len(correlation_id) <= MAX_CORRELATION_ID
    ):
        faults.append(Fault("/correlation_id", f"must be text of 1 to {MAX_CORRELATION_ID}"))
    if body.get("explain") not in (None, False):
        faults.append(Fault("/explain", "explanations are not available for this model"))
    if faults:
        raise Invalid("The request is wrong; `errors` says where.", errors=faults)
    return correlation_id


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
