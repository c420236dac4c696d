"""One version made ready to answer: what every door asks, and what a door notes down.

A door (native, V2, the playground) turns bytes into a Batch, has a Served run it, turns the
Outputs into bytes and notes the call in the journal.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from common.runtime import Batch, Outputs
from inference.decoder import Decoder
from inference.engine import engine
from registry.models import ModelVersion

MOST = 2000  # versions kept ready; a decoder takes some kilobytes


class Ran(NamedTuple):
    """What a run gave. `cache_hit` says whether the model was loaded already."""

    outputs: Outputs
    cache_hit: bool
    inference_ns: int


class Served:
    """A version with everything a door needs to know of it, so that no door asks the database."""

    __slots__ = (
        "classes", "classes_json", "decode", "model_id", "notices", "number", "organization_id",
        "reference", "signature", "version", "version_id",
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
        self.classes_json = msgspec.Raw(msgspec.json.encode(self.classes))
        self.decode = Decoder(self.signature)
        self.notices: tuple[tuple[str, str], ...] = _notices(version)

    def is_called(self, name: str) -> bool:
        """Whether the model has this name, given in lower case."""
        return self.version.model.name.lower() == name

    def is_for(self, version: ModelVersion) -> bool:
        """Whether this is the version as it stands in the database now."""
        same = self.version.updated_at == version.updated_at
        return same and self.reference == version.model.reference

    def run(self, batch: Batch) -> Ran:
        """Answer a batch. Raises PredictionFailed and ModelUnavailable."""
        start = time.perf_counter_ns()
        outputs, was_loaded = engine().predict(self.version, batch)
        return Ran(outputs, was_loaded, time.perf_counter_ns() - start)


def _notices(version: ModelVersion) -> tuple[tuple[str, str], ...]:
    """Headers of every answer: of a deprecated version since when it is (RFC 9745)."""
    since = version.deprecated_at
    return () if since is None else (("Deprecation", f"@{int(since.timestamp())}"),)


_served: OrderedDict[UUID, Served] = OrderedDict()
_lock = threading.Lock()


def served_for(version: ModelVersion) -> Served:
    """The version made ready, as it was the last time if it has not changed since."""
    served = _served.get(version.id)
    if served is not None and served.is_for(version):
        return served
    served = Served(version)
    with _lock:
        _served[version.id] = served
        _served.move_to_end(version.id)
        if len(_served) > MOST:
            _served.popitem(last=False)
    return served
