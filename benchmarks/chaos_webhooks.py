"""`make chaos` again, for webhooks: kill -9 while events go to a receiver that often fails.

    make chaos ARGS="--rounds 200"

Clients change things as fast as they are answered; the receiver answers 200, 500 or not at all.
Each round kills one of: the web server, one of its workers, the Celery worker, the webhooks' sender
or one of the sender's processes. In the end every change that was committed must have arrived, and
nothing else, each message with one body under one id.
"""

from __future__ import annotations

import argparse
import http.client
import json
import random
import sys
import threading
import time
from collections import Counter, defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psutil
import requests

from benchmarks.stack import Stack, running
from common.tests.receiver import Received, Receiver, receiving

CLIENTS = 2
EVENTS_A_ROUND = 25
HEALED_WITHIN = 90.0  # seconds until changes are made again after a kill
ARRIVED_WITHIN = 180.0  # seconds until all have arrived, after the last kill
SILENCE_S = 2.0  # longer than the webhook's patience
VICTIMS = {
    "web": ("granian", False),
    "web worker": ("granian", True),
    "worker": ("default,journal", False),
    "sender": ("webhooks@%h", False),
    "sender process": ("webhooks@%h", True),
}
CHANGES = "SELECT id FROM common_eventrecord WHERE type = 'team.updated'"
OVERDUE = """
SELECT count(*) FROM webhooks_delivery WHERE state IN ('waiting', 'sending')
"""


@dataclass
class Report:
    """What was found. `missing` was committed and did not arrive, `foreign` the other way round."""

    rounds: int
    killed: Counter[str] = field(default_factory=Counter)
    acknowledged: int = 0
    committed: int = 0
    requests: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    missing: list[UUID] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        """Whether everything arrived, and nothing that had not happened."""
        told = self.committed >= self.acknowledged > 0
        return told and not (self.missing or self.foreign or self.changed)

    def __str__(self) -> str:
        killed = ", ".join(f"{name} {count}" for name, count in sorted(self.killed.items()))
        answers = ", ".join(f"{what} {count}" for what, count in sorted(self.answers.items()))
        return (
            f"rounds {self.rounds} (killed: {killed})\n"
            f"changes acknowledged {self.acknowledged:,}, committed {self.committed:,}\n"
            f"requests at the receiver {self.requests:,} (answered: {answers})\n"
            f"missing {len(self.missing)}, foreign {len(self.foreign)}, "
            f"with two bodies {len(self.changed)}\n"
        )


