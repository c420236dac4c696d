"""`make bench ARGS=webhooks`: how many messages a second, and what a dead receiver costs others.

The receiver is a Granian of its own with one worker: a fast one, which writes down when each
message came. Deliveries are put into the tables, as the fan-out does, so that what is measured is
the delivering.
"""

from __future__ import annotations

import json
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import requests

from benchmarks.hotpath import Row
from benchmarks.stack import Stack, free_port, running
from common.tests.receiver import Received, receiving

MESSAGES = 6000
DEAD = 100_000
CONCURRENCY = 4  # of a webhook, unless it says otherwise
PROBES = 300
PROBE_EVERY = 0.05  # seconds
ROOT = Path(__file__).resolve().parent.parent
# So many messages of a second's length each, waiting for one webhook.
FILL = """
WITH made AS (
    INSERT INTO webhooks_message (id, organization_id, type, body, request_id, created_at)
    SELECT gen_random_uuid(), organization_id, 'team.created', %(body)s, '', now()
    FROM webhooks_webhook, generate_series(1, %(count)s) WHERE webhooks_webhook.id = %(webhook)s
    RETURNING id
)
INSERT INTO webhooks_delivery
    (id, message_id, webhook_id, state, due_at, attempts, attempts_allowed, error, created_at)
SELECT gen_random_uuid(), id, %(webhook)s, 'waiting', now(), 0, 10, '', now() FROM made
"""
DUE = "UPDATE webhooks_channel SET due_at = now() WHERE webhook_id = %s"
BODY = json.dumps({"type": "team.created", "timestamp": "", "data": {"text": "x" * 400}})


@dataclass
class FastReceiver:
    """A receiver in a process of its own; a line of its file is the moment a message came."""

    port: int
    file: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    def times(self) -> list[tuple[str, float]]:
        """Each message's id and when it came, in Unix seconds."""
        lines = self.file.read_text().splitlines() if self.file.exists() else []
        return [(line.split()[0], float(line.split()[1])) for line in lines]

    def wait_for(self, count: int, within: float = 300.0) -> list[tuple[str, float]]:
        deadline = time.monotonic() + within
        while len(found := self.times()) < count:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{len(found)} of {count} came in {within:g} s.")
            time.sleep(0.1)
        return found


@contextmanager
def fast_receiver(folder: Path) -> Iterator[FastReceiver]:
    receiver = FastReceiver(free_port(), folder / f"received-{time.monotonic_ns()}")
    command = [
        sys.executable, "-m", "granian", "--interface", "wsgi", "benchmarks.receiving:application",
        "--host", "127.0.0.1", "--port", str(receiver.port), "--workers", "1", "--no-ws",
    ]  # fmt: skip
    process = subprocess.Popen(
        command, cwd=ROOT, env={"RECEIVED": str(receiver.file)}, stderr=subprocess.DEVNULL
    )
    try:
        _await_port(receiver.port)
        yield receiver
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=15)


def measure_webhooks(folder: Path) -> Iterator[Row]:
    """Throughput, then fairness."""
    with running(WEBHOOK_ALLOW="loopback", WEBHOOK_WORKERS="4", WEB_WORKERS="1") as stack:
        yield from measure_throughput(stack, folder)
    with running(WEBHOOK_ALLOW="loopback", WEB_WORKERS="1") as stack:
        yield from measure_fairness(stack, folder)


def measure_throughput(stack: Stack, folder: Path) -> Iterator[Row]:
    """Messages a second, with four processes and a fast receiver."""
    with fast_receiver(folder) as receiver:
        webhooks = [set_up(stack, receiver.url) for _ in range(4)]
        for webhook in webhooks:
            fill(stack, webhook, MESSAGES // 4)
        times = sorted(at for _, at in receiver.wait_for(MESSAGES))
        rate = (len(times) - 1) / (times[-1] - times[0])
    yield ("webhooks delivered, 4 processes, fast receiver", f"{rate:,.0f}/s", "300/s")


def measure_fairness(stack: Stack, folder: Path) -> Iterator[Row]:
    """How long a message takes before a dead receiver has a hundred thousand, and beside it.

    Beside it from the first second on, while its breaker is still closed, and once that is open;
    then what the receiver gets at once when it is back.
    """
    with fast_receiver(folder) as receiver:
        with silent() as port:
            alive = set_up(stack, receiver.url)
            before = delays(stack, alive, receiver)
            dead = set_up(stack, f"http://127.0.0.1:{port}/", timeout_s=5)
            fill(stack, dead, DEAD)
            early = delays(stack, alive, receiver)
            during = delays(stack, alive, receiver)
        with receiving(_patiently, port=port) as recovered:
            recovered.wait_for(1000, within=120.0)
    yield (
        "another webhook's delay, median and p99: before / beside 100,000 to a dead one / later",
        f"{_shown(before)} / {_shown(early)} / {_shown(during)} ms",
        "p99 within 10 %",
    )
    yield (
        "most at once to the receiver when it is back",
        str(recovered.most_at_once),
        f"at most {CONCURRENCY}",
    )


def _patiently(received: Received, number: int) -> tuple[int, dict[str, str], bytes]:
    time.sleep(0.01)
    return 204, {}, b""


def delays(stack: Stack, webhook: str, receiver: FastReceiver) -> list[float]:
    """Milliseconds from the commit of an event until its message came, sorted."""
    known = {id_ for id_, _ in receiver.times()}
    headers = stack.headers
    made = requests.post(
        f"{stack.url}/api/v1/teams",
        json={"name": f"Delays {time.monotonic_ns()}"},
        headers=headers,
        timeout=10,
    ).json()
    for number in range(PROBES):
        requests.patch(
            f"{stack.url}/api/v1/teams/{made['id']}",
            json={"description": f"{number}"},
            headers=headers,
            timeout=10,
        ).raise_for_status()
        time.sleep(PROBE_EVERY)
    time.sleep(3)
    came = {id_: at for id_, at in receiver.times() if id_ not in known}
    rows = stack.query(
        "SELECT id::text, extract(epoch FROM created_at) FROM common_eventrecord"
        " WHERE type = 'team.updated'"
    )
    found = [(came[id_] - float(at)) * 1000 for id_, at in rows if id_ in came]
    if len(found) < PROBES:
        raise RuntimeError(f"{len(found)} of {PROBES} messages came.")
    return sorted(found)


def set_up(stack: Stack, url: str, **policy: int) -> str:
    """A webhook; its id."""
    response = requests.post(
        f"{stack.url}/api/v1/webhooks",
        json={"url": url, "events": ["team.updated"], **policy},
        headers=stack.headers,
        timeout=10,
    )
    response.raise_for_status()
    return str(response.json()["id"])


def fill(stack: Stack, webhook: str, count: int) -> None:
    servers = json.loads((stack.home / "run" / "servers.json").read_text())
    with psycopg.connect(servers["database_url"], connect_timeout=5) as database:
        database.execute(FILL, {"webhook": webhook, "count": count, "body": BODY})
        database.execute(DUE, [webhook])


@contextmanager
def silent() -> Iterator[int]:
    """A port that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
        yield listener.getsockname()[1]


def _shown(sorted_ms: list[float]) -> str:
    p99 = sorted_ms[int(len(sorted_ms) * 0.99)]
    return f"{statistics.median(sorted_ms):.0f} and {p99:.0f}"


def _await_port(port: int) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("The receiver did not come up.")
