"""Batch-on-busy: an idle model answers at once; what arrives while it is busy is answered together.

There is no timer and no wait at idle. It pays where a call costs much and a row little: jailed
children, which answer one call at a time, and large graphs. A compiled model of a few microseconds
is called directly, because the hand-over between threads would cost more than it saves.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Hashable, Sequence

import numpy as np

from common.runtime import Batch, Outputs
from inference.errors import PredictionFailed, busy

MOST_ROWS = 1024
TURN_WITHIN = 1.0  # seconds a call waits for its turn


class Call:
    """One caller's rows and, in the end, their answer or the error."""

    __slots__ = ("batch", "error", "group", "outputs", "ready")

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        self.outputs: Outputs | None = None
        self.error: Exception | None = None
        # Set where this caller is to answer for itself and others.
        self.group: list[Call] | None = None
        self.ready = threading.Lock()  # held until there is something to do or to take
        self.ready.acquire()

    def result(self) -> Outputs:
        if self.outputs is None:
            raise self.error or AssertionError("a call came back without an answer")
        return self.outputs


class Batcher:
    """Callers of one model, of whom at most `capacity` run it at once, each for all who wait."""

    def __init__(self, run: Callable[[Batch], Outputs], *, capacity: int = 1) -> None:
        self._run = run
        self._capacity = capacity
        self._lock = threading.Lock()
        self._running = 0
        self._waiting: deque[Call] = deque()

    def predict(self, batch: Batch) -> Outputs:
        """Answer the rows, perhaps together with others'.

        Raises what `run` raises, and ModelUnavailable where no turn came within TURN_WITHIN.
        """
        call = Call(batch)
        group = self._enter(call) or self._await(call)
        if group is not None:
            try:
                self._answer(group)
            finally:
                self._hand_over()
        return call.result()

    def _enter(self, call: Call) -> list[Call] | None:
        with self._lock:
            if self._running < self._capacity:
                self._running += 1
                return [call]
            self._waiting.append(call)
            return None

    def _await(self, call: Call) -> list[Call] | None:
        if not call.ready.acquire(timeout=TURN_WITHIN):
            with self._lock:
                if call in self._waiting:
                    self._waiting.remove(call)
                    raise busy()
            # It was taken up at the last moment: the answer is on its way.
            call.ready.acquire()
        return call.group

    def _answer(self, group: list[Call]) -> None:
        try:
            self._answer_together(group)
        except PredictionFailed as error:
            if len(group) == 1:
                group[0].error = error
            else:  # one caller's rows must not fail the others'
                for call in group:
                    self._answer([call])
                return
        except Exception as error:  # noqa: BLE001  raised again by each caller
            for call in group:
                call.error = error
        for call in group:
            if call.group is None:
                call.ready.release()

    def _answer_together(self, group: list[Call]) -> None:
        if len(group) == 1:
            group[0].outputs = self._run(group[0].batch)
            return
        outputs = self._run(join([call.batch for call in group]))
        start = 0
        for call in group:
            stop = start + call.batch.rows
            proba = outputs.predict_proba
            call.outputs = Outputs(
                outputs.predict[start:stop], None if proba is None else proba[start:stop]
            )
            start = stop

    def _hand_over(self) -> None:
        """Make the first who waits answer for all that go with it."""
        with self._lock:
            group = self._next_group()
            if not group:
                self._running -= 1
                return
        group[0].group = group
        group[0].ready.release()

    def _next_group(self) -> list[Call]:
        if not self._waiting:
            return []
        kind = kind_of(self._waiting[0].batch)
        group: list[Call] = []
        rows = 0
        while self._waiting and kind_of(self._waiting[0].batch) == kind:
            rows += self._waiting[0].batch.rows
            if group and rows > MOST_ROWS:
                break
            group.append(self._waiting.popleft())
        return group


def kind_of(batch: Batch) -> Hashable:
    """Batches of one kind may be joined: of one layout, each column of one type."""
    if batch.columns is None:
        return batch.layout
    return tuple((name, column.dtype.str) for name, column in batch.columns.items())


def join(batches: Sequence[Batch]) -> Batch:
    """The rows of batches of one kind, one after the other."""
    layout = batches[0].layout
    if layout == "matrix":
        matrices = [batch.matrix for batch in batches if batch.matrix is not None]
        return Batch(layout, matrix=np.concatenate(matrices))
    if layout == "text":
        return Batch(layout, texts=[text for batch in batches for text in batch.texts or ()])
    tables = [batch.columns for batch in batches if batch.columns is not None]
    columns = {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}
    return Batch(layout, columns=columns)
