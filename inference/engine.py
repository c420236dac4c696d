"""Loaded models: found, loaded once, kept while they are used, let go when room is needed."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import structlog
from django.conf import settings

from common.jail import JailDied, JailError, JailUnavailable
from common.runtime import Batch, Outputs
from common.storage import Damaged
from inference.breaker import Breaker
from inference.errors import ModelDied, ModelUnavailable, busy
from inference.runners import InProcess, Jailed, Runner
from registry.models import ModelVersion, Runtime

logger = structlog.get_logger(__name__)

LOADED_WITHIN = 5.0  # seconds a call waits for another that is loading the same model
# Threads that a jailed model can hold at most: two are always left for everything else.
PLACES = max(1, settings.WEB_THREADS - 2)
# Seconds that others wait for one of them: enough where calls are quick, and where they are slow
# not so long that predictions of compiled models stand behind them.
PLACE_WITHIN = 0.1


class Entry:
    """A version's place in the cache."""

    __slots__ = ("breaker", "loading", "pinned", "runner", "size", "used_at", "users")

    def __init__(self) -> None:
        self.runner: Runner | None = None
        self.loading = threading.Lock()  # makes loading single-flight
        self.breaker = Breaker()
        self.used_at = 0.0
        self.users = 0  # calls within a jailed child, which must not be closed under them
        self.size = 0
        self.pinned = False


class Engine:
    """The loaded models of this process: least recently used go first, by count and by bytes.

    `most` is how many may be loaded, `most_bytes` how much memory they may take, as measured when
    they were loaded. Pinned models and those in use stay.
    """

    def __init__(self, *, most: int, most_bytes: int) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._places = threading.BoundedSemaphore(PLACES)
        # By the number in the version's id, which hashes faster than the id.
        self._entries: dict[int, Entry] = {}

    def predict(self, version: ModelVersion, batch: Batch) -> tuple[Outputs, bool]:
        """Answer a batch; the flag says whether the model was loaded already.

        Raises PredictionFailed where the rows are at fault, ModelUnavailable where we are, and
        ModelDied where it may be either.
        """
        entry = self._entries.get(version.id.int)
        if entry is not None:
            runner = entry.runner
            if type(runner) is InProcess:
                # No lock and no count: a graph let go in mid-call lives until the call is over.
                entry.used_at = time.monotonic()
                return runner.predict(batch), True
        return self._predict_slowly(version, batch)

    def pin(self, version: ModelVersion) -> None:
        """Load the model now and keep it until it is unpinned."""
        with self._entry(version.id.int) as entry:
            entry.pinned = True
            self._runner(entry, version)

    def unpin(self, version_id: UUID) -> None:
        """Let the model go when room is needed, as every other."""
        entry = self._entries.get(version_id.int)
        if entry is not None:
            entry.pinned = False

    def allow(self, version_id: UUID, seconds: float) -> None:
        """Give the model so long for a call, if it is loaded; others are told when they load."""
        entry = self._entries.get(version_id.int)
        runner = entry.runner if entry is not None else None
        if runner is not None:
            runner.within = seconds

    def loaded(self) -> dict[UUID, int]:
        """The loaded versions and the bytes each takes."""
        with self._lock:
            return {
                UUID(int=key): entry.size for key, entry in self._entries.items() if entry.runner
            }

    def clear(self) -> None:
        """Let every model go, as at the end of the process."""
        with self._lock:
            entries, self._entries = list(self._entries.values()), {}
        for entry in entries:
            with entry.loading:
                if entry.runner is not None:
                    entry.runner.close()
                    entry.runner = None

    def _predict_slowly(self, version: ModelVersion, batch: Batch) -> tuple[Outputs, bool]:
        """A cold model, or one in a jail."""
        if _runs_here(version):
            with self._entry(version.id.int) as entry:
                return self._ask(entry, version, batch)
        if not self._places.acquire(timeout=PLACE_WITHIN):
            raise busy()
        try:
            with self._entry(version.id.int) as entry:
                return self._ask(entry, version, batch)
        finally:
            self._places.release()

    def _ask(self, entry: Entry, version: ModelVersion, batch: Batch) -> tuple[Outputs, bool]:
        for attempt in (1, 2):
            runner, was_loaded = self._runner(entry, version)
            try:
                outputs = runner.predict(batch)
            except (JailDied, JailUnavailable) as error:
                self._forget(entry, runner)
                # Once more at once: the fault may have been the machine's, not the rows'.
                if attempt == 2 or isinstance(error, JailUnavailable):
                    entry.breaker.failed()
                    kind = ModelDied if isinstance(error, JailDied) else ModelUnavailable
                    raise _unavailable(version, entry, error, kind) from error
            else:
                entry.breaker.worked()
                return outputs, was_loaded
        raise AssertionError("unreachable")

    @contextmanager
    def _entry(self, key: int) -> Iterator[Entry]:
        with self._lock:
            entry = self._entries.setdefault(key, Entry())
            entry.users += 1
        entry.used_at = time.monotonic()
        try:
            yield entry
        finally:
            with self._lock:
                entry.users -= 1
                evicted = self._evict()
            for runner in evicted:
                runner.close()

    def _runner(self, entry: Entry, version: ModelVersion) -> tuple[Runner, bool]:
        runner = entry.runner
        if runner is not None and runner.alive:
            return runner, True
        if not entry.loading.acquire(timeout=LOADED_WITHIN):
            raise busy()
        try:
            if entry.runner is not None and entry.runner.alive:
                return entry.runner, True
            if entry.breaker.pause:
                raise _unavailable(version, entry)
            entry.runner = runner = _load(version, entry)
            entry.size = runner.memory_bytes()
            return runner, False
        finally:
            entry.loading.release()

    @staticmethod
    def _forget(entry: Entry, runner: Runner) -> None:
        with entry.loading:
            if entry.runner is runner:
                runner.close()
                entry.runner = None

    def _evict(self) -> list[Runner]:
        """Take out what is too much and not in use; the caller holds the lock and closes them."""
        loaded = [(entry.used_at, key) for key, entry in self._entries.items() if entry.runner]
        count, total = len(loaded), sum(entry.size for entry in self._entries.values())
        out: list[Runner] = []
        for _, key in sorted(loaded):
            if count <= self._most and (total <= self._most_bytes or count == 1):
                break
            entry = self._entries[key]
            if entry.users or entry.pinned or entry.runner is None:
                continue
            del self._entries[key]
            out.append(entry.runner)
            count, total = count - 1, total - entry.size
        return out


