"""It answers whatever is sent to MLflow's routes, and whatever lies in a folder, without a 5xx."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from common.errors import DomainError
from registry.api.mlflow.calls import Call, calls
from registry.api.mlflow.urls import urlpatterns
from registry.mlflow.folders import read_folder
from registry.mlflow.zips import ZipFolder, is_folder
from registry.tests.factories import make_model, make_version
from registry.tests.mlflow_api import ROOT, MlflowApi, model_files, zipped

FIELDS = (
    "name", "new_name", "version", "alias", "stage", "source", "run_id", "run_uuid", "model_id",
    "experiment_id", "experiment_ids", "experiment_name", "key", "value", "step", "timestamp",
    "status", "start_time", "end_time", "filter", "order_by", "max_results", "page_token", "tags",
    "params", "metrics", "models", "datasets", "stages", "description", "model_json", "view_type",
    "run_view_type", "metric_key", "run_name", "source_run_id",
)  # fmt: skip
NASTY: tuple[Any, ...] = (
    "", "x", "0", "-1", "churn", "'", "%", "name = 'x'", 0, -1, 1.5, 2**70, 1e308, True, None, [],
    {}, [[]], [{}], ["x"], [{"key": "k"}], [{"key": {}}], {"a": [1]}, "x" * 20_000, "é\u202e",
    "NaN",
)  # fmt: skip


@pytest.fixture
def api(alice: User, client_for: Callable[[User], APIClient]) -> MlflowApi:
    made = client_for(alice)
    made.raise_request_exception = False
    return MlflowApi(made)


def is_told(answer: Any) -> bool:
    return answer.status_code == 200 or (
        400 <= answer.status_code < 500 and set(answer.json()) == {"error_code", "message"}
    )


@pytest.mark.django_db
@pytest.mark.parametrize("one", calls, ids=lambda one: f"{one.method} {one.path}")
def test_no_call_brings_it_down(api: MlflowApi, alice: User, one: Call) -> None:
    assert len(urlpatterns) > 40
    make_version(make_model(alice))
    run_id = api.start_run()["run_id"]
    model_id = api.post("logged-models", name="m").json()["model"]["info"]["model_id"]
    path = one.path.replace(r"(?P<model_id>(?!search$)[^/]+)", model_id)
    path = path.replace("(?P<key>[^/]+)", "k")
    chance = random.Random(one.path)
    real = {"name": "churn", "version": "1", "run_id": run_id, "experiment_id": "0", "key": "k"}
    for _ in range(20):
        wrong = {name: chance.choice(NASTY) for name in chance.sample(FIELDS, 4)}
        fields = {**{n: v for n, v in real.items() if chance.random() < 0.7}, **wrong}
        if one.method == "GET":
            texts = {name: str(value) for name, value in fields.items()}
            answer = api.client.get(f"{ROOT}/mlflow/{path}", texts)
        else:
            ask = getattr(api.client, one.method.lower())
            answer = ask(f"{ROOT}/mlflow/{path}", fields, format="json")
        assert is_told(answer), (fields, answer.content)


def damaged(content: bytes, seed: int) -> bytes:
    """Some bytes changed, and sometimes the end missing."""
    chance = random.Random(seed)
    found = bytearray(content)
    for _ in range(chance.randint(1, 12)):
        found[chance.randrange(len(found))] = chance.randrange(256)
    return bytes(found[: chance.randrange(len(found))] if chance.random() < 0.1 else found)


def test_a_damaged_zip_is_refused_or_read(tmp_path: Path) -> None:
    whole = zipped({"MLmodel": model_files()["MLmodel"], "model.pkl": b"x", "a/b": b"c"})
    path = tmp_path / "zip"
    read = 0
    for seed in range(3000):
        path.write_bytes(damaged(whole, seed))
        try:
            if is_folder(path):
                with ZipFolder(path) as folder:
                    read += b"".join(folder.chunks(read_folder(folder).path)) == b"x"
        except DomainError:
            continue
    assert 0 < read < 3000


def test_a_damaged_manifest_is_refused_or_read(tmp_path: Path) -> None:
    files = model_files()
    path = tmp_path / "zip"
    read = 0
    for seed in range(500):
        manifest = damaged(files["MLmodel"], seed)
        path.write_bytes(zipped({**files, "MLmodel": manifest}))
        try:
            with ZipFolder(path) as folder:
                read += read_folder(folder).path == "model.pkl"
        except DomainError:
            continue
    assert 0 < read < 500
