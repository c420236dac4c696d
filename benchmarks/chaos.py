"""`make chaos`: kill -9 under load, again and again; then hold what was answered against the log.

    make chaos ARGS="--rounds 200"

While clients predict, each round kills one of: the web server, one of its workers, the Celery
worker, the database. In the end every answer a client got must be in the log, once, and the
roll-ups must be the sums of the log. A logged call whose client saw the connection break is right
too: it was answered, and the answer was lost on its way.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import random
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from uuid import UUID

import psutil
import requests

from benchmarks.stack import Stack, running

CLIENTS = 4
HEALED_WITHIN = 90.0  # seconds until predictions are answered again after a kill
LEAST_ANSWERED = 20  # calls a round must have answered before it kills
# What is killed, and how its command is known.
VICTIMS = {"web": "granian", "web worker": "granian", "celery": "celery", "database": "postgres"}
SUMS_APART = """
WITH log AS (
    SELECT version_id, date_bin('15 minutes', created_at, '1970-01-01 00:00Z') AS quarter,
           count(*) AS requests, sum(rows) AS rows, count(*) FILTER (WHERE status >= 400) AS failed,
           sum(duration_us) AS duration, sum(inference_us) AS inference
    FROM inference_prediction GROUP BY 1, 2
)
SELECT version_id, quarter, log.requests, summed.requests
FROM log FULL JOIN inference_rollup AS summed USING (version_id, quarter)
WHERE (log.requests, log.rows, log.failed, log.duration, log.inference) IS DISTINCT FROM
      (summed.requests, summed.rows, summed.failed, summed.duration_us_sum, summed.inference_us_sum)
"""


@dataclass
class Report:
    """What was found. `missing` and `twice` are ids of answers, `apart` roll-ups that are wrong."""

    rounds: int
    killed: Counter[str] = field(default_factory=Counter)
    answered: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    logged: int = 0
    missing: list[UUID] = field(default_factory=list)
    twice: list[UUID] = field(default_factory=list)
    apart: list[tuple[object, ...]] = field(default_factory=list)
    slowest_heal: float = 0.0

    @property
    def is_whole(self) -> bool:
        """Whether nothing was lost, doubled or summed wrongly."""
        return self.answered > 0 and not (self.missing or self.twice or self.apart)

    def __str__(self) -> str:
        killed = ", ".join(f"{name} {count}" for name, count in sorted(self.killed.items()))
        refused = ", ".join(f"{what}: {count}" for what, count in sorted(self.refused.items()))
        return (
            f"rounds {self.rounds} (killed: {killed})\n"
            f"answered {self.answered:,}, logged {self.logged:,}\n"
            f"not answered: {refused or 'none'}\n"
            f"missing {len(self.missing)}, twice {len(self.twice)}, "
            f"roll-ups wrong {len(self.apart)}\n"
            f"slowest to answer again {self.slowest_heal:.1f} s"
        )


class Client(threading.Thread):
    """Predicts without a pause and notes the id of every answer it got whole."""

    def __init__(self, stack: Stack) -> None:
        super().__init__(daemon=True)
        self._port = stack.port
        self._path = f"/api/v1/models/{stack.demo['model']}/predict"
        self._headers = {**stack.headers, "Content-Type": "application/json"}
        self._ended = threading.Event()
        self.answered: list[UUID] = []
        self.refused: Counter[str] = Counter()

    def run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
        body = json.dumps({"inputs": [[5.1, 3.5, 1.4, 0.2]]})
        while not self._ended.is_set():
            try:
                connection.request("POST", self._path, body, self._headers)
                response = connection.getresponse()
                answer = json.loads(response.read())
            except (OSError, http.client.HTTPException, ValueError) as error:
                self.refused[type(error).__name__] += 1
                connection.close()
                time.sleep(0.05)
                continue
            if response.status == 200:
                self.answered.append(UUID(answer["id"]))
            else:
                self.refused[f"{response.status} {answer.get('code', '')}"] += 1
                time.sleep(0.05)
        connection.close()

    def stop(self) -> None:
        self._ended.set()
        self.join()


def rounds(count: int, *, seed: int = 0) -> Report:
    """Kill so many times under load; what came of it."""
    rng = random.Random(seed)
    report = Report(count)
    with running() as stack:
        clients = [Client(stack) for _ in range(CLIENTS)]
        for client in clients:
            client.start()
        try:
            for number in range(count):
                victim = list(VICTIMS)[number % len(VICTIMS)]
                _await_answers(clients)
                time.sleep(rng.uniform(0, 0.5))
                _kill(stack, victim, rng)
                report.killed[victim] += 1
                report.slowest_heal = max(report.slowest_heal, _await_answers(clients))
        finally:
            for client in clients:
                client.stop()
        _judge(stack, clients, report)
    return report


def _await_answers(clients: list[Client]) -> float:
    """Wait until clients were answered again; returns the seconds it took."""
    began = time.monotonic()
    before = sum(len(client.answered) for client in clients)
    while sum(len(client.answered) for client in clients) < before + LEAST_ANSWERED:
        if time.monotonic() - began > HEALED_WITHIN:
            raise RuntimeError(f"No answers for {HEALED_WITHIN:g} s.")
        time.sleep(0.02)
    return time.monotonic() - began


def _await_ready(stack: Stack) -> None:
    """Wait until the database is there again: predictions don't need it."""
    deadline = time.monotonic() + HEALED_WITHIN
    while time.monotonic() < deadline:
        with contextlib.suppress(requests.RequestException):
            if requests.get(f"{stack.url}/ready", timeout=5).ok:
                return
        time.sleep(0.2)
    raise RuntimeError(f"Not ready for {HEALED_WITHIN:g} s.")


def _kill(stack: Stack, victim: str, rng: random.Random) -> None:
    assert stack.process is not None
    found = _child(psutil.Process(stack.process.pid), VICTIMS[victim])
    if victim == "web worker":
        found = rng.choice(found.children() or [found])
    found.kill()


def _child(supervisor: psutil.Process, name: str) -> psutil.Process:
    """The child whose command has the name. One that is being restarted is waited for."""
    for _ in range(200):
        for process in supervisor.children():
            with contextlib.suppress(psutil.NoSuchProcess):
                if any(name in word for word in process.cmdline()):
                    return process
        time.sleep(0.05)
    raise RuntimeError(f"Nothing called {name} runs.")


def _judge(stack: Stack, clients: list[Client], report: Report) -> None:
    answered = Counter(number for client in clients for number in client.answered)
    for client in clients:
        report.refused += client.refused
    _await_ready(stack)
    stack.drained(within=120)
    logged = Counter(row[0] for row in stack.query("SELECT id FROM inference_prediction"))
    report.answered, report.logged = answered.total(), logged.total()
    report.missing = [number for number in answered if number not in logged]
    report.twice = [number for number, times in (answered | logged).items() if times > 1]
    report.apart = stack.query(SUMS_APART)


def main() -> None:
    parser = argparse.ArgumentParser(description="Kill -9 under load.")
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    report = rounds(chosen.rounds, seed=chosen.seed)
    print(report)
    if not report.is_whole:
        for what in (report.missing, report.twice, report.apart):
            print(*what[:20], sep="\n", file=sys.stderr)
        raise SystemExit(1)


if __name__ == "__main__":
    main()
