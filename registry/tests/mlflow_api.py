"""What tests need to ask as MLflow's clients do, and a model's folder to log."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from collections.abc import Mapping
from typing import Any

from rest_framework.test import APIClient
from sklearn.linear_model import LogisticRegression

ROOT = "/mlflow/api/2.0"
MANIFEST = """
artifact_path: model
flavors:
  python_function:
    loader_module: os
    code: code
  sklearn:
    code: null
    pickled_model: model.pkl
    serialization_format: cloudpickle
    sklearn_version: 1.9.1
mlflow_version: 2.22.4
saved_input_example_info:
  artifact_path: input_example.json
  type: dataframe
signature:
  inputs: '[{"type": "double", "name": "width", "required": true}, {"type": "double", "name":
    "height", "required": true}]'
  outputs: '[{"type": "tensor", "tensor-spec": {"dtype": "int64", "shape": [-1]}}]'
  params: null
"""
EXAMPLE = {"columns": ["width", "height"], "data": [[1.0, 2.0], [2.0, 1.0]]}


def pickled() -> bytes:
    """A classifier of two features without names of their own."""
    rows = [[0.0, 1.0], [1.0, 0.0], [1.0, 1.0], [0.0, 0.0]]
    return pickle.dumps(LogisticRegression().fit(rows, [0, 1, 1, 0]))


def model_files(
    manifest: str = MANIFEST, more: Mapping[str, bytes] | None = None
) -> dict[str, bytes]:
    """A folder as `mlflow.sklearn.log_model` writes it, by paths."""
    return {
        "MLmodel": manifest.encode(),
        "model.pkl": pickled(),
        "input_example.json": json.dumps(EXAMPLE).encode(),
        "requirements.txt": b"mlflow==2.22.4\nscikit-learn==1.9.1\n-e .\nnumpy\n",
        **(more or {}),
    }


def zipped(files: Mapping[str, bytes], *, below: str = "") -> bytes:
    """The files in a zip, in a folder of this name where one is given."""
    kept = io.BytesIO()
    with zipfile.ZipFile(kept, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in files.items():
            archive.writestr(f"{below}{path}", content)
    return kept.getvalue()


class MlflowApi:
    """One caller, below one address: `api.post("runs/create", experiment_id="0")`."""

    def __init__(self, client: APIClient, root: str = ROOT) -> None:
        self.client = client
        self.root = root

    def get(self, path: str, **query: Any) -> Any:
        return self.client.get(f"{self.root}/mlflow/{path}", query)

    def post(self, path: str, **body: Any) -> Any:
        return self.client.post(f"{self.root}/mlflow/{path}", body, format="json")

    def patch(self, path: str, **body: Any) -> Any:
        return self.client.patch(f"{self.root}/mlflow/{path}", body, format="json")

    def delete(self, path: str, **body: Any) -> Any:
        return self.client.delete(f"{self.root}/mlflow/{path}", body, format="json")

    def put(self, path: str, content: bytes) -> Any:
        return self.client.put(
            f"{self.root}/mlflow-artifacts/artifacts/{path}",
            content,
            content_type="application/octet-stream",
        )

    def fetch(self, path: str) -> Any:
        return self.client.get(f"{self.root}/mlflow-artifacts/artifacts/{path}")

    def files(self, path: str) -> Any:
        return self.client.get(f"{self.root}/mlflow-artifacts/artifacts", {"path": path})

    def start_run(self, **fields: Any) -> dict[str, Any]:
        """A new run's info, in Default unless another experiment is named."""
        answer = self.post("runs/create", **{"experiment_id": "0", **fields})
        assert answer.status_code == 200, answer.content
        info: dict[str, Any] = answer.json()["run"]["info"]
        return info

    def log_folder(self, files: Mapping[str, bytes] | None = None) -> str:
        """A run with a model's folder in it; the folder's source."""
        run = self.start_run()
        for path, content in (model_files() if files is None else files).items():
            answer = self.put(f"{place_of(run)}/model/{path}", content)
            assert answer.status_code == 200, answer.content
        return f"runs:/{run['run_id']}/model"

    def register(self, name: str, source: str, **fields: Any) -> Any:
        """The answer to the wish for a version of this model, which is made where it is not."""
        self.post("registered-models/create", name=name)
        return self.post("model-versions/create", name=name, source=source, **fields)


def place_of(run: Mapping[str, Any]) -> str:
    """Where a run's files lie."""
    return str(run["artifact_uri"]).removeprefix("mlflow-artifacts:/")


def told(answer: Any) -> tuple[int, str]:
    """How a call ended: the status, and MLflow's code where there is one."""
    body = json.loads(answer.content) if answer.content else {}
    return answer.status_code, str(body.get("error_code", ""))
