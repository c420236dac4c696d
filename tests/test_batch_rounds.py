"""It answers every row of a file once, by Celery or by Dask, whatever is killed meanwhile."""

from __future__ import annotations

import io
import os
import pickle
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import requests
from distributed import Client, LocalCluster
from sklearn.ensemble import RandomForestRegressor

from benchmarks.clusters import seed
from benchmarks.stack import Stack, running
from tests.installations import children_of, command_of

ROWS = 400_000  # eight steps: twice as many as the workers' threads take at a time
TREES = 250
DONE_WITHIN = 150.0  # seconds: several leases, and a start of the worker


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    made = np.random.default_rng(0).normal(size=(ROWS, 3)).round(5)
    return pd.DataFrame(made, columns=["x0", "x1", "x2"])


def make_model(stack: Stack, rows: pd.DataFrame) -> RandomForestRegressor:
    """A model that takes two workers some seconds for a step's rows, live as `forest`."""
    some = rows.to_numpy()[:500]
    model = RandomForestRegressor(n_estimators=TREES).fit(some, some.sum(axis=1))
    uploaded = requests.post(
        f"{stack.url}/api/v1/models",
        files={"file": ("model.pkl", pickle.dumps(model))},
        data={"name": "forest"},
        headers=stack.headers,
        timeout=20,
    )
    assert uploaded.status_code == 202, uploaded.text
    address = stack.url + uploaded.headers["Location"]
    until(stack, address, lambda version: version["state"] == "ready")
    return model


def until(stack: Stack, address: str, holds: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    """Ask again and again until this holds of the answer."""
    deadline = time.monotonic() + DONE_WITHIN
    told: dict[str, Any] = {}
    while time.monotonic() < deadline:
        told = requests.get(address, headers=stack.headers, timeout=10).json()
        if holds(told):
            return told
        time.sleep(0.02)
    raise AssertionError(f"it did not come to pass in time: {told}")


def is_over(job: dict[str, Any]) -> bool:
    return job["status"] in {"succeeded", "failed"}


def submit(stack: Stack, rows: pd.DataFrame) -> str:
    """The address of a new job."""
    sent = requests.post(
        f"{stack.url}/api/v1/models/forest/predict/batch",
        files={"file": ("rows.csv", rows.to_csv(index=False).encode())},
        headers=stack.headers,
        timeout=60,
    )
    assert sent.status_code == 202, sent.text
    return stack.url + sent.headers["Location"]


def check_result(
    stack: Stack, address: str, model: RandomForestRegressor, rows: pd.DataFrame
) -> None:
    """Every row of the file once, in its order, as the model answers it; and in the log once."""
    told = until(stack, address, is_over)
    assert (told["status"], told["rows_done"], told["rows_failed"]) == ("succeeded", len(rows), 0)
    result = requests.get(f"{address}/result", headers=stack.headers, timeout=60)
    found = pd.read_csv(io.BytesIO(result.content))
    assert found["row"].tolist() == list(range(len(rows)))
    some = np.random.default_rng(1).integers(0, len(rows), 500)
    expected = model.predict(rows.to_numpy()[some])
    np.testing.assert_allclose(found["prediction"].to_numpy()[some], expected, atol=1e-4)
    assert found["prediction_id"].is_unique
    logged: Counter[str] = Counter()
    query: str | None = f"{stack.url}/api/v1/predictions?correlation_id={told['id']}&limit=100"
    while query:
        page = requests.get(query, headers=stack.headers, timeout=10).json()
        logged.update({one["id"]: one["rows"] for one in page["results"]})
        query = page["next"]
    assert logged == Counter(id_.partition(":")[0] for id_ in found["prediction_id"])


def bulk_workers(stack: Stack) -> list[int]:
    """The main process of the queue `bulk`, and those that do its work."""
    assert stack.process is not None
    for child in children_of(stack.process.pid):
        if "bulk" in command_of(child):
            return [child, *children_of(child)]
    return []


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with running(BULK_WORKERS="2") as started:
        yield started


@pytest.mark.timeout(400)
def test_a_killed_worker_leaves_its_rows_to_the_next(stack: Stack, rows: pd.DataFrame) -> None:
    model = make_model(stack, rows)
    address = submit(stack, rows)
    for begun in (itemgetter("started_at"), itemgetter("rows_done")):
        told = until(stack, address, begun)
        assert told["status"] == "running", "it was done before anything was killed"
        for pid in bulk_workers(stack):
            os.kill(pid, signal.SIGKILL)
    check_result(stack, address, model, rows)


def test_a_call_that_nobody_waits_for_is_answered(stack: Stack) -> None:
    sent = requests.post(
        f"{stack.url}/api/v1/models/{stack.demo['model']}/predict/async",
        json={"inputs": [[5.1, 3.5, 1.4, 0.2]]},
        headers=stack.headers,
        timeout=10,
    )
    assert sent.status_code == 202, sent.text
    told = until(stack, stack.url + sent.headers["Location"], is_over)
    assert told["prediction"]["predictions"] == ["setosa"]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A Dask cluster of two processes that know an installation's home, and that home."""
    home = tmp_path / "home"
    environment = {
        "SLIPWAY_HOME": str(home), "BULK_ENGINE": "dask", "DATABASE_URL": "", "REDIS_URL": "",
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }  # fmt: skip
    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, env=environment
    ) as made:
        yield made.scheduler_address, home


@pytest.mark.timeout(400)
def test_dask_does_it_too(cluster: tuple[str, Path], rows: pd.DataFrame) -> None:
    address, home = cluster
    some = rows[:60_000]  # two steps
    stack = Stack(home, environment={"BULK_ENGINE": "dask", "DASK_SCHEDULER": address})
    seed(home)
    try:
        stack.start()
        model = make_model(stack, rows)
        check_result(stack, submit(stack, some), model, some)
        with Client(address, set_as_default=False) as client:
            worked = client.run(eval, "'inference.bulk.work' in __import__('sys').modules")
        assert any(worked.values()), "it was done, but not by Dask"
    finally:
        stack.stop()
