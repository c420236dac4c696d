"""MLflow's own client of the tracking server and the registry, unmodified. Prints JSON.

Arguments: the tracking URI, the key, the address of the prediction routes.
"""

import json
import os
import sys
import tempfile
from pathlib import Path

uri, key, models = sys.argv[1:4]
os.environ |= {
    "MLFLOW_TRACKING_URI": uri,
    "MLFLOW_TRACKING_TOKEN": key,
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "GIT_PYTHON_REFRESH": "quiet",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}

import mlflow  # noqa: E402  it reads the environment
import requests  # noqa: E402
from mlflow.exceptions import MlflowException  # noqa: E402
from mlflow.models import infer_signature  # noqa: E402
from mlflow.tracking import MlflowClient  # noqa: E402
from sklearn.datasets import load_iris  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402

IS_3 = mlflow.__version__.startswith("3.")
NAME = f"mlflow-{mlflow.__version__.split('.')[0]}"
X, y = load_iris(return_X_y=True, as_frame=True)
fitted = LogisticRegression(max_iter=1000).fit(X, y)
ROWS = X.head(3)
where = {"name": "model"} if IS_3 else {"artifact_path": "model"}
client = MlflowClient()
seen: dict[str, object] = {"version": mlflow.__version__}


def refused(ask, *arguments, **named):
    """The code of the error that a call ends with."""
    try:
        ask(*arguments, **named)
    except MlflowException as error:
        return error.error_code
    return "nothing"


# Log and register.
mlflow.set_experiment(f"experiment {NAME}")
with mlflow.start_run(run_name="first") as run:
    mlflow.log_param("C", 1.0)
    mlflow.log_params({"a": 1, "b": "two"})
    for step in range(3):
        mlflow.log_metric("loss", 1.0 / (step + 1), step=step)
    mlflow.log_metrics({"accuracy": 0.9, "nothing": float("nan")})
    mlflow.set_tags({"team": "x", "note": "line\nline"})
    info = mlflow.sklearn.log_model(
        fitted,
        signature=infer_signature(X, fitted.predict(X)),
        input_example=ROWS,
        registered_model_name=NAME,
        **where,
    )
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "deep" / "er").mkdir(parents=True)
        (Path(folder) / "deep" / "er" / "notes with spaces.txt").write_text("kept")
        (Path(folder) / "big.bin").write_bytes(b"x" * 9_000_000)
        mlflow.log_artifacts(folder, "extra")
    mlflow.log_text("some text", "text.txt")
    mlflow.log_text("", "empty.txt")

back = client.get_run(run.info.run_id)
seen["run"] = {
    "status": back.info.status,
    "name": back.info.run_name,
    "params": back.data.params,
    "loss": back.data.metrics["loss"],
    "nan": str(back.data.metrics["nothing"]),
    "tags": {name: back.data.tags[name] for name in ("team", "note")},
    "history": [one.value for one in client.get_metric_history(run.info.run_id, "loss")],
    "files": sorted(one.path for one in client.list_artifacts(run.info.run_id)),
    "extra": sorted(one.path for one in client.list_artifacts(run.info.run_id, "extra/deep")),
    "kept": Path(
        mlflow.artifacts.download_artifacts(
            run_id=run.info.run_id, artifact_path="extra/deep/er/notes with spaces.txt"
        )
    ).read_text(),
    "found": len(mlflow.search_runs(filter_string="tags.team = 'x'")),
    "best": mlflow.search_runs(
        filter_string="metrics.loss < 0.5 AND metrics.accuracy >= 0.9",
        order_by=["metrics.loss ASC"],
    )["metrics.loss"]
    .round(3)
    .tolist(),
}

