"""Many threads at once, on a real database."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from django.db import connection


def race(count: int, act: Callable[[int], Any]) -> list[Any]:
    """Call `act(n)` from `count` threads at once; what each returned or raised."""
    barrier = threading.Barrier(count)
    outcomes: list[Any] = []

    def run(number: int) -> None:
        barrier.wait()
        try:
            outcomes.append(act(number))
        except Exception as error:  # noqa: BLE001  the outcome is what is looked at
            outcomes.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes
