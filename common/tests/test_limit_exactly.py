"""It admits exactly what a limit says, by many processes at once and whatever befalls them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from common.limits import Bucket, Limiter, Rate
from common.limits.stores import RedisStore

PROCESSES, THREADS, CALLS = 4, 16, 500
CLOCKS = (0.0, 3600.0, -3600.0, 0.0)  # seconds by which each process's clock is wrong
DAILY = Rate("day", 1000, 86_400)
FAST = Rate("fast", 20_000, 200)


@dataclass
class Spenders:
    """Processes that spend one bucket."""

    folder: Path
    rate: Rate
    leased: bool
    key: str = field(default_factory=lambda: f"test:{uuid.uuid4()}")
    processes: list[subprocess.Popen[str]] = field(default_factory=list)
    began: float = 0.0

    def start(self, calls: int = CALLS) -> None:
        for number, clock in enumerate(CLOCKS):
            asked = {
                "url": settings.REDIS_URL, "key": self.key, "leased": self.leased,
                "rate": [self.rate.name, self.rate.quota, self.rate.window],
                "workers": PROCESSES, "threads": THREADS, "calls": calls, "clock": clock,
                "file": str(self.folder / f"{number}"),
            }  # fmt: skip
            self.processes.append(
                subprocess.Popen(
                    [sys.executable, "-m", "common.tests.spender", json.dumps(asked)],
                    cwd=settings.BASE_DIR,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
        for process in self.processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        self.began = time.monotonic()
        for process in self.processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()

    def finish(self) -> None:
        for process in self.processes:
            assert process.wait(60) in (0, -signal.SIGKILL)

    @property
    def refilled(self) -> float:
        """Tokens that may have come back since the start."""
        return (time.monotonic() - self.began) * self.rate.per_second

    @property
    def admitted(self) -> int:
        return sum(path.stat().st_size for path in self.folder.iterdir())

    @property
    def left(self) -> int:
        """Tokens in the bucket now, found out by taking one where there is one."""
        store = RedisStore(settings.REDIS_URL)
        bucket = Bucket(self.key, (self.rate,))
        answer = Limiter(store, workers=1).ask([bucket], least=1, most=1)
        return answer.granted + answer.standings[0].remaining


@pytest.fixture
def spenders(tmp_path: Path, request: Any) -> Any:
    made = Spenders(tmp_path, *request.param)
    yield made
    for process in made.processes:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()


@pytest.mark.parametrize("spenders", [(DAILY, False), (DAILY, True)], indirect=True)
def test_a_thousand_a_day_are_a_thousand(spenders: Spenders) -> None:
    """Leases are no larger than one token where a limit is slow: nothing is left over."""
    spenders.start()
    spenders.finish()
    assert DAILY.quota <= spenders.admitted <= DAILY.quota + spenders.refilled


@pytest.mark.parametrize("spenders", [(FAST, True)], indirect=True)
def test_leases_admit_no_more_and_little_less(spenders: Spenders) -> None:
    spenders.start()
    spenders.finish()
    spent = spenders.admitted
    assert spent <= FAST.quota + spenders.refilled
    # Not admitted is what was kept back, what each process had leased twice over, and no more.
    stranded = PROCESSES * 2 * 10
    assert spent >= FAST.capacity - stranded
    time.sleep(1)
    assert spenders.left >= stranded


@pytest.mark.parametrize("spenders", [(FAST, True)], indirect=True)
def test_a_killed_process_costs_tokens_and_gives_none_twice(spenders: Spenders) -> None:
    spenders.start(calls=2000)
    while spenders.admitted < FAST.quota // 4:
        time.sleep(0.001)
    spenders.processes[0].kill()
    spenders.finish()
    assert spenders.processes[0].returncode == -signal.SIGKILL
    assert FAST.capacity - PROCESSES * 2 * 10 <= spenders.admitted
    assert spenders.admitted <= FAST.quota + spenders.refilled
