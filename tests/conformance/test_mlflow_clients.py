"""It is a tracking server and a registry to MLflow's own clients, of both kinds that there are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import requests

from benchmarks.stack import ROOT, Stack
from tests.conformance.environments import run_client

INVALID, MISSING = "INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST"
IRIS = ["sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)"]


@pytest.mark.timeout(900)
@pytest.mark.parametrize("environment", ["mlflow3", "mlflow2"])
def test_mlflow_logs_registers_loads_and_deletes(stack: Stack, environment: str) -> None:
    key = stack.demo["api_key"]
    where = [f"{stack.url}/mlflow/demo", key, f"{stack.url}/api/v1/models/demo"]
    printed = run_client(environment, "mlflow_registry.py", *where)
    found: dict[str, Any] = json.loads(printed.splitlines()[-1])
    name = f"mlflow-{environment[-1]}"
    assert found.pop("version").startswith(f"{environment[-1]}.")
    folder = ["model"] if environment == "mlflow2" else []  # MLflow 3 keeps it beside the run
    assert found == {
        "run": {
            "status": "FINISHED",
            "name": "first",
            "params": {"C": "1.0", "a": "1", "b": "two"},
            "loss": 1 / 3,
            "nan": "nan",
            "tags": {"team": "x", "note": "line\nline"},
            "history": [1.0, 0.5, 1 / 3],
            "files": ["empty.txt", "extra", *folder, "text.txt"],
            "extra": ["extra/deep/er"],
            "kept": "kept",
            "found": 1,
            "best": [0.333],
        },
        "status": ["READY", "None", True],
        "alias": ["1", {"champion": "1"}],
        "signature": IRIS,
        "predicted": True,
        "second": ["2", {"from": "run"}],
        "stages": ["Archived", "Production"],
        "described": ["me", "An iris.", "yes", "The first."],
        "searched": [[name], [name], ["1", "2"], [f"experiment {name}"]],
        "untagged": [None, None],
        "refused": [INVALID] * 4,
        "missing": MISSING,
        "twice": "RESOURCE_ALREADY_EXISTS",
        "gone_alias": MISSING,
        "gone_version": MISSING,
        "renamed": f"{name}-renamed",
        "gone": MISSING,
        "autolog": ["0.5", True, True],
    }


@pytest.mark.timeout(900)
def test_the_guide_says_what_works(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    key, guide = stack.demo["api_key"], ROOT / "docs/guides/mlflow.md"
    run_client("mlflow3", "mlflow_guide.py", f"{stack.url}/mlflow", key, str(guide))
    answer = requests.post(
        f"{stack.url}/api/v1/models/by-mlflow@champion/predict",
        json={"inputs": [[5.1, 3.5, 1.4, 0.2]]},
        headers=stack.headers,
        timeout=30,
    )
    assert answer.json()["predictions"] == [0]
    version = stack.upload(tmp_path / "folder.zip", "from-a-folder")
    assert version["state"] == "ready", version["reason"]
    assert version["libraries"].keys() >= {"mlflow", "scikit-learn"}
