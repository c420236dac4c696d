"""One version made ready to answer: what every door asks, and what a door notes down.

A door (native, V2, the playground) turns bytes into a Batch, has a Served run it, turns the
Outputs into bytes and notes the call in the journal.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from common.runtime import Batch, Outputs
from inference.engine import engine
from registry.models import ModelVersion


@dataclass(frozen=True, slots=True)
class Ran:
    """What a run gave. `cache_hit` says whether the model was loaded already."""

    outputs: Outputs
    cache_hit: bool
    inference_ns: int


class Served:
    """A version with everything a door needs to know of it, so that no door asks the database."""

    __slots__ = (
        "classes", "model_id", "number", "organization_id", "reference", "signature", "version",
        "version_id",
    )  # fmt: skip

    def __init__(self, version: ModelVersion) -> None:
        """`version` wants `model__organization` selected."""
        self.version = version
        self.version_id: UUID = version.id
        self.model_id: UUID = version.model_id
        self.organization_id: UUID = version.model.organization_id
        self.reference: str = version.model.reference
        self.number: int = version.number
        self.signature: dict[str, Any] = version.signature or {}
        self.classes: list[Any] | None = self.signature.get("classes")

    def run(self, batch: Batch) -> Ran:
        """Answer a batch. Raises PredictionFailed and ModelUnavailable."""
        start = time.perf_counter_ns()
        outputs, was_loaded = engine().predict(self.version, batch)
        return Ran(outputs, was_loaded, time.perf_counter_ns() - start)