def _runs_here(version: ModelVersion) -> bool:
    return version.runtime == Runtime.ONNX and version.in_process


def _load(version: ModelVersion, entry: Entry) -> Runner:
    try:
        if _runs_here(version):
            return InProcess(version)
        return Jailed(version)
    except FileNotFoundError as error:
        logger.exception("artifact_missing", version_id=str(version.id))
        raise ModelUnavailable("The artifact is not on this server's disk.") from error
    except Damaged as error:
        entry.breaker.failed()
        logger.exception("artifact_damaged", version_id=str(version.id))
        raise ModelUnavailable(
            f"The file of {version.model.name} version {version.number} is damaged on this "
            "server's disk, and is not loaded. Restore it from a backup, or upload it again.",
            code="artifact_damaged",
        ) from error
    except (JailError, RuntimeError) as error:
        entry.breaker.failed()
        raise _unavailable(version, entry, error) from error


def _unavailable(
    version: ModelVersion,
    entry: Entry,
    error: Exception | None = None,
    kind: type[ModelUnavailable] = ModelUnavailable,
) -> ModelUnavailable:
    logger.warning("model_unavailable", version_id=str(version.id), error=str(error or "paused"))
    return kind(
        f"{version.model.name} version {version.number} failed to load or to answer. Its process "
        "is started again, after longer pauses each time.",
        retry_after=max(1.0, entry.breaker.pause),
    )


_engine: Engine | None = None
_engine_lock = threading.Lock()


def engine() -> Engine:
    """This process's engine; its settings are read when it is first asked for."""
    global _engine  # noqa: PLW0603  one engine a process is the point
    if _engine is None:
        with _engine_lock:
            if _engine is None:
                _engine = Engine(
                    most=settings.MODEL_CACHE_MAX, most_bytes=settings.MODEL_CACHE_BYTES
                )
    return _engine
