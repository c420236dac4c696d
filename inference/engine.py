"""Loaded models: found, loaded once, kept while they are used, let go when room is needed.

A compiled model whose graph is known good runs in this process. Everything else runs in a jailed
child of its own; see docs/decisions. Which one it is was decided when the version was published.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

import structlog
from django.conf import settings

from common import storage
from common.jail import Jail, JailBudget, JailDied, JailError, JailRefused, JailUnavailable
from common.memory import resident_bytes
from common.runtime import Batch, Outputs
from inference.errors import ModelUnavailable, PredictionFailed
from registry.models import ModelVersion, Runtime

logger = structlog.get_logger(__name__)

DEADLINE = 30.0  # seconds a jailed model may take for one call
TURN_WITHIN = 1.0  # seconds a call waits for the one before it


class Runner(Protocol):
    """Something that answers for one version."""

    def predict(self, batch: Batch) -> Outputs: ...
    def close(self) -> None: ...
    def memory_bytes(self) -> int: ...
    @property
    def alive(self) -> bool: ...


class InProcess:
    """A graph in this process's onnxruntime."""

    alive = True

    def __init__(self, version: ModelVersion) -> None:
        from common.runtime import OnnxModel

        before = resident_bytes()
        self._model = OnnxModel(
            storage.blob_path(version.served_sha256), version.signature or {}, version.plan or {}
        )
        grown = resident_bytes() - before
        self._bytes = max(grown, storage.blob_path(version.served_sha256).stat().st_size)

    def predict(self, batch: Batch) -> Outputs:
        try:
            return self._model.predict(batch)
        except (ValueError, RuntimeError) as error:
            raise PredictionFailed(f"The model can't answer these rows: {error}") from error

    def close(self) -> None:
        """Nothing to do: the session goes with its last user."""

    def memory_bytes(self) -> int:
        return self._bytes


class Jailed:
    """A model in a long-lived jailed child, which answers one call at a time.

    A slow model must not take every thread of the process: a call waits a second for its turn, and
    two threads are always left for everything else.
    """

    _places = threading.BoundedSemaphore(max(1, settings.WEB_THREADS - 2))

    def __init__(self, version: ModelVersion) -> None:
        self._turn = threading.Lock()
        with storage.open_blob(version.served_sha256) as file:
            self._model = Jail(settings.JAIL_SOCKET).serve(
                file.fileno(),
                runtime=version.runtime,
                format=version.format,
                signature=version.signature or {},
                plan=version.plan,
            )

    def predict(self, batch: Batch) -> Outputs:
        if not self._places.acquire(blocking=False):
            raise _busy()
        try:
            if not self._turn.acquire(timeout=TURN_WITHIN):
                raise _busy()
            try:
                return self._ask(batch)
            finally:
                self._turn.release()
        finally:
            self._places.release()

    def _ask(self, batch: Batch) -> Outputs:
        try:
            return self._model.predict(batch, timeout=DEADLINE)
        except JailRefused as error:
            raise PredictionFailed(f"The model can't answer these rows: {error.reason}") from error
        except JailBudget as error:
            self._model.close()
            raise PredictionFailed(
                f"The model needs more time or memory than it may have: {error}",
                code="over_budget",
            ) from error

    def close(self) -> None:
        self._model.close()

    def memory_bytes(self) -> int:
        return self._model.memory_bytes()

    @property
    def alive(self) -> bool:
        return self._model.alive


@dataclass(slots=True)
class Entry:
    """A place in the cache. `lock` makes loading single-flight; `users` keeps it from eviction."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    runner: Runner | None = None
    users: int = 0
    size: int = 0


class Engine:
    """The loaded models of this process: least recently used go first, by count and by bytes."""

    def __init__(self, *, most: int, most_bytes: int) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._entries: OrderedDict[UUID, Entry] = OrderedDict()

    def predict(self, version: ModelVersion, batch: Batch) -> tuple[Outputs, bool]:
        """Answer a batch; the flag says whether the model was loaded already.

        Raises PredictionFailed where the rows are at fault and ModelUnavailable where we are. A
        jailed child that died is replaced once: the fault may have been the machine's.
        """
        for attempt in (1, 2):
            with self._entry(version.id) as entry:
                runner, was_loaded = self._runner(entry, version)
                try:
                    return runner.predict(batch), was_loaded
                except (JailDied, JailUnavailable) as error:
                    self._forget(entry, runner)
                    if attempt == 2:
                        raise _unavailable(version, error) from error
        raise AssertionError("unreachable")

    def loaded(self) -> dict[UUID, int]:
        """The loaded versions and the bytes each takes."""
        with self._lock:
            return {key: entry.size for key, entry in self._entries.items() if entry.runner}

    def clear(self) -> None:
        """Let every model go, as at the end of the process."""
        with self._lock:
            entries, self._entries = list(self._entries.values()), OrderedDict()
        for entry in entries:
            with entry.lock:
                if entry.runner is not None:
                    entry.runner.close()
                    entry.runner = None

    @contextmanager
    def _entry(self, key: UUID) -> Iterator[Entry]:
        with self._lock:
            entry = self._entries.setdefault(key, Entry())
            self._entries.move_to_end(key)
            entry.users += 1
        try:
            yield entry
        finally:
            with self._lock:
                entry.users -= 1
                evicted = self._evict()
            for runner in evicted:
                runner.close()

    def _runner(self, entry: Entry, version: ModelVersion) -> tuple[Runner, bool]:
        with entry.lock:
            if entry.runner is not None and entry.runner.alive:
                return entry.runner, True
            entry.runner = _load(version)
            entry.size = entry.runner.memory_bytes()
            return entry.runner, False

    @staticmethod
    def _forget(entry: Entry, runner: Runner) -> None:
        with entry.lock:
            if entry.runner is runner:
                runner.close()
                entry.runner = None

    def _evict(self) -> list[Runner]:
        """Take out what is too much and not in use; the caller holds the lock and closes them."""
        out: list[Runner] = []
        total = sum(entry.size for entry in self._entries.values())
        for key, entry in list(self._entries.items()):
            if len(self._entries) <= self._most and total <= self._most_bytes:
                break
            if entry.users or len(self._entries) == 1:
                continue
            del self._entries[key]
            total -= entry.size
            if entry.runner is not None:
                out.append(entry.runner)
        return out


def _load(version: ModelVersion) -> Runner:
    try:
        if version.runtime == Runtime.ONNX and version.in_process:
            return InProcess(version)
        return Jailed(version)
    except FileNotFoundError as error:
        logger.exception("artifact_missing", version_id=str(version.id))
        raise ModelUnavailable("The artifact is not on this server's disk.") from error
    except JailError as error:
        raise _unavailable(version, error) from error


def _busy() -> ModelUnavailable:
    return ModelUnavailable("The model is busy with other calls.", code="model_busy", retry_after=1)


def _unavailable(version: ModelVersion, error: Exception) -> ModelUnavailable:
    logger.warning("model_unavailable", version_id=str(version.id), error=str(error))
    return ModelUnavailable(
        f"{version.model.name} version {version.number} can't be reached right now.", retry_after=2
    )


_engine: Engine | None = None
_engine_lock = threading.Lock()


def engine() -> Engine:
    """This process's engine; its settings are read when it is first asked for."""
    global _engine  # noqa: PLW0603  one engine a process is the point
    with _engine_lock:
        if _engine is None:
            _engine = Engine(most=settings.MODEL_CACHE_MAX, most_bytes=settings.MODEL_CACHE_BYTES)
        return _engine
