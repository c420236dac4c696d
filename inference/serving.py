"""One version made ready to answer: what every door asks, and what a door notes down.

A door (native, V2, the playground) turns bytes into a Batch, has a Served run it, turns the
Outputs into bytes and notes the call in the journal.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec

from common.runtime import Batch, Outputs
from inference.answers import answers, key_of
from inference.batching import TURN_WITHIN
from inference.decoder import Decoder
from inference.engine import engine
from inference.errors import busy
from inference.journal.record import Kind
from inference.kept import kept_rows, privacy_of
from registry.models import Model, ModelVersion

MOST = 2000  # versions kept ready; a decoder takes some kilobytes
Notices = tuple[tuple[str, str], ...]
HIT: Final[Notices] = (("X-Cache", "HIT"),)
MISS: Final[Notices] = (("X-Cache", "MISS"),)


class Ran(NamedTuple):
    """What a run gave. `cache_hit` says whether the model was loaded already.

    `notices` are headers that say whether the answer was a kept one, where answers are kept.
    """

    outputs: Outputs
    cache_hit: bool
    inference_ns: int
    notices: Notices = ()


class Handling(NamedTuple):
    """How a model's owner wants calls to be answered."""

    cache_seconds: int
    max_concurrency: int | None
    timeout_s: int

    @classmethod
    def of(cls, model: Model) -> Handling:
        return cls(model.cache_seconds, model.max_concurrency, model.timeout_s)


class Served:
    """A version with everything a door needs to know of it, so that no door asks the database.

    `run` answers a caller's batch; it raises PredictionFailed and ModelUnavailable.
    """

    __slots__ = (
        "classes", "classes_json", "decode", "handling", "model_id", "notices", "number",
        "organization_id", "privacy", "reference", "run", "signature", "turns", "version",
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
        self.classes_json = msgspec.Raw(msgspec.json.encode(self.classes))
        self.decode = Decoder(self.signature)
        self.privacy = privacy_of(version.model)
        self.notices: Notices = _notices(version)
        self.handling = Handling.of(version.model)
        most = self.handling.max_concurrency
        self.turns = None if most is None else _turns(self.model_id, most)
        plain = self.turns is None and not self.handling.cache_seconds
        # Chosen once: a layer in between would be the dearest part of it.
        self.run: Callable[[Batch], Ran] = self.compute if plain else self._run
        engine().allow(version.id, self.handling.timeout_s)

    def is_called(self, name: str) -> bool:
        """Whether the model has this name, given in lower case."""
        return self.version.model.name.lower() == name

    def is_for(self, version: ModelVersion) -> bool:
        """Whether this is the version as it stands in the database now."""
        same = self.version.updated_at == version.updated_at
        same &= self.privacy == privacy_of(version.model)
        same &= self.handling == Handling.of(version.model)
        return same and self.reference == version.model.reference

    def kept_rows(self, batch: Batch) -> tuple[Kind, bytes]:
        """The rows as the log may keep them."""
        if self.privacy is None:
            return kept_rows(batch)
        return self.privacy.keep(self.signature, batch)

    def compute(self, batch: Batch) -> Ran:
        """Have the model answer a batch, whatever was answered before and whoever else asks.

        Raises PredictionFailed and ModelUnavailable.
        """
        start = time.perf_counter_ns()
        outputs, was_loaded = engine().predict(self.version, batch)
        return Ran(outputs, was_loaded, time.perf_counter_ns() - start)

    def _run(self, batch: Batch) -> Ran:
        """Answer a caller's batch, as its owner wants calls to be answered; raises the same."""
        seconds = self.handling.cache_seconds
        if not seconds:
            return self._in_turn(batch)
        start = time.perf_counter_ns()
        key = key_of(self.organization_id.bytes, self.version.sha256, batch)
        kept = answers().get(key)
        if kept is not None:
            return Ran(kept, True, time.perf_counter_ns() - start, HIT)
        ran = self._in_turn(batch)
        answers().keep(key, ran.outputs, seconds)
        return ran._replace(notices=MISS)

    def _in_turn(self, batch: Batch) -> Ran:
        """Answer once fewer than the most are being answered; raises ModelUnavailable else."""
        if self.turns is None:
            return self.compute(batch)
        if not self.turns.acquire(timeout=TURN_WITHIN):
            raise busy()
        try:
            return self.compute(batch)
        finally:
            self.turns.release()


@lru_cache(maxsize=MOST)
def _turns(_model_id: UUID, most: int) -> threading.BoundedSemaphore:
    """How many more calls of a model may begin in this process, whichever its version."""
    return threading.BoundedSemaphore(most)


def _notices(version: ModelVersion) -> Notices:
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
