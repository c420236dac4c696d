"""MLflow's server and registry: for acme's people alone, below its own address."""

from __future__ import annotations

from typing import Any

from tests.matrix.table import Named, Row, columns

API = "/mlflow/acme/api/2.0/mlflow"
FILES = "/mlflow/acme/api/2.0/mlflow-artifacts/artifacts"
# anonymous stranger viewer user editor owner admin operator read-only other expired revoked
# Runs and files are no model's: a key for another model sees none.
READS = "401 404 404 404 404 200 200 404 200 403 401 401"
WRITES = "401 404 404 404 404 200 200 404 403 403 401 401"
# What is wrong on purpose: 400 says that the caller got as far as that.
REFUSED = "401 404 404 404 404 400 400 404 403 403 401 401"
# Of a model: a key for another one finds none. A list it has finds nothing.
READS_MODEL = "401 404 404 404 404 200 200 404 200 404 401 401"
WRITES_MODEL = "401 404 404 404 404 200 200 404 403 404 401 401"
LISTS = "401 404 404 404 404 200 200 404 200 200 401 401"

CHURN = {"name": "churn"}
FIRST = {"name": "churn", "version": "1"}
TAG = {"key": "k", "value": "v"}


def experiment(**more: Any) -> Named:
    return Named(experiment_id="{experiment_number}", **more)


def run(**more: Any) -> Named:
    return Named(run_id="{run}", **more)


ROWS: list[Row] = columns(
    ("POST", f"{API}/experiments/create", {"name": "new"}, WRITES),
    ("GET", f"{API}/experiments/get?experiment_id={{experiment_number}}", None, READS),
    ("GET", f"{API}/experiments/get-by-name?experiment_name=Default", None, READS),
    ("GET", f"{API}/experiments/search", None, READS),
    ("POST", f"{API}/experiments/search", {}, READS),
    ("POST", f"{API}/experiments/update", experiment(new_name="n"), WRITES),
    ("POST", f"{API}/experiments/delete", experiment(), WRITES),
    ("POST", f"{API}/experiments/restore", experiment(), WRITES),
    ("POST", f"{API}/experiments/set-experiment-tag", experiment(**TAG), WRITES),
    ("POST", f"{API}/experiments/delete-experiment-tag", experiment(**TAG), WRITES),
    ("POST", f"{API}/runs/create", experiment(), WRITES),
    ("GET", f"{API}/runs/get?run_id={{run}}", None, READS),
    ("POST", f"{API}/runs/update", run(status="FINISHED"), WRITES),
    ("POST", f"{API}/runs/delete", run(), WRITES),
    ("POST", f"{API}/runs/restore", run(), WRITES),
    ("POST", f"{API}/runs/search", {}, READS),
    ("POST", f"{API}/runs/log-metric", run(key="k", value=1), WRITES),
    ("POST", f"{API}/runs/log-parameter", run(**TAG), WRITES),
    ("POST", f"{API}/runs/log-batch", run(), WRITES),
    ("POST", f"{API}/runs/set-tag", run(**TAG), WRITES),
    ("POST", f"{API}/runs/delete-tag", run(**TAG), WRITES),
    ("POST", f"{API}/runs/log-inputs", run(), WRITES),
    ("POST", f"{API}/runs/outputs", run(), WRITES),
    ("POST", f"{API}/runs/log-model", run(model_json="{{}}"), REFUSED),
    ("GET", f"{API}/metrics/get-history?run_id={{run}}&metric_key=k", None, READS),
    ("POST", f"{API}/logged-models", experiment(name="new"), WRITES),
    ("POST", f"{API}/logged-models/search", {}, READS),
    ("GET", f"{API}/logged-models/{{logged_model}}", None, READS),
    ("PATCH", f"{API}/logged-models/{{logged_model}}", {"status": "LOGGED_MODEL_READY"}, WRITES),
    ("DELETE", f"{API}/logged-models/{{logged_model}}", None, WRITES),
    ("PATCH", f"{API}/logged-models/{{logged_model}}/tags", {"tags": [TAG]}, WRITES),
    ("DELETE", f"{API}/logged-models/{{logged_model}}/tags/k", None, WRITES),
    ("POST", f"{API}/logged-models/{{logged_model}}/params", {"params": [TAG]}, WRITES),
    ("POST", f"{API}/registered-models/create", {"name": "new"}, WRITES),
    ("GET", f"{API}/registered-models/get?name=churn", None, READS_MODEL),
    ("GET", f"{API}/registered-models/search", None, LISTS),
    ("PATCH", f"{API}/registered-models/update", CHURN | {"description": "d"}, WRITES_MODEL),
    ("POST", f"{API}/registered-models/rename", CHURN | {"new_name": "n"}, WRITES_MODEL),
    ("DELETE", f"{API}/registered-models/delete", CHURN, WRITES_MODEL),
    ("POST", f"{API}/registered-models/set-tag", CHURN | TAG, WRITES_MODEL),
    ("DELETE", f"{API}/registered-models/delete-tag", CHURN | TAG, WRITES_MODEL),
    ("POST", f"{API}/registered-models/get-latest-versions", CHURN, READS_MODEL),
    ("GET", f"{API}/registered-models/get-latest-versions?name=churn", None, READS_MODEL),
    ("POST", f"{API}/registered-models/alias", FIRST | {"alias": "steady"}, WRITES_MODEL),
    ("DELETE", f"{API}/registered-models/alias", CHURN | {"alias": "steady"}, WRITES_MODEL),
    ("GET", f"{API}/registered-models/alias?name=churn&alias=steady", None, READS_MODEL),
    ("POST", f"{API}/model-versions/create", CHURN | {"source": "file:///etc"}, "401 404 404 404 404 400 400 404 403 404 401 401"),
    ("GET", f"{API}/model-versions/get?name=churn&version=1", None, READS_MODEL),
    ("GET", f"{API}/model-versions/search", None, LISTS),
    ("PATCH", f"{API}/model-versions/update", FIRST | {"description": "d"}, WRITES_MODEL),
    ("DELETE", f"{API}/model-versions/delete", FIRST, WRITES_MODEL),
    ("POST", f"{API}/model-versions/set-tag", FIRST | TAG, WRITES_MODEL),
    ("DELETE", f"{API}/model-versions/delete-tag", FIRST | TAG, WRITES_MODEL),
    ("POST", f"{API}/model-versions/transition-stage", FIRST | {"stage": "Staging"}, WRITES_MODEL),
    # It was uploaded as a file: there is no folder to download.
    ("GET", f"{API}/model-versions/get-download-uri?name=churn&version=1", None, "401 404 404 404 404 400 400 404 400 404 401 401"),
    ("GET", f"{FILES}?path={{files}}", None, READS),
    ("GET", f"{FILES}/{{files}}/file.txt", None, READS),
    ("PUT", f"{FILES}/{{files}}/new.txt", b"new", WRITES),
    ("DELETE", f"{FILES}/{{files}}/file.txt", None, WRITES),
    ("GET", "/mlflow/acme/api/3.0/mlflow/server-info", None, LISTS),
    # One's own organization, where none is named: empty, and there for everybody.
    ("GET", "/mlflow/api/2.0/mlflow/registered-models/search", None, "401 200 200 200 200 200 200 200 200 200 401 401"),
)  # fmt: skip
