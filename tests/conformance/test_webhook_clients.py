"""Its messages are taken by Standard Webhooks' own libraries, in Python and from npm."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from standardwebhooks import Webhook

from benchmarks.environments import node_with
from benchmarks.stack import Stack, running
from common.tests.receiver import Received, Receiver, receiving
from tests.conformance.environments import FOLDER, python_with

HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with running(WEBHOOK_ALLOW="loopback") as started:
        yield started


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with receiving() as started:
        yield started


@pytest.fixture(scope="module")
def messages(stack: Stack, receiver: Receiver) -> tuple[list[str], list[Received]]:
    """The secrets of a webhook, old and new, and what it was sent before and during rotation."""
    api = f"{stack.url}/api/v1"

    def post(path: str, **body: Any) -> Any:
        response = requests.post(f"{api}/{path}", json=body, headers=stack.headers, timeout=10)
        response.raise_for_status()
        return response.json()

    made = post("webhooks", url=receiver.url, events=["team.created"])
    post(f"webhooks/{made['id']}/test")
    receiver.wait_for(1)
    renewed = post(f"webhooks/{made['id']}/rotate-secret")
    post("teams", name="Zürich ☃ 🚢")
    return [made["secret"], renewed["secret"]], receiver.wait_for(2)


def test_the_python_library_verifies_them(messages: tuple[list[str], list[Received]]) -> None:
    (old, new), (first, second) = messages
    assert Webhook(old).verify(first.body, first.headers)["type"] == "webhook.test"
    for secret in (old, new):
        assert Webhook(secret).verify(second.body, second.headers)["type"] == "team.created"
    with pytest.raises(Exception, match="No matching signature"):
        Webhook(new).verify(first.body, first.headers)


@pytest.mark.timeout(600)
def test_the_npm_library_verifies_them(messages: tuple[list[str], list[Received]]) -> None:
    (old, new), (first, second) = messages
    asked = [(old, first), (old, second), (new, second), (new, first)]
    found = _verified_by_node(asked)
    types = [one["verified"]["type"] for one in found[:3]]
    assert types == ["webhook.test", "team.created", "team.created"]
    assert "No matching signature" in found[3]["error"]


def _verified_by_node(asked: list[tuple[str, Received]]) -> list[dict[str, Any]]:
    node = python_with("nodejs").parent / "node"
    folder = node_with(FOLDER / "webhooks_js", node, "conformance")
    lines = [
        {
            "secret": secret,
            "headers": {name: received.headers[name] for name in HEADERS},
            "body": received.body.decode(),
        }
        for secret, received in asked
    ]
    done = subprocess.run(
        [str(node), "verify.js"],
        cwd=folder,
        input="\n".join(json.dumps(line) for line in lines),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]
