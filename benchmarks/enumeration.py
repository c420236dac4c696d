"""`make bench ARGS=enumeration`: whether the time of an answer tells who has an account.

Known and unknown addresses are asked about in turn, so that whatever else slows the machine down
slows both. A gap below five per cent is less than one request differs from the next.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import requests

from benchmarks.hotpath import Row
from benchmarks.stack import Stack, running

SAMPLES = 300
PASSWORD = "a phrase for the benchmark"  # noqa: S105  of accounts that live for a minute


def measure_enumeration(folder: Path) -> Iterator[Row]:
    """Log-in with a wrong password, sign-up, and a forgotten password."""
    with tempfile.TemporaryDirectory(dir=folder) as mail:
        strict = {
            "EMAIL_URL": f"file://{mail}",
            "REQUIRE_EMAIL_VERIFICATION": "true",
            # Each request comes from an address of its own: those of one are counted.
            "TRUSTED_PROXIES": "127.0.0.1",
        }
        with running(**strict) as stack:
            demo = stack.demo["email"]
            yield gap(stack, "register", lambda _: demo)
            yield gap(stack, "login", lambda number: stranger("register", number))
            yield gap(stack, "forgot-password", lambda _: demo)


def stranger(action: str, number: int) -> str:
    """An address nobody has, until it signs up."""
    return f"nobody-{action}-{number}@example.com"


def gap(stack: Stack, action: str, known_address: Callable[[int], str]) -> Row:
    """The medians of known and of unknown addresses, and what lies between."""
    session = requests.Session()
    times: tuple[list[float], list[float]] = ([], [])
    answers = set()
    for number in range(SAMPLES):
        for side, email in enumerate((known_address(number), stranger(action, number))):
            body = {"email": email}
            if action != "forgot-password":
                body["password"] = f"{PASSWORD} of {action}"
            came_from = {"X-Forwarded-For": f"198.51.{side}.{number % 250}"}
            began = time.perf_counter()
            answer = session.post(
                f"{stack.url}/api/v1/auth/{action}", json=body, headers=came_from, timeout=30
            )
            times[side].append((time.perf_counter() - began) * 1000)
            answers.add(answer.status_code)
    one, other = map(statistics.median, times)
    return (
        f"{action}, {SAMPLES} known and {SAMPLES} unknown addresses (answers: {answers})",
        f"{one:.2f} / {other:.2f} ms: {abs(one - other) / min(one, other):.1%} apart",
        "under 5 % apart",
    )
