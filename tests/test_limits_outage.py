"""It goes on without Redis by shares of every limit, and counts together again when it is back."""

from __future__ import annotations

import signal
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from common.limits import Bucket, Limiter, LimitExceeded, Rate, lease
from common.limits.stores import TIMEOUT, RedisStore
from config.embedded.valkey import Valkey
from config.process import server_identity
from config.program import stop, wait_until

WORKERS = 4
DAILY = Rate("day", 100, 86_400)
PATIENCE = 2.0  # seconds in which limits are counted together again


class Server:
    """A Valkey of this test's own."""

    def __init__(self, folder: Path) -> None:
        self.valkey = Valkey(folder / "valkey", server_identity(), throwaway=True)
        self.log = folder / "valkey.log"
        self.process: subprocess.Popen[bytes]
        self.valkey.prepare()
        self.start()

    def start(self) -> None:
        self.process = self.valkey.program.start(self.log)
        assert wait_until(self.valkey.is_ready, self.process, patience=20)

    def kill(self) -> None:
        stop(self.process, signal.SIGKILL, patience=5)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path)
    yield made
    made.process.send_signal(signal.SIGCONT)
    made.kill()


@pytest.fixture
def limiter(server: Server) -> Limiter:
    return Limiter(RedisStore(server.valkey.url), workers=WORKERS)


def bucket(rate: Rate = DAILY) -> Bucket:
    return Bucket(f"test:{uuid.uuid4()}", (rate,))


def until_refused(take: Callable[[], object]) -> int:
    """How often it may be done."""
    count = 0
    while True:
        try:
            take()
        except LimitExceeded:
            return count
        count += 1


def admitted(limiter: Limiter, bucket: Bucket, *, strict: bool = False) -> int:
    return until_refused(lambda: limiter.take([bucket], strict=strict))


def wait_until_restored(limiter: Limiter) -> None:
    deadline = time.monotonic() + PATIENCE
    while limiter.degraded_since is not None:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_each_process_grants_its_share_while_redis_is_away(
    server: Server, limiter: Limiter
) -> None:
    server.kill()
    assert admitted(limiter, bucket()) == DAILY.quota // WORKERS
    assert limiter.degraded_since is not None


def test_a_limit_against_attackers_begins_with_one_token(server: Server, limiter: Limiter) -> None:
    assert admitted(limiter, bucket(), strict=True) == DAILY.quota
    server.kill()
    assert admitted(limiter, bucket(), strict=True) == 1


def test_a_redis_that_comes_back_is_asked_again(server: Server, limiter: Limiter) -> None:
    server.kill()
    some = bucket()
    limiter.take([some])
    server.start()
    wait_until_restored(limiter)
    assert admitted(limiter, some) == DAILY.quota


def test_a_lease_goes_on_without_redis(server: Server, limiter: Limiter) -> None:
    leased = lease(limiter, [bucket(Rate("fast", 40_000, 1000))])
    leased.take(time.monotonic())
    server.kill()
    count = until_refused(lambda: leased.take(time.monotonic()))
    assert 40_000 // WORKERS * 0.9 < count < 40_000 // WORKERS * 1.1
    server.start()
    wait_until_restored(limiter)
    time.sleep(1)  # for as long, a refusal is repeated without asking
    leased.take(time.monotonic())


def test_a_redis_that_hangs_holds_up_one_request_and_once(server: Server, limiter: Limiter) -> None:
    some = bucket()
    limiter.take([some])
    server.process.send_signal(signal.SIGSTOP)
    began = time.monotonic()
    for _ in range(20):
        limiter.take([some])
    # Had each of them waited, it would be ten times as long.
    assert time.monotonic() - began < TIMEOUT * 4
    server.process.send_signal(signal.SIGCONT)
    wait_until_restored(limiter)
    limiter.take([some])


def test_a_redis_that_forgot_all_admits_a_limit_anew(server: Server, limiter: Limiter) -> None:
    """Nothing is kept on disk: after its restart the bucket is full, and no call fails."""
    some = bucket()
    assert admitted(limiter, some) == DAILY.quota
    server.kill()
    server.start()
    assert admitted(limiter, some) in (DAILY.quota, DAILY.quota // WORKERS)
