"""It answers together what came while a model was busy, and each caller gets their own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import pytest

from common.runtime import Batch, Outputs
from inference import batching
from inference.batching import Batcher
from inference.errors import ModelUnavailable, PredictionFailed


class Model:
    """Doubles its one column; the first run waits to be let go. Negative rows are refused."""

    def __init__(self) -> None:
        self.runs: list[int] = []
        self.entered = threading.Event()
        self.go = threading.Event()

    def __call__(self, batch: Batch) -> Outputs:
        self.runs.append(batch.rows)
        self.entered.set()
        assert self.go.wait(10)
        assert batch.matrix is not None
        if (batch.matrix < 0).any():
            raise PredictionFailed("negative")
        return Outputs(batch.matrix[:, 0] * 2, np.column_stack([batch.matrix[:, 0]] * 2))


def rows(*values: float) -> Batch:
    return Batch("matrix", matrix=np.array(values, dtype=np.float64).reshape(-1, 1))


def while_busy(
    model: Model, batcher: Batcher, *batches: Batch
) -> tuple[list[Future[Outputs]], ThreadPoolExecutor]:
    """One call runs; the others come one after the other, and wait."""
    pool = ThreadPoolExecutor(len(batches) + 1)
    futures = [pool.submit(batcher.predict, rows(1000))]
    assert model.entered.wait(10)
    for number, batch in enumerate(batches, 1):
        futures.append(pool.submit(batcher.predict, batch))
        until(lambda number=number: len(batcher._waiting) == number)  # type: ignore[misc]
    return futures[1:], pool


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_an_idle_model_answers_at_once_and_alone() -> None:
    model = Model()
    model.go.set()
    batcher = Batcher(model)
    assert batcher.predict(rows(1, 2)).predict.tolist() == [2, 4]
    assert batcher.predict(rows(3)).predict.tolist() == [6]
    assert model.runs == [2, 1]


def test_what_waits_is_answered_in_one_run_and_each_gets_their_rows() -> None:
    model = Model()
    batcher = Batcher(model)
    futures, pool = while_busy(model, batcher, rows(1, 2), rows(3), rows(4, 5, 6))
    model.go.set()
    with pool:
        answers = [future.result(10) for future in futures]
    assert [answer.predict.tolist() for answer in answers] == [[2, 4], [6], [8, 10, 12]]
    assert [len(answer.predict_proba) for answer in answers] == [2, 1, 3]  # type: ignore[arg-type]
    assert model.runs == [1, 6]


def test_one_callers_faulty_rows_fail_nobody_else() -> None:
    model = Model()
    batcher = Batcher(model)
    futures, pool = while_busy(model, batcher, rows(1), rows(-1), rows(2))
    model.go.set()
    with pool:
        assert futures[0].result(10).predict.tolist() == [2]
        with pytest.raises(PredictionFailed):
            futures[1].result(10)
        assert futures[2].result(10).predict.tolist() == [4]


def test_a_dead_model_fails_all_who_were_answered_together() -> None:
    model = Model()

    def dies(batch: Batch) -> Outputs:
        model(batch)
        raise ConnectionError("gone")

    batcher = Batcher(dies)
    futures, pool = while_busy(model, batcher, rows(1), rows(2))
    model.go.set()
    with pool:
        for future in futures:
            with pytest.raises(ConnectionError):
                future.result(10)
    with pytest.raises(ConnectionError):
        batcher.predict(rows(1))  # its turn is free again


def test_batches_of_different_kinds_are_not_joined() -> None:
    def columns(values: list[object], dtype: type) -> Batch:
        return Batch("columns", columns={"x": np.array(values, dtype=dtype)})

    seen: list[str] = []
    busy, go = threading.Event(), threading.Event()

    def run(batch: Batch) -> Outputs:
        busy.set()
        assert go.wait(10)
        assert batch.columns is not None
        seen.append(batch.columns["x"].dtype.str)
        return Outputs(batch.columns["x"])

    batcher = Batcher(run)
    with ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(batcher.predict, columns([0], np.int64))]
        assert busy.wait(10)
        for number, batch in enumerate(
            (columns([1], np.int64), columns([2.5], np.float64), columns([3], np.int64)), 1
        ):
            futures.append(pool.submit(batcher.predict, batch))
            until(lambda number=number: len(batcher._waiting) == number)  # type: ignore[misc]
        go.set()
        answers = [future.result(10).predict.tolist() for future in futures]
    assert answers == [[0], [1], [2.5], [3]]
    assert seen == ["<i8", "<i8", "<f8", "<i8"]


def test_no_run_grows_beyond_the_most_rows() -> None:
    model = Model()
    batcher = Batcher(model)
    half = rows(*range(batching.MOST_ROWS // 2 + 1))
    futures, pool = while_busy(model, batcher, half, half, half)
    model.go.set()
    with pool:
        for future in futures:
            assert len(future.result(10).predict) == half.rows
    assert max(model.runs) <= batching.MOST_ROWS


def test_who_waits_too_long_is_told_to_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "TURN_WITHIN", 0.01)
    model = Model()
    batcher = Batcher(model)
    futures, pool = while_busy(model, batcher)
    with pytest.raises(ModelUnavailable) as caught:
        batcher.predict(rows(1))
    assert (caught.value.code, caught.value.status) == ("model_busy", 503)
    assert not batcher._waiting
    model.go.set()
    pool.shutdown()
    assert batcher.predict(rows(1)).predict.tolist() == [2]
    assert futures == []
