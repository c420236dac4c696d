"""`make bench ARGS=history`: finding and exporting among ten million logged predictions.

They are made inside the database, as for `analytics`. First pages are asked for again and again;
an export is read for EXPORTED_S seconds, and broken off.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import requests

from benchmarks import models
from benchmarks.analytics import MANY, fill
from benchmarks.hotpath import Row
from benchmarks.stack import Stack, running

ASKED: Final = 20
EXPORTED_S: Final = 20.0
MIB: Final = 1024 * 1024
QUERIES: Final[dict[str, dict[str, Any]]] = {
    "newest": {},
    "of a model": {"model": "many"},
    "that failed": {"model": "many", "status": "failed"},
    "with a common label": {"model": "many", "label": "a"},
    "with a label that none has": {"model": "many", "label": "nothing"},
    "near the end": {},
}


def measure_history(folder: Path) -> Iterator[Row]:
    """Fill, ask for first pages, export."""
    with running(WEB_WORKERS="1", PREDICTION_RETENTION_DAYS="0") as stack:
        version = stack.upload(models.trained("forest", folder), "many")["id"]
        fill(stack, version, MANY)
        ids = stack.query("SELECT id FROM inference_prediction ORDER BY id LIMIT 1000")
        for name, query in QUERIES.items():
            asked = {"cursor": str(ids[-1][0])} if name == "near the end" else query
            times = [ask(stack, asked) for _ in range(ASKED)]
            yield (
                f"first page of {MANY:,} predictions, {name}",
                f"{statistics.median(times):.1f} ms (median), {max(times):.1f} ms at most",
                "under 200 ms",
            )
        for kind in ("csv", "parquet"):
            yield measure_export(stack, kind)


def ask(stack: Stack, query: dict[str, Any]) -> float:
    """Milliseconds until a page is there."""
    began = time.perf_counter()
    response = requests.get(
        f"{stack.url}/api/v1/predictions",
        params=query,
        headers={**stack.headers, "Cache-Control": "no-cache"},
        timeout=60,
    )
    took = (time.perf_counter() - began) * 1000
    response.raise_for_status()
    return took


def measure_export(stack: Stack, kind: str) -> Row:
    """How much the web process grows while so much is read, and how fast it comes."""
    before = sum(stack.web_processes().values())
    most, came, began = before, 0, time.perf_counter()
    with requests.get(
        f"{stack.url}/api/v1/predictions/export",
        params={"model": "many", "format": kind},
        headers=stack.headers,
        stream=True,
        timeout=60,
    ) as response:
        response.raise_for_status()
        for chunk in response.iter_content(256 * 1024):
            came += len(chunk)
            most = max(most, sum(stack.web_processes().values()))
            if time.perf_counter() - began > EXPORTED_S:
                break
    took = time.perf_counter() - began
    return (
        f"export as {kind}, read for {took:.0f} s",
        f"{came / MIB:.0f} MiB, the web process grew by {(most - before) / MIB:.0f} MiB",
        "bounded",
    )
