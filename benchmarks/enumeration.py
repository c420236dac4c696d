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
from typing import Any

import requests

from benchmarks.hotpath import Row
from benchmarks.stack import Stack, running

SAMPLES = 300
PASSWORD = "a phrase for the benchmark"  # noqa: S105  of accounts that live for a minute
Body = Callable[[str], dict[str, Any]]


def measure_enumeration(folder: Path) -> Iterator[Row]:
    """Log-in with a wrong password, sign-up, and a forgotten password."""
    with tempfile.TemporaryDirectory(dir=folder) as mail:
        strict = {"EMAIL_URL": f"file://{mail}", "REQUIRE_EMAIL_VERIFICATION": "true"}
        with running(**strict) as stack:
            yield gap(stack, "login", lambda email: {"email": email, "password": "not this one"})
            yield gap(stack, "register", lambda email: {"email": email, "password": PASSWORD})
            yield gap(stack, "forgot-password", lambda email: {"email": email})


def gap(stack: Stack, action: str, body: Body) -> Row:
    """The medians of a known and of unknown addresses, each a new one, and what lies between."""
    session = requests.Session()
    known: list[float] = []
    unknown: list[float] = []
    answers = set()
    for number in range(SAMPLES):
        for times, email in (
            (known, stack.demo["email"]),
            (unknown, f"nobody-{action}-{number}@example.com"),
        ):
            began = time.perf_counter()
            answer = session.post(f"{stack.url}/api/v1/auth/{action}", json=body(email), timeout=30)
            times.append((time.perf_counter() - began) * 1000)
            answers.add(answer.status_code)
    one, other = statistics.median(known), statistics.median(unknown)
    return (
        f"{action}, {SAMPLES} known and {SAMPLES} unknown addresses (answers: {answers})",
        f"{one:.2f} / {other:.2f} ms: {abs(one - other) / min(one, other):.1%} apart",
        "under 5 % apart",
    )
