"""It serves the usual clients of other servers, unmodified."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import requests

from benchmarks.stack import Stack
from tests.conformance.environments import python_with, run_client

ROWS = [[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3], [5.9, 3.0, 4.2, 1.5]]


@pytest.fixture(scope="module")
def labels(stack: Stack) -> list[Any]:
    """What the native route answers."""
    response = requests.post(
        f"{stack.url}/api/v1/models/{stack.demo['model']}/predict",
        json={"inputs": ROWS},
        headers=stack.headers,
        timeout=10,
    )
    found: list[Any] = response.json()["predictions"]
    return found


def arguments(stack: Stack) -> list[str]:
    owner, name = "demo", stack.demo["model"]
    return [f"127.0.0.1:{stack.port}", stack.demo["api_key"], name, owner, json.dumps(ROWS)]


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("environment", "script", "answers"),
    [
        ("tritonclient", "triton_sync.py", 23),
        ("tritonclient", "triton_asyncio.py", 16),
        ("kserve", "kserve_rest.py", 3),
        ("mlflow3", "mlflow_scoring.py", 2),
    ],
)
def test_client_gets_the_native_routes_answers(
    stack: Stack, labels: list[Any], environment: str, script: str, answers: int
) -> None:
    found = json.loads(run_client(environment, script, *arguments(stack)))
    assert len(found) == answers
    assert all(each == labels for each in found), found


@pytest.mark.timeout(600)
def test_tritonclient_gets_them_over_grpc(stack: Stack, labels: list[Any]) -> None:
    given = [f"127.0.0.1:{stack.environment['GRPC_PORT']}", *arguments(stack)[1:]]
    found = json.loads(run_client("tritonclient", "triton_grpc.py", *given))
    assert len(found) == 6
    assert all(each == labels for each in found), found


@pytest.mark.timeout(600)
@pytest.mark.parametrize("binary", [False, True])
def test_mlserver_infer_scores_a_file(
    stack: Stack, labels: list[Any], tmp_path: Path, binary: bool
) -> None:
    asked, answered = tmp_path / "in.json", tmp_path / "out.json"
    request = {
        "inputs": [{"name": "input", "shape": [len(ROWS), 4], "datatype": "FP64", "data": ROWS}]
    }
    asked.write_text("\n".join(json.dumps(request) for _ in range(5)) + "\n")
    address, key, model, _, _ = arguments(stack)
    done = subprocess.run(
        [
            str(python_with("mlserver").with_name("mlserver")), "infer", "-u", address,
            "-m", model, "-i", str(asked), "-o", str(answered), "-s", "2",
            "-H", f"Authorization: Bearer {key}", *(["-b"] if binary else []),
        ],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    lines = answered.read_text().splitlines()
    assert len(lines) == 5
    for line in lines:
        outputs = {output["name"]: output["data"] for output in json.loads(line)["outputs"]}
        assert outputs["predict"] == labels
