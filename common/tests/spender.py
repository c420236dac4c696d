"""A process that takes tokens as fast as it can: run by tests, many at once.

Its one argument says how, as JSON. It prints `ready`, waits for a line, and then writes a byte to
its file for each token it was given: what it had when it was killed can be counted.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from typing import Any

from common.limits import Bucket, Limiter, LimitExceeded, Rate, lease
from common.limits.stores import RedisStore


def main() -> None:
    asked: dict[str, Any] = json.loads(sys.argv[1])
    _set_clock(asked["clock"])
    buckets = [Bucket(asked["key"], (Rate(*asked["rate"]),))]
    limiter = Limiter(RedisStore(asked["url"]), workers=asked["workers"])
    leased = lease(limiter, buckets)
    file = os.open(asked["file"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def take() -> None:
        if asked["leased"]:
            leased.take(time.monotonic())
        else:
            limiter.take(buckets)

    def spend() -> None:
        for _ in range(asked["calls"]):
            try:
                take()
            except LimitExceeded:
                continue
            os.write(file, b".")

    threads = [threading.Thread(target=spend) for _ in range(asked["threads"])]
    print("ready", flush=True)
    sys.stdin.readline()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert limiter.degraded_since is None


def _set_clock(by: float) -> None:
    """Have this process's wall clock go wrong by so many seconds."""
    true_time, true_ns = time.time, time.time_ns
    time.time = lambda: true_time() + by
    time.time_ns = lambda: true_ns() + int(by * 1e9)


if __name__ == "__main__":
    main()
