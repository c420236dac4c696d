"""`make bench ARGS=batch`: a million rows of thirty numbers in Parquet, beside a bare loop.

The bare loop reads the same file with Arrow, asks the same compiled graph with the same options and
writes the answers with Arrow; it keeps no log, survives nothing and checks nothing. The peers read
files of their own kinds, so that theirs are fewer rows of the same numbers, and rates are compared.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import numpy as np
import requests

from benchmarks import models, peers
from benchmarks.environments import python_with
from benchmarks.hotpath import Row
from benchmarks.stack import ROOT, Stack, running

ROWS = int(os.environ.get("SLIPWAY_BENCH_ROWS", "1000000"))
PEERS_ROWS = 100_000
ROUNDS = 3
MIB = 1024 * 1024

WRITE = """
import sys
import numpy as np, pyarrow as pa, pyarrow.parquet as pq
rows = np.random.default_rng(0).random((int(sys.argv[2]), 30)).round(4)
names = sys.argv[3].split(",")
pq.write_table(pa.table(dict(zip(names, rows.T))), sys.argv[1])
"""
BARE_LOOP = """
import json, sys, time
import numpy as np, pyarrow as pa, pyarrow.parquet as pq
from common.runtime import Batch, OnnxModel
source, graph, facts, target = sys.argv[1:]
facts = json.load(open(facts))
model = OnnxModel(open(graph, "rb").read(), facts["signature"], facts["plan"])
began = time.perf_counter()
writer, rows = None, 0
for batch in pq.ParquetFile(source).iter_batches(16384):
    matrix = np.column_stack([column.to_numpy() for column in batch.columns])
    outputs = model.predict(Batch("matrix", matrix=matrix))
    columns = {"prediction": outputs.predict}
    columns |= {f"probability_{i}": p for i, p in enumerate(outputs.predict_proba.T)}
    table = pa.table(columns)
    writer = writer or pq.ParquetWriter(target, table.schema)
    writer.write_table(table)
    rows += len(matrix)
writer.close()
print(rows / (time.perf_counter() - began))
"""


def measure_batch(folder: Path) -> Iterator[Row]:
    """Ours and the bare loop by turns; then the peers."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    with running(WEB_WORKERS="1") as stack:
        for kind in ("logreg", "forest"):
            version = stack.upload(models.trained(kind, folder), kind)
            names = [f["name"] for part in version["signature"]["inputs"] for f in part["features"]]
            source = folder / "rows.parquet"
            run(environment, WRITE, str(source), str(ROWS), ",".join(names))
            facts, graph = _graph(stack, version, folder)
            loops, jobs, most = [], [], 0
            for _ in range(ROUNDS):
                arguments = [str(source), str(graph), str(facts), str(folder / "bare.parquet")]
                loops.append(float(run(environment, BARE_LOOP, *arguments)))
                rate, memory = _job(stack, source, kind)
                jobs.append(rate)
                most = max(most, memory)
            yield (
                f"batch, {kind}, {ROWS:,} rows x 30 of Parquet, beside a bare loop of its graph",
                _told(jobs, loops),
                "0.8",
            )
            yield f"memory of the worker and its child, {kind}", f"{most / MIB:.0f} MiB", "500 MiB"
        ours = _median(jobs)
    yield from _peers(folder, ours)


def run(environment: dict[str, str], program: str, *arguments: str) -> str:
    """A program in a process of its own; what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout


def _told(jobs: list[float], loops: list[float]) -> str:
    ratios = [job / loop for job, loop in zip(jobs, loops, strict=True)]
    return (
        f"{_median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}); "
        f"{_median(jobs):,.0f} rows/s against {_median(loops):,.0f}"
    )


def _median(values: list[float]) -> float:
    return float(np.median(values))


def _graph(stack: Stack, version: dict[str, Any], folder: Path) -> tuple[Path, Path]:
    """What the bare loop needs of a version, from the installation's own database and files."""
    found = stack.query("SELECT id, signature, plan, graph_sha256 FROM registry_modelversion")
    ((signature, plan, sha256),) = [row[1:] for row in found if str(row[0]) == version["id"]]
    facts = folder / "facts.json"
    facts.write_text(json.dumps({"signature": signature, "plan": plan}))
    return facts, stack.home / "files" / sha256[:2] / sha256


