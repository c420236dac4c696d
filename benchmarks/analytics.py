"""`make bench ARGS=analytics`: a month of a model with ten million predictions, and of another.

The predictions are made inside the database, spread evenly over thirty days; their roll-ups are
then counted from the log by `manage.py rebuild_rollups`, as after a loss.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import requests

from benchmarks import models
from benchmarks.hotpath import Row
from benchmarks.stack import ROOT, Stack, running

MANY = int(os.environ.get("SLIPWAY_BENCH_PREDICTIONS", "10000000"))
FEW = 10_000
DAYS = 30
ASKED = 60  # times, by turns
# An id of the moment it is for: 48 bits of milliseconds, then the version and chance.
FILL = """
INSERT INTO inference_prediction (id, organization_id, model_id, version_id, user_id, created_at,
    door, status, code, rows, inference_us, duration_us, cache_hit, request_id, correlation_id,
    inputs_kept, outputs)
SELECT (lpad(to_hex(m.ms), 12, '0') || '7' || right(md5(m.ms::text || n), 19))::uuid,
    o.organization_id, o.model_id, o.version_id, o.user_id,
    'epoch'::timestamptz + m.ms * interval '1 millisecond', 1,
    CASE WHEN n %% 50 = 0 THEN 400 ELSE 200 END,
    CASE WHEN n %% 50 = 0 THEN 'invalid_input' ELSE '' END,
    1, 20 + n %% 100, 100 + n %% 1000, true, '', '', false,
    jsonb_build_object('predictions', jsonb_build_array((ARRAY['a','b','c'])[1 + n %% 3]))
FROM (SELECT m.organization_id, m.id AS model_id, v.id AS version_id, m.created_by_id AS user_id
      FROM registry_modelversion v JOIN registry_model m ON m.id = v.model_id
      WHERE v.id = %(version)s) AS o,
    generate_series(1, %(count)s) AS n,
    LATERAL (SELECT %(start)s + (n - 1)::bigint * %(length)s / %(count)s AS ms) AS m
ON CONFLICT DO NOTHING
"""


def measure_analytics(folder: Path) -> Iterator[Row]:
    """Fill, count, ask."""
    with running(WEB_WORKERS="1", PREDICTION_RETENTION_DAYS="0") as stack:
        path = models.trained("forest", folder)
        many, few = (stack.upload(path, name)["id"] for name in ("many", "few"))
        began = time.monotonic()
        fill(stack, many, MANY)
        fill(stack, few, FEW)
        filled = time.monotonic() - began
        began = time.monotonic()
        rebuild(stack)
        counted = time.monotonic() - began
        times: dict[str, list[float]] = {"many": [], "few": []}
        for _ in range(ASKED):
            for name, found in times.items():
                found.append(ask(stack, name))
    slow, fast = (statistics.median(times[name]) for name in ("many", "few"))
    yield (
        f"{MANY:,} predictions made and counted anew from the log",
        f"{filled:.0f} s and {counted:.0f} s ({(MANY + FEW) / counted:,.0f} a second)",
        "",
    )
    yield (f"a month's figures of {MANY:,} predictions", f"{slow:.1f} ms (median)", "under 50 ms")
    yield (
        f"the same of {FEW:,}, and how much longer the former take",
        f"{fast:.1f} ms, {slow / fast:.2f} times",
        "at most 1.5 times",
    )


def fill(stack: Stack, version: str, count: int) -> None:
    """So many predictions of a version over the last days, a day's partition after the other."""
    end = datetime.now(UTC)
    start = end - timedelta(days=DAYS - 1)
    servers = json.loads((stack.home / "run" / "servers.json").read_text())
    with psycopg.connect(servers["database_url"], connect_timeout=5) as database:
        for back in range(DAYS):
            day = (end - timedelta(days=back)).date()
            database.execute("SELECT inference_make_partition(%s)", [day])
        database.commit()
        values = {
            "version": version,
            "count": count,
            "start": int(start.timestamp() * 1000),
            "length": int((end - start).total_seconds() * 1000),
        }
        database.execute(FILL, values)


def rebuild(stack: Stack) -> None:
    """Count the roll-ups from the log."""
    environment = {**os.environ, "SLIPWAY_HOME": str(stack.home)}
    subprocess.run(
        [sys.executable, "manage.py", "rebuild_rollups"],
        cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip


def ask(stack: Stack, name: str) -> float:
    """Milliseconds until a model's figures of thirty days are there."""
    began = time.perf_counter()
    response = requests.get(
        f"{stack.url}/api/v1/analytics/models/{name}",
        params={"days": DAYS},
        headers={**stack.headers, "Cache-Control": "no-cache"},
        timeout=60,
    )
    took = (time.perf_counter() - began) * 1000
    response.raise_for_status()
    if not response.json()["total"]:
        raise RuntimeError("There are no figures.")
    return took
