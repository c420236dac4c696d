"""What answers for one version: a graph in this process, or a model in a jailed child.

A compiled model whose graph is known good runs in this process. Everything else runs in a jailed
child of its own; see docs/decisions. Which one it is was decided when the version was published.
"""

from __future__ import annotations

import math
import threading
import time
import weakref
from typing import Any, Protocol

from django.conf import settings

from common import storage
from common.jail import Jail, JailBudget, JailRefused
from common.memory import resident_bytes
from common.runtime import Batch, Outputs
from inference.batching import Batcher
from inference.errors import PredictionFailed
from registry.models import ModelVersion

JAIL_PATIENCE = 1.0  # seconds to wait for a jail that is starting or full
# A graph that takes longer for a row gains from batch-on-busy more than the hand-over costs.
WORTH_BATCHING_US = 300.0


class Runner(Protocol):
    """Something that answers for one version; `within` is how many seconds a call may take."""

    within: float

    def predict(self, batch: Batch) -> Outputs: ...
    def close(self) -> None: ...
    def memory_bytes(self) -> int: ...
    @property
    def alive(self) -> bool: ...


class InProcess:
    """A graph in this process's onnxruntime. A run beyond the deadline is stopped."""

    alive = True

    def __init__(self, version: ModelVersion) -> None:
        from common.runtime import OnnxModel

        self.within: float = version.model.timeout_s
        before = resident_bytes()
        with storage.open_sound_blob(version.served_sha256) as file:
            graph = file.read()
        self._model = OnnxModel(graph, version.signature or {}, version.plan or {})
        self._bytes = max(resident_bytes() - before, len(graph))
        slow = float(version.latency.get("onnx_us") or 0.0) >= WORTH_BATCHING_US
        self.predict = Batcher(self._run).predict if slow else self._run
        if self._model.linear is not None:
            self._linear = self._model.linear
            self.predict = self._run_or_multiply

    def _run_or_multiply(self, batch: Batch) -> Outputs:
        """A linear model's: single rows need no graph."""
        found = self._linear(batch.row) if batch.rows == 1 else None
        return self._run(batch) if found is None else found

    def _run(self, batch: Batch) -> Outputs:
        run = runs.mine()
        run.until = time.monotonic() + self.within
        try:
            return self._model.predict(batch, run_options=run.options)
        except (ValueError, RuntimeError) as error:
            if run.renewed():
                raise _too_long(self.within) from error
            raise PredictionFailed(f"The model can't answer these rows: {error}") from error
        finally:
            run.until = math.inf

    def close(self) -> None:
        """Nothing to do: the session goes with its last user."""

    def memory_bytes(self) -> int:
        return self._bytes


class Run:
    """A thread's present run: its options, and when it must be over."""

    __slots__ = ("__weakref__", "options", "until")

    def __init__(self) -> None:
        self.until = math.inf
        self.options = _run_options()

    def renewed(self) -> bool:
        """Whether the run was stopped; a stopped run's options are good for no other."""
        stopped = bool(self.options.terminate)
        if stopped:
            self.options = _run_options()
        return stopped


class Runs:
    """Every thread's run, watched by one thread that stops what takes too long."""

    TICK = 0.25

    def __init__(self) -> None:
        self._local = threading.local()
        self._all: weakref.WeakSet[Run] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._watching = False

    def mine(self) -> Run:
        """The calling thread's."""
        try:
            return self._local.run  # type: ignore[no-any-return]  # a local's attributes are Any
        except AttributeError:
            return self._enter()

    def _enter(self) -> Run:
        self._local.run = run = Run()
        with self._lock:
            self._all.add(run)
            if not self._watching:
                self._watching = True
                threading.Thread(target=self._watch, name="deadlines", daemon=True).start()
        return run

    def _watch(self) -> None:
        while True:
            time.sleep(self.TICK)
            with self._lock:
                late = [run for run in self._all if run.until < time.monotonic()]
            for run in late:
                options = run.options
                # Looked at again, so that a run that has just begun is not stopped for the last.
                if run.until < time.monotonic():
                    options.terminate = True


runs = Runs()


class Jailed:
    """A model in a long-lived jailed child, which answers one batch at a time."""

    def __init__(self, version: ModelVersion) -> None:
        self.within: float = version.model.timeout_s
        jail = Jail(settings.JAIL_SOCKET, patience=JAIL_PATIENCE)
        with storage.open_sound_blob(version.served_sha256) as file:
            self._model = jail.serve(
                file.fileno(),
                runtime=version.runtime,
                format=version.format,
                signature=version.signature or {},
                plan=version.plan,
            )
        self.predict = Batcher(self._ask).predict

    def _ask(self, batch: Batch) -> Outputs:
        try:
            return self._model.predict(batch, timeout=self.within)
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

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._model.pid


def _run_options() -> Any:
    import onnxruntime

    options = onnxruntime.RunOptions()
    options.log_severity_level = 4
    return options


def _too_long(within: float) -> PredictionFailed:
    return PredictionFailed(
        f"The model needs more time than the {within:g} seconds it may have.", code="over_budget"
    )