def _job(stack: Stack, source: Path, name: str) -> tuple[float, int]:
    """Rows a second of one job, from its file being kept to its result; and the most memory."""
    with source.open("rb") as file, _Watch(stack) as watch:
        sent = requests.post(
            f"{stack.url}/api/v1/models/{name}/predict/batch",
            files={"file": (source.name, file)}, headers=stack.headers, timeout=600,
        )  # fmt: skip
        sent.raise_for_status()
        address = stack.url + sent.headers["Location"]
        while True:
            time.sleep(1)  # asking takes a processor too
            job = requests.get(address, headers=stack.headers, timeout=30).json()
            if job["status"] not in {"queued", "running"}:
                break
    assert (job["status"], job["rows_done"], job["rows_failed"]) == ("succeeded", ROWS, 0), job
    began, over = (datetime.fromisoformat(job[name]) for name in ("created_at", "finished_at"))
    return ROWS / (over - began).total_seconds(), watch.most


class _Watch:
    """The most memory that the bulk worker and the jail's children took together."""

    def __init__(self, stack: Stack) -> None:
        self.most = 0
        self._home = str(stack.home).encode()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(0.2):
            self.most = max(self.most, sum(self._bytes()))

    def _bytes(self) -> Iterator[int]:
        """Proportional set size, so that what is shared counts once."""
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                command = (folder / "cmdline").read_bytes()
                ours = b"bulk@" in command or b"\0tables\0" in command
                if not ours:
                    continue
                for line in (folder / "smaps_rollup").read_bytes().splitlines():
                    if line.startswith(b"Pss:"):
                        yield int(line.split()[1]) * 1024
            except OSError:
                continue


def _peers(folder: Path, ours: float) -> Iterator[Row]:
    """`mlflow models predict` and `mlserver infer` with the forest."""
    rows = np.random.default_rng(0).random((PEERS_ROWS, 30)).round(4)
    for name, measure in (("mlflow", _mlflow), ("mlserver", _mlserver)):
        rate = measure(folder, rows)
        said = f"{ours / rate:.1f} times: {ours:,.0f} rows/s against {rate:,.0f}"
        yield f"batch, forest, beside {name}", said, "more than once"


def _mlflow(folder: Path, rows: Any) -> float:
    """Rows a second of `mlflow models predict`, less what it takes for a single row."""
    python, home = peers.trained("mlflow", "forest", folder)
    took = []
    for count in (1, len(rows)):
        source = home / f"{count}.csv"
        with source.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow([f"x{i}" for i in range(30)])
            writer.writerows(rows[:count].tolist())
        command = [
            str(python), "-m", "mlflow", "models", "predict", "-m", str(home / "mlflow"), "-i",
            str(source), "-t", "csv", "-o", str(home / "out.json"), "--env-manager", "local",
        ]  # fmt: skip
        path = f"{python.parent}:{os.environ['PATH']}"
        began = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True, env={**os.environ, "PATH": path})
        took.append(time.perf_counter() - began)
    return len(rows) / (took[1] - took[0])


def _mlserver(folder: Path, rows: Any) -> float:
    """Rows a second of `mlserver infer` against a server that is up."""
    peer = next(peer for peer in peers.PEERS if peer.name == "mlserver")
    source = folder / "requests.jsonl"
    with source.open("w") as file:
        for row in rows.tolist():
            tensor = {"name": "x", "shape": [1, 30], "datatype": "FP64", "data": row}
            file.write(json.dumps({"inputs": [tensor]}) + "\n")
    with peers.serving(peer, "forest", models.row(), folder) as target:
        python = python_with(peers.HERE / "mlserver.txt", "bench")
        address = target.url.removeprefix("http://").partition("/")[0]
        command = [
            str(python.parent / "mlserver"), "infer", "-u", address, "-m", "m", "-i", str(source),
            "-o", str(folder / "out.jsonl"), "-s", "1000", "-w", "4",
        ]  # fmt: skip
        began = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        return len(rows) / (time.perf_counter() - began)
