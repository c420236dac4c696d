"""`make bench ARGS=hotpath`: what a prediction costs with every duty on, beside a server with none.

Every figure that compares takes both sides in turn within one run: on a shared machine a ratio
holds and an absolute figure does not. Before the other side's turn our journal is drained, so that
it is not measured against our worker's work.
"""

from __future__ import annotations

import itertools
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from benchmarks import models, wrk
from benchmarks.peers import PEERS, serving
from benchmarks.stack import ROOT, Stack, free_port, running
from benchmarks.wrk import Figure, Target

Row = tuple[str, str, str]
CONNECTIONS = 16
BATCH_ROWS = 256
MANY = 100
ROOM = 20
CLIENTS = 16
THINKS = 0.2  # seconds a person takes between two pages


def measure_hot_path(folder: Path) -> Iterator[Row]:
    """Everything but the peers, each figure as soon as it is there."""
    wrk.require()
    with running() as stack:
        for name in ("logreg", "forest"):
            stack.upload(models.trained(name, folder), name)
        yield beside_the_floor(stack, "logreg", "at least 0.6, aim 0.8")
        yield beside_the_floor(stack, "forest", "")
        yield one_connection(stack)
        yield from duties(stack)
        yield cold(stack, folder)
        yield protocol(stack)
        yield jailed(stack, folder)
        yield native(stack, folder)
        yield crowded(stack, folder)
        yield backlog(stack)
    with running(MODEL_CACHE_MAX=str(ROOM)) as stack:
        yield hundred_models(stack, folder)


def ours(stack: Stack, model: str, body: bytes | None = None) -> Target:
    """Our native door."""
    return Target(
        f"slipway {model}",
        f"{stack.url}/api/v1/models/{model}/predict",
        (models.json_body([models.row()]) if body is None else body,),
        stack.headers,
    )


