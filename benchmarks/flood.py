"""`make bench ARGS=flood`: two hundred log-ins at once, and predictions beside them.

Hashing a password is made to be dear. A flood of log-ins may take as many hashes at once as there
are permits, and no more memory than those; whoever finds the queue full is told to come back.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import requests

from benchmarks.hotpath import Row
from benchmarks.stack import Stack, running

AT_ONCE = 200
ROUNDS = 3
QUIET_SECONDS = 5.0
PAUSE = 0.01  # seconds between two predictions
MIB = 1024 * 1024


def measure_flood(folder: Path) -> Iterator[Row]:
    """Answers, memory, and how predictions fare."""
    with running(TRUSTED_PROXIES="127.0.0.1") as stack:
        stack.predict_demo()
        before = sum(stack.web_processes().values())
        quiet = Beside(stack)
        time.sleep(QUIET_SECONDS)
        alone = quiet.end()
        flooded, most = Beside(stack), Most(stack)
        answers: Counter[int] = Counter()
        for _ in range(ROUNDS):
            answers += flood(stack)
        busy, largest = flooded.end(), most.end()
    yield (f"{AT_ONCE} log-ins at once, {ROUNDS} times", f"{dict(answers)}", "200, or 503")
    yield (
        "web processes, resident, more than before",
        f"{(largest - before) / MIB:.0f} MiB",
        "19 MiB a permit",
    )
    yield (
        "predictions alone / beside the flood, p99",
        f"{alone:.1f} / {busy:.1f} ms",
        "the same",
    )


def flood(stack: Stack) -> Counter[int]:
    """One log-in each from very many addresses, all at once; how they were answered."""
    answers: Counter[int] = Counter()
    lock, start = threading.Lock(), threading.Barrier(AT_ONCE)
    body = {"email": stack.demo["email"], "password": stack.demo["password"]}

    def log_in(number: int) -> None:
        start.wait()
        came_from = {"X-Forwarded-For": f"198.51.100.{number}"}
        answer = requests.post(
            f"{stack.url}/api/v1/auth/login", json=body, headers=came_from, timeout=60
        )
        with lock:
            answers[answer.status_code] += 1

    threads = [threading.Thread(target=log_in, args=(number,)) for number in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


class Beside(threading.Thread):
    """Predictions, one after the other, until it is ended."""

    def __init__(self, stack: Stack) -> None:
        super().__init__(daemon=True)
        self._stack = stack
        self._ended = threading.Event()
        self._times: list[float] = []
        self.start()

    def run(self) -> None:
        session = requests.Session()
        url = f"{self._stack.url}/api/v1/models/{self._stack.demo['model']}/predict"
        body = {"inputs": [[5.1, 3.5, 1.4, 0.2]]}
        while not self._ended.is_set():
            began = time.perf_counter()
            answer = session.post(url, json=body, headers=self._stack.headers, timeout=30)
            self._times.append((time.perf_counter() - began) * 1000)
            answer.raise_for_status()
            time.sleep(PAUSE)

    def end(self) -> float:
        """The 99th percentile, in milliseconds."""
        self._ended.set()
        self.join()
        return sorted(self._times)[int(len(self._times) * 0.99) - 1]


class Most(threading.Thread):
    """The most memory that the web processes take together, until it is ended."""

    def __init__(self, stack: Stack) -> None:
        super().__init__(daemon=True)
        self._stack = stack
        self._ended = threading.Event()
        self._most = 0
        self.start()

    def run(self) -> None:
        while not self._ended.wait(0.05):
            self._most = max(self._most, sum(self._stack.web_processes().values()))

    def end(self) -> int:
        """Bytes."""
        self._ended.set()
        self.join()
        return self._most
