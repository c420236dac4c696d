"""`make bench ARGS="start hotpath peers"`: what we claim about speed. Prints one table.

Without arguments everything is measured, which takes about half an hour; the peers' environments
are made first.
"""

from __future__ import annotations

import io
import pickle
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

import requests

from benchmarks import models
from benchmarks.analytics import measure_analytics
from benchmarks.batch import measure_batch
from benchmarks.enumeration import measure_enumeration
from benchmarks.flood import measure_flood
from benchmarks.history import measure_history
from benchmarks.hotpath import SECTIONS, Row
from benchmarks.stack import Stack, running
from benchmarks.webhooks import measure_webhooks

MIB = 1024 * 1024


def main() -> None:
    sections = {
        "start": measure_start,
        **SECTIONS,
        "enumeration": measure_enumeration,
        "flood": measure_flood,
        "webhooks": measure_webhooks,
        "analytics": measure_analytics,
        "batch": measure_batch,
        "history": measure_history,
    }
    chosen = sys.argv[1:] or list(sections)
    print("| what | measured | aim |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name in chosen:
            for row in sections[name](Path(folder)):
                print("|", " | ".join(row), "|", flush=True)


def measure_start(folder: Path) -> list[Row]:
    """Start, upload, first prediction, memory."""
    with running() as stack:
        return [
            measure_memory(stack),
            *measure_forest(stack, folder),
            *measure_restart(stack),
            measure_large_upload(stack, folder),
        ]


def measure_memory(stack: Stack) -> tuple[str, str, str]:
    time.sleep(2)
    largest = max(stack.web_processes().values()) / MIB
    return "web process at rest, resident", f"{largest:.0f} MiB", "under 150 MB"


def measure_forest(stack: Stack, folder: Path) -> list[tuple[str, str, str]]:
    path = models.trained("forest", folder)
    times = []
    for _ in range(3):
        began = time.monotonic()
        version = stack.upload(path, "forest")
        times.append(time.monotonic() - began)
    latency = version["latency"]
    ratio = latency["native_us"] / latency["onnx_us"]
    return [
        (
            f"100-tree forest, {path.stat().st_size / MIB:.1f} MiB: upload to {version['state']}",
            f"{statistics.median(times):.2f} s (median of 3)",
            "under 5 s",
        ),
        (
            "one row of that forest, original / compiled",
            f"{latency['native_us']:.0f} / {latency['onnx_us']:.0f} µs: {ratio:.0f} times",
            "10 to 100 times",
        ),
    ]


def measure_restart(stack: Stack) -> list[tuple[str, str, str]]:
    """Stop, start again, and time the first prediction of a model no process has loaded."""
    stack.stop()
    seconds = stack.start()
    rows = [("second start to the first answer", f"{seconds:.1f} s", "under 8 s")]
    path = f"{stack.url}/api/v1/models/forest/predict"
    session = requests.Session()
    session.get(f"{stack.url}/live", timeout=5)
    began = time.perf_counter()
    response = session.post(path, json={"inputs": [[1.0] * 30]}, headers=stack.headers, timeout=10)
    ms = (time.perf_counter() - began) * 1000
    cold = response.json()["cache_hit"] is False
    rows.append((f"first prediction after a restart (cold: {cold})", f"{ms:.1f} ms", "under 50 ms"))
    return rows


def measure_large_upload(stack: Stack, folder: Path) -> tuple[str, str, str]:
    """Upload 1 GB that is no model, watching the web processes grow while it comes in."""
    path = folder / "large.pkl"
    with path.open("wb") as file:
        file.write(pickle.dumps(io.BytesIO, protocol=4)[:-1])
        file.truncate(1000 * 1000 * 1000)
    before = stack.web_processes()
    peak: dict[int, int] = dict(before)
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.02):
            for pid, size in stack.web_processes().items():
                peak[pid] = max(peak.get(pid, 0), size)

    watcher = threading.Thread(target=watch)
    watcher.start()
    began = time.monotonic()
    version = stack.upload(path, "large")
    seconds = time.monotonic() - began
    over.set()
    watcher.join()
    grown = max(peak[pid] - size for pid, size in before.items()) / MIB
    return (
        f"1 GB upload ({seconds:.1f} s to {version['state']}): a web process grows by",
        f"{grown:.0f} MiB",
        "under 50 MB",
    )


if __name__ == "__main__":
    main()