@contextmanager
def floor(stack: Stack, model: str) -> Iterator[Target]:
    """The same graph without duties: Granian, msgspec and onnxruntime."""
    digest = stack.query(
        "SELECT graph_sha256 FROM registry_modelversion v JOIN registry_model m"  # noqa: S608
        f" ON m.id = v.model_id WHERE m.name = '{model}' AND v.state = 'ready'"
    )[0][0]
    (graph,) = (stack.home / "files").rglob(f"*{digest[4:]}*")
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "granian", "--interface", "wsgi", "benchmarks.floor:application",
         "--host", "127.0.0.1", "--port", str(port), "--workers", "2", "--blocking-threads", "8",
         "--backpressure", "512", "--no-ws"],
        cwd=ROOT,
        env={**os.environ, "FLOOR_GRAPH": str(graph)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    target = Target("floor", f"http://127.0.0.1:{port}/", (models.json_body([models.row()]),))
    try:
        _await_answer(target)
        yield target
    finally:
        process.terminate()
        process.wait()


def _await_answer(target: Target) -> None:
    for _ in range(200):
        try:
            if requests.post(target.url, target.bodies[0], timeout=5).ok:
                return
        except requests.RequestException:
            pass
        time.sleep(0.05)
    raise RuntimeError(f"{target.name} does not answer.")


def in_turn(
    stack: Stack, mine: Target, other: Target, *, connections: int, rounds: int, seconds: float = 3
) -> tuple[list[Figure], list[Figure]]:
    """Both in every round, the other with nothing of ours in its way."""
    found: tuple[list[Figure], list[Figure]] = ([], [])
    for target in (mine, other):
        wrk.measure(target, connections=connections, seconds=1)
    for _ in range(rounds):
        for target, figures in ((mine, found[0]), (other, found[1])):
            stack.drained(within=300)
            figures.append(wrk.without_failure(target, connections=connections, seconds=seconds))
    return found


def beside_the_floor(stack: Stack, model: str, aim: str) -> Row:
    with floor(stack, model) as bare:
        mine, theirs = in_turn(
            stack, ours(stack, model), bare, connections=CONNECTIONS, rounds=7, seconds=4
        )
    rates = f"{wrk.rate(mine):,.0f} and {wrk.rate(theirs):,.0f} requests/s"
    return (
        f"{model}, {CONNECTIONS} connections: ours beside the floor",
        f"{wrk.ratio(mine, theirs)}; {rates}",
        aim,
    )


def one_connection(stack: Stack) -> Row:
    figures = [wrk.without_failure(ours(stack, "logreg"), connections=1, seconds=3)
               for _ in range(3)]  # fmt: skip
    median = statistics.median(figure.median for figure in figures)
    return ("logreg, one connection: median of a warm call", f"{median:.2f} ms", "under 0.3 ms")


def duties(stack: Stack) -> list[Row]:
    said = subprocess.run(
        [sys.executable, "-m", "benchmarks.duties", "/api/v1/models/logreg/predict",
         models.json_body([models.row()]).decode()],
        cwd=ROOT, check=True, capture_output=True, text=True,
        env={**os.environ, "SLIPWAY_HOME": str(stack.home), "SLIPWAY_ROLE": "web"},
    ).stdout  # fmt: skip
    found: dict[str, float] = json.loads(said.splitlines()[-1])
    whole = found.pop("whole")
    journal = found.pop("journal")
    each = ", ".join(f"{name} {us:.1f}" for name, us in found.items())
    return [
        ("duties of a warm call", f"{sum(found.values()):.1f} µs ({each})", "under 5 µs"),
        ("its note in the journal", f"{journal:.1f} µs", ""),
        ("all of a warm call in the process", f"{whole:.1f} µs", ""),
    ]


def cold(stack: Stack, folder: Path) -> Row:
    """The first answer of models that no process has loaded, by processes that are warm."""
    path = models.trained("logreg", folder)
    names = [f"cold-{number}" for number in range(10)]
    for name in names:
        stack.upload(path, name)
    session = requests.Session()
    session.headers.update({**stack.headers, "Content-Type": "application/json"})
    taken = []
    for name in names:
        target = ours(stack, name)
        began = time.perf_counter()
        answer = session.post(target.url, target.bodies[0], timeout=10).json()
        taken.append((time.perf_counter() - began) * 1000)
        assert answer["cache_hit"] is False, answer
    return (
        "first answer of a model that is not loaded",
        f"{statistics.median(taken):.1f} ms, at most {max(taken):.1f}",
        "under 50 ms",
    )


def protocol(stack: Stack) -> Row:
    """V2 in JSON and in binary, in turn."""
    rows = [models.row(seed) for seed in range(BATCH_ROWS)]
    plain, binary, head = models.v2_bodies(rows)
    url = f"{stack.url}/v2/models/logreg/infer"
    fields = {**stack.headers, "Content-Type": "application/octet-stream",
              "Inference-Header-Content-Length": str(head)}  # fmt: skip
    as_json = Target("v2 json", url, (plain,), stack.headers)
    as_binary = Target("v2 binary", url, (binary,), fields)
    fast, slow = in_turn(stack, as_binary, as_json, connections=CONNECTIONS, rounds=3)
    rates = f"{wrk.rate(fast):,.0f} and {wrk.rate(slow):,.0f} requests/s"
    return (
        f"V2, {BATCH_ROWS} x {models.FEATURES}: binary beside JSON",
        f"{wrk.ratio(fast, slow)}; {rates}",
        "at least 1.5",
    )


def jailed(stack: Stack, folder: Path) -> Row:
    version = stack.upload(models.waving(folder), "waving")
    target = ours(stack, "waving")
    stack.drained(within=300)
    wrk.measure(target, connections=CONNECTIONS, seconds=1)
    figures = [wrk.without_failure(target, connections=CONNECTIONS, seconds=3) for _ in range(3)]
    return (
        f"ONNX confined to the jail ({version['runtime']})",
        f"{wrk.rate(figures):,.0f} requests/s",
        "at least 5,000/s",
    )


def native(stack: Stack, folder: Path) -> Row:
    """An estimator that can't be compiled, beside a loop that calls it and does nothing else."""
    path = models.trained("spreading", folder)
    version = stack.upload(path, "spreading")
    target = ours(stack, "spreading")
    stack.drained(within=300)
    wrk.measure(target, connections=CONNECTIONS, seconds=2)
    mine, bare = [], []
    for _ in range(3):
        mine.append(wrk.without_failure(target, connections=CONNECTIONS, seconds=3).rate)
        stack.drained(within=300)
        bare.append(models.bare_rate(path, 3))
    each = [a / b for a, b in zip(mine, bare, strict=True)]
    call = 1000 / statistics.median(bare)
    rates = f"{statistics.median(mine):,.0f} and {statistics.median(bare):,.0f} calls/s"
    return (
        f"LabelSpreading ({version['runtime']}, {call:.1f} ms a call) beside a bare loop",
        f"{statistics.median(each):.2f} ({min(each):.2f} to {max(each):.2f}); {rates}",
        "at least 0.6",
    )


def crowded(stack: Stack, folder: Path) -> Row:
    """The slowest hundredth of predictions, alone and while people upload and browse."""
    path = models.trained("logreg", folder)
    target = ours(stack, "logreg")
    alone, among, turned_away, all_visits = [], [], 0, 0
    for _ in range(3):
        stack.drained(within=300)
        alone.append(wrk.without_failure(target, connections=CONNECTIONS, seconds=5))
        with people(stack, path) as visits:
            time.sleep(1)
            among.append(wrk.without_failure(target, connections=CONNECTIONS, seconds=8))
        turned_away += sum(status == 503 for status in visits)
        all_visits += len(visits)
    before = statistics.median(figure.p99 for figure in alone)
    after = statistics.median(figure.p99 for figure in among)
    seen = f"{all_visits} visits, {turned_away} told to come again"
    return (
        f"p99 of predictions while {CLIENTS} clients upload and browse, beside alone",
        f"{after / before:.2f}; {after:.1f} and {before:.1f} ms; {seen}",
        "at most 2",
    )


@contextmanager
def people(stack: Stack, upload: Path) -> Iterator[list[int]]:
    """A quarter of them upload, the others look around; each as fast as people do."""
    over = threading.Event()
    visits: list[int] = []
    pages = ("/api/v1/models", "/api/v1/models/logreg", "/api/v1/predictions", "/docs/", "/login")

    def browse(number: int) -> None:
        with requests.Session() as session:
            session.headers.update(stack.headers)
            for page in itertools.cycle(pages):
                if over.wait(THINKS):
                    return
                visits.append(session.get(stack.url + page, timeout=30).status_code)

    def give(number: int) -> None:
        while not over.wait(THINKS):
            try:
                stack.upload(upload, f"given-{number}")
            except requests.HTTPError as error:
                visits.append(error.response.status_code)
            else:
                visits.append(202)

    with ThreadPoolExecutor(CLIENTS) as pool:
        futures = [pool.submit(give if n % 4 == 0 else browse, n) for n in range(CLIENTS)]
        try:
            yield visits
        finally:
            over.set()
    for future in futures:
        future.result()


def backlog(stack: Stack) -> Row:
    """Twenty seconds of all the load there is; then how long until all of it is in the database."""
    stack.drained(within=300)
    figure = wrk.without_failure(ours(stack, "logreg"), connections=CONNECTIONS, seconds=20)
    seconds = stack.drained(within=300)
    return (
        f"journal stored after {figure.requests:,} calls in 20 s",
        f"{seconds:.1f} s",
        "within 60 s",
    )


def hundred_models(stack: Stack, folder: Path) -> Row:
    """Every model in turn, with room for a fifth of them."""
    path = models.trained("logreg", folder)
    for number in range(MANY):
        stack.upload(path, f"m{number}")
    target = Target(
        "many", stack.url, (models.json_body([models.row()]),), stack.headers,
        tuple(f"/api/v1/models/m{number}/predict" for number in range(MANY)),
    )  # fmt: skip
    wrk.measure(target, connections=4, seconds=2)
    figure = wrk.without_failure(target, connections=4, seconds=10)
    return (
        f"{MANY} models in turn with room for {ROOM}",
        f"p99 {figure.p99:.0f} ms, {figure.requests:,} calls, none failed",
        "under 100 ms",
    )


def measure_peers(folder: Path) -> Iterator[Row]:
    """The other servers, each in turn with ours."""
    wrk.require()
    with running() as stack:
        for name, aim in (("logreg", 8), ("forest", 50)):
            stack.upload(models.trained(name, folder), name)
            for peer in PEERS:
                yield beside(stack, name, peer, folder, aim)


def beside(stack: Stack, model: str, peer: Any, folder: Path, aim: int) -> Row:
    with serving(peer, model, models.row(), folder) as target:
        mine, theirs = in_turn(stack, ours(stack, model), target, connections=CONNECTIONS, rounds=3)
    rates = f"{wrk.rate(mine):,.0f} and {wrk.rate(theirs):,.0f} requests/s"
    return (
        f"{model}: ours beside {peer.name}",
        f"{wrk.ratio(mine, theirs)} times; {rates}",
        f"at least {aim} times the fastest",
    )


SECTIONS: dict[str, Callable[[Path], Iterable[Row]]] = {
    "hotpath": measure_hot_path,
    "peers": measure_peers,
}