# Alias, stage, load.
version = client.get_model_version(NAME, "1")
seen["status"] = [version.status, version.current_stage, version.run_id == run.info.run_id]
client.set_registered_model_alias(NAME, "champion", "1")
seen["alias"] = [
    client.get_model_version_by_alias(NAME, "champion").version,
    dict(client.get_registered_model(NAME).aliases),
]
client.transition_model_version_stage(NAME, "1", "Production")
expected = fitted.predict(ROWS).tolist()
for source in (
    f"models:/{NAME}/1",
    f"models:/{NAME}@champion",
    f"models:/{NAME}/Production",
    f"models:/{NAME}/latest",
    f"runs:/{run.info.run_id}/model",
):
    assert mlflow.sklearn.load_model(source).predict(ROWS).tolist() == expected, source
loaded = mlflow.pyfunc.load_model(f"models:/{NAME}@champion")
assert loaded.predict(ROWS).tolist() == expected
seen["signature"] = [column.name for column in loaded.metadata.signature.inputs]

# It answers at once.
answer = requests.post(
    f"{models}/{NAME}@champion/predict",
    json={"records": ROWS.to_dict("records")},
    headers={"Authorization": f"Bearer {key}"},
    timeout=30,
)
seen["predicted"] = answer.json()["predictions"] == expected

# A second version, registered from the run.
second = mlflow.register_model(f"runs:/{run.info.run_id}/model", NAME, tags={"from": "run"})
seen["second"] = [str(second.version), second.tags]
client.transition_model_version_stage(NAME, "2", "Production", archive_existing_versions=True)
seen["stages"] = [client.get_model_version(NAME, n).current_stage for n in ("1", "2")]

# Search, tag, describe.
client.set_registered_model_tag(NAME, "owner", "me")
client.set_model_version_tag(NAME, "1", "checked", "yes")
client.update_registered_model(NAME, description="An iris.")
client.update_model_version(NAME, "1", description="The first.")
model = client.get_registered_model(NAME)
seen["described"] = [
    model.tags.get("owner"),
    model.description,
    client.get_model_version(NAME, "1").tags.get("checked"),
    client.get_model_version(NAME, "1").description,
]
seen["searched"] = [
    [one.name for one in client.search_registered_models(f"name = '{NAME}'")],
    [one.name for one in client.search_registered_models("tags.owner = 'me'")],
    sorted(str(one.version) for one in client.search_model_versions(f"name='{NAME}'")),
    [one.name for one in client.search_experiments(filter_string=f"name LIKE '%{NAME}'")],
]
client.delete_registered_model_tag(NAME, "owner")
client.delete_model_version_tag(NAME, "1", "checked")
seen["untagged"] = [
    client.get_registered_model(NAME).tags.get("owner"),
    client.get_model_version(NAME, "1").tags.get("checked"),
]

# What is not taken.
seen["refused"] = [
    refused(client.create_model_version, NAME, source, run_id=None)
    for source in ("file:///etc", "http://169.254.169.254/x", "s3://bucket/x", "runs:/../x")
]
seen["missing"] = refused(client.get_registered_model, "no-such-model")
seen["twice"] = refused(client.create_registered_model, NAME)


# Rename and delete.
client.delete_registered_model_alias(NAME, "champion")
seen["gone_alias"] = refused(client.get_model_version_by_alias, NAME, "champion")
client.delete_model_version(NAME, "2")
seen["gone_version"] = refused(client.get_model_version, NAME, "2")
client.rename_registered_model(NAME, f"{NAME}-renamed")
seen["renamed"] = client.get_model_version(f"{NAME}-renamed", "1").name
client.delete_registered_model(f"{NAME}-renamed")
seen["gone"] = refused(client.get_registered_model, f"{NAME}-renamed")

# Autologging, in the experiment that is there always.
mlflow.set_experiment(experiment_id="0")
mlflow.sklearn.autolog(log_datasets=True, silent=True)
with mlflow.start_run() as auto:
    LogisticRegression(max_iter=500, C=0.5).fit(X, y)
logged = client.get_run(auto.info.run_id)
seen["autolog"] = [
    logged.data.params["C"],
    "training_accuracy_score" in logged.data.metrics,
    len(logged.inputs.dataset_inputs) > 0,
]
print(json.dumps(seen, default=str))
