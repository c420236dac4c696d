"""It loses no acknowledged upload, and leaves none in a middle state, whatever is killed."""

from __future__ import annotations

import os
import pickle
import random
import signal
import time
from collections.abc import Iterator

import numpy as np
import pytest
import requests
from sklearn.linear_model import LogisticRegression

from benchmarks.stack import Stack, running
from tests.installations import children_of, command_of

ROUNDS = 3
VICTIMS = {
    "web": "granian",
    "worker": "celery",
    "jail": "--socket",
    "database": "postgres",
    "cache": "valkey",
}
HEALED_WITHIN = 90.0  # seconds: a lease, a back-off and a start of everything


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with running() as started:
        yield started


def main_process(stack: Stack, name: str) -> int:
    """The child of the supervisor whose command has the name."""
    assert stack.process is not None
    for child in children_of(stack.process.pid):
        if any(name in word for word in command_of(child)):
            return child
    raise AssertionError(f"nothing called {name!r} runs")


def acknowledged_upload(stack: Stack, content: bytes) -> str | None:
    """Upload once; the version's address where it was acknowledged."""
    try:
        response = requests.post(
            f"{stack.url}/api/v1/models",
            files={"file": ("model.pkl", content)},
            data={"name": "killed"},
            headers=stack.headers,
            timeout=20,
        )
    except requests.RequestException:
        return None
    return stack.url + response.headers["Location"] if response.status_code == 202 else None


def wait_for_state(stack: Stack, address: str) -> str:
    deadline = time.monotonic() + HEALED_WITHIN
    state = "unreachable"
    while time.monotonic() < deadline:
        try:
            response = requests.get(address, headers=stack.headers, timeout=5)
            state = response.json().get("state", f"{response.status_code}")
        except (requests.RequestException, ValueError):
            state = "unreachable"
        if state in {"ready", "rejected"}:
            break
        time.sleep(0.2)
    return state


@pytest.mark.timeout(400)
def test_every_acknowledged_upload_becomes_ready_whatever_dies(stack: Stack) -> None:
    rng = random.Random(2)
    rows = np.random.default_rng(0).normal(size=(100, 3))
    content = pickle.dumps(LogisticRegression().fit(rows, rows[:, 0] > 0))
    for victims in (["web", "worker"], ["jail", "database"], ["worker", "cache"])[:ROUNDS]:
        acknowledged = []
        for victim in victims:
            acknowledged += [acknowledged_upload(stack, content) for _ in range(2)]
            time.sleep(rng.uniform(0, 0.5))
            os.kill(main_process(stack, VICTIMS[victim]), signal.SIGKILL)
            acknowledged.append(acknowledged_upload(stack, content))
        kept = [address for address in acknowledged if address]
        assert len(kept) >= 2
        assert {wait_for_state(stack, address) for address in kept} == {"ready"}, victims
    assert stack.predict_demo().status_code == 200


@pytest.mark.timeout(200)
def test_a_killed_supervisor_is_healed_by_the_next_start(stack: Stack) -> None:
    rows = np.random.default_rng(0).normal(size=(100, 3))
    content = pickle.dumps(LogisticRegression().fit(rows, rows[:, 0] > 0))
    address = acknowledged_upload(stack, content)
    assert address is not None
    assert stack.process is not None
    stack.process.kill()
    stack.process.wait()
    deadline = time.monotonic() + 10
    while stack.web_processes() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert stack.web_processes() == {}
    stack.start()
    assert wait_for_state(stack, address) == "ready"
