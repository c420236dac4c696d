"""What a webhook can be told: the types, drawn from the event classes, with schema and example.

An event class is told of as it stands: its fields are the message's `data`. What is of one person,
or of the platform alone, stays inside. Predictions travel in batches, never one by one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final
from uuid import UUID

import msgspec

from common.events import Event, types

ALL: Final = "*"
TEST: Final = "webhook.test"
COMPLETED: Final = "predictions.completed"
FAILED: Final = "predictions.failed"
PREDICTIONS: Final = frozenset({COMPLETED, FAILED})
# Areas whose events concern an organization. The others are a person's, or the platform's.
AREAS: Final = (
    "api_key", "batch_job", "invitation", "model", "model_version", "organization",
    "prediction_job", "service_account", "team", "webhook",
)  # fmt: skip
MODEL_AREAS: Final = ("batch_job", "model", "model_version", "prediction_job")
EXAMPLE_ID: Final = "01993a2e-7c1d-7b52-9f3a-5d2c8e4f6a10"
EXAMPLE_TIME: Final = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class PredictionItem(msgspec.Struct, frozen=True, kw_only=True):
    """One prediction, without its inputs and outputs: `GET /api/v1/predictions/{id}` has those."""

    id: UUID
    model_id: UUID
    version_id: UUID
    created_at: datetime
    status: int
    code: str
    rows: int
    inference_ms: float
    correlation_id: str


class PredictionBatch(msgspec.Struct, frozen=True, kw_only=True):
    """Predictions since the batch before.

    `count` is all of them, `sampled` those that the webhook's `sample_percent` chose, of which
    `predictions` are the first ones.
    """

    since: datetime
    until: datetime
    count: int
    sampled: int
    predictions: list[PredictionItem]


class CompletedPredictions(PredictionBatch, frozen=True, kw_only=True):
    """Predictions that were answered."""


class FailedPredictions(PredictionBatch, frozen=True, kw_only=True):
    """Predictions that reached a model and failed, each with its status and code."""


class TestCall(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody wants to see whether messages arrive."""

    webhook_id: UUID
    note: str


@dataclass(frozen=True, slots=True)
class EventType:
    """One type: what it means, the JSON schema of its `data`, and an example of that."""

    name: str
    description: str
    schema: Mapping[str, Any]
    example: Mapping[str, Any]


BATCHES: Final[Mapping[str, type[msgspec.Struct]]] = {
    COMPLETED: CompletedPredictions,
    FAILED: FailedPredictions,
    TEST: TestCall,
}


@cache
def event_types() -> Mapping[str, EventType]:
    """Every type that a webhook can be told, by its name. The apps must be loaded."""
    classes: dict[str, type[Any]] = {
        name: kind for name, kind in types.items() if name.partition(".")[0] in AREAS
    }
    classes |= BATCHES
    return {name: _event_type(name, classes[name]) for name in sorted(classes)}


def chosen_types() -> frozenset[str]:
    """What may be asked for: every type but the test, which comes when it is called for."""
    return frozenset(event_types()) - {TEST}


def is_told(type_: str) -> bool:
    """Whether an event of this type leaves the house at all."""
    return type_ in types and type_ in event_types()


def about_models(name: str) -> bool:
    """Whether a type tells of models and their predictions, and not of people and keys."""
    return name.partition(".")[0] in MODEL_AREAS or name in PREDICTIONS


def model_types() -> list[str]:
    """The types that tell of models alone."""
    return [name for name in chosen_types() if about_models(name)]


def _event_type(name: str, kind: type[Event | msgspec.Struct]) -> EventType:
    (schema,), components = msgspec.json.schema_components([kind], ref_template="{name}")
    flat = _inlined(schema, components)
    flat.pop("title", None)
    text = " ".join((kind.__doc__ or "").split())
    flat["description"] = text
    return EventType(name, text, flat, _example(flat))


def _inlined(schema: Any, components: Mapping[str, Any]) -> Any:
    """A schema that stands by itself: each reference replaced by what it refers to."""
    if isinstance(schema, list):
        return [_inlined(one, components) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inlined(components[schema["$ref"]], components)
    return {name: _inlined(value, components) for name, value in schema.items()}


def _example(schema: Mapping[str, Any], name: str = "") -> Any:
    """A value of a schema."""
    if "anyOf" in schema:
        return _example(schema["anyOf"][0], name)
    kind = schema.get("type")
    if kind == "object":
        properties = schema.get("properties", {})
        return {field: _example(inner, field) for field, inner in properties.items()}
    if kind == "array":
        return [_example(schema.get("items", {}), name.removesuffix("s"))]
    if kind in {"integer", "number"}:
        return 1
    if kind == "boolean":
        return True
    formats = {"uuid": EXAMPLE_ID, "date-time": EXAMPLE_TIME.isoformat().replace("+00:00", "Z")}
    return formats.get(schema.get("format", ""), name)