class Moody:
    """A receiver's answers: mostly 200, often 500, sometimes none."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)
        self.answers: Counter[str] = Counter()

    def __call__(self, received: Received, number: int) -> tuple[int, dict[str, str], bytes]:
        mood = self._rng.random()
        if mood < 0.8:
            self.answers["200"] += 1
            return 200, {}, b""
        if mood < 0.95:
            self.answers["500"] += 1
            return 500, {}, b""
        self.answers["nothing"] += 1
        time.sleep(SILENCE_S)
        return 200, {}, b""


class Client(threading.Thread):
    """Changes a team of its own without a pause, and counts what was acknowledged."""

    def __init__(self, stack: Stack, number: int) -> None:
        super().__init__(daemon=True)
        self._port = stack.port
        self._headers = {**stack.headers, "Content-Type": "application/json"}
        made = requests.post(
            f"{stack.url}/api/v1/teams",
            json={"name": f"Chaos {number}"},
            headers=stack.headers,
            timeout=10,
        )
        made.raise_for_status()
        self._path = f"/api/v1/teams/{made.json()['id']}"
        self._ended = threading.Event()
        self.acknowledged = 0
        self.quota = 0  # it pauses where so many were acknowledged

    def run(self) -> None:
        number = 0
        while not self._ended.is_set():
            if self.acknowledged >= self.quota:
                self._ended.wait(0.01)
                continue
            number += 1
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
                body = json.dumps({"description": f"Change {number}"})
                connection.request("PATCH", self._path, body, self._headers)
                status = connection.getresponse().status
                connection.close()
            except (OSError, http.client.HTTPException):
                status = 0
            self.acknowledged += status == 200
            self._ended.wait(0.01 if status == 200 else 0.1)

    def stop(self) -> None:
        self._ended.set()
        self.join()


def rounds(count: int, *, events: int = 0, seed: int = 0) -> Report:
    """Kill so many times while changes are made; what came of it. At least `events` of them."""
    rng, moody = random.Random(seed), Moody(seed)
    report = Report(count)
    with running(WEBHOOK_ALLOW="loopback") as stack, receiving(moody) as receiver:
        _set_up(stack, receiver)
        clients = [Client(stack, number) for number in range(CLIENTS)]
        for client in clients:
            client.start()
        try:
            for number in range(count):
                victim = list(VICTIMS)[number % len(VICTIMS)]
                _await_changes(clients, max(EVENTS_A_ROUND, events // count))
                time.sleep(rng.uniform(0, 0.3))
                _kill(stack, victim, rng)
                report.killed[victim] += 1
            _await_changes(clients, EVENTS_A_ROUND)
        finally:
            for client in clients:
                client.stop()
        report.acknowledged = sum(client.acknowledged for client in clients)
        _judge(stack, receiver, report)
        report.answers = moody.answers
    return report


def _set_up(stack: Stack, receiver: Receiver) -> None:
    response = requests.post(
        f"{stack.url}/api/v1/webhooks",
        json={
            "url": receiver.url,
            "events": ["team.updated"],
            "timeout_s": 1,
            "max_attempts": 20,
            "retry_delays_s": [1],
            "concurrency": 8,
        },
        headers=stack.headers,
        timeout=10,
    )
    response.raise_for_status()


def _await_changes(clients: list[Client], count: int) -> None:
    """Have so many more changes made; the kill comes in the middle of the last of them."""
    for client in clients:
        client.quota += -(-count // CLIENTS)
    wanted = sum(client.quota for client in clients) - CLIENTS
    deadline = time.monotonic() + HEALED_WITHIN
    while sum(client.acknowledged for client in clients) < wanted:
        if time.monotonic() > deadline:
            raise RuntimeError(f"No changes for {HEALED_WITHIN:g} s.")
        time.sleep(0.02)


def _kill(stack: Stack, victim: str, rng: random.Random) -> None:
    assert stack.process is not None
    name, below = VICTIMS[victim]
    for _ in range(400):
        for process in psutil.Process(stack.process.pid).children():
            with suppress(psutil.NoSuchProcess):
                if not any(name in word for word in process.cmdline()):
                    continue
                found = process.children() if below else [process]
                if found:
                    rng.choice(found).kill()
                    return
        time.sleep(0.05)
    raise RuntimeError(f"Nothing called {victim} runs.")


def _judge(stack: Stack, receiver: Receiver, report: Report) -> None:
    committed: set[UUID] = set()
    deadline = time.monotonic() + ARRIVED_WITHIN
    while time.monotonic() < deadline:
        committed = {row[0] for row in stack.query(CHANGES)}
        waiting = int(stack.query(OVERDUE)[0][0])
        if waiting == 0 and not committed - _ids(receiver.received):
            break
        time.sleep(0.5)
    bodies: dict[str, set[bytes]] = defaultdict(set)
    for one in list(receiver.received):
        bodies[one.headers["webhook-id"]].add(one.body)
    report.committed, report.requests = len(committed), len(receiver.received)
    report.missing = sorted(committed - _ids(receiver.received))
    report.foreign = [name for name in bodies if UUID(name) not in committed]
    report.changed = [name for name, found in bodies.items() if len(found) > 1]


def _ids(received: list[Received]) -> set[UUID]:
    return {UUID(one.headers["webhook-id"]) for one in list(received)}


def main() -> None:
    parser = argparse.ArgumentParser(description="Kill -9 while webhooks are sent.")
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--events", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    report: Any = rounds(chosen.rounds, events=chosen.events, seed=chosen.seed)
    print(report)
    if not report.is_whole:
        for what in (report.missing, report.foreign, report.changed):
            print(*what[:20], sep="\n", file=sys.stderr)
        raise SystemExit(1)


if __name__ == "__main__":
    main()
