"""Answers in the shapes that MLflow's clients read: times in milliseconds, versions as texts."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from registry.mlflow.place import registration_of
from registry.models import (
    LoggedModel,
    MlflowExperiment,
    MlflowMetric,
    MlflowRun,
    Model,
    ModelVersion,
    Stage,
    State,
)
from registry.models.mlflow import SCHEME

Shape = dict[str, Any]
STATUSES: Final = {
    State.SCANNING: "PENDING_REGISTRATION",
    State.READY: "READY",
    State.REJECTED: "FAILED_REGISTRATION",
}


def experiment(row: MlflowExperiment) -> Shape:
    return {
        "experiment_id": str(row.number),
        "name": row.name,
        "artifact_location": row.artifact_location,
        "lifecycle_stage": _lifecycle(row.deleted_at),
        "creation_time": milliseconds(row.created_at),
        "last_update_time": milliseconds(row.updated_at),
        "tags": pairs(row.tags),
    }


def run_info(row: MlflowRun) -> Shape:
    shape = {
        "run_id": row.run_id,
        "run_uuid": row.run_id,
        "run_name": row.name,
        "experiment_id": str(row.experiment.number),
        "user_id": row.user_name,
        "status": row.status,
        "start_time": row.start_time,
        "artifact_uri": f"{SCHEME}{row.artifact_path}",
        "lifecycle_stage": _lifecycle(row.deleted_at),
    }
    return shape if row.end_time is None else shape | {"end_time": row.end_time}


def run(row: MlflowRun, last: Iterable[MlflowMetric]) -> Shape:
    """A run with the last value of each of its metrics."""
    return {
        "info": run_info(row),
        "data": {
            "metrics": [metric(one) for one in last],
            "params": pairs(row.params),
            "tags": pairs(row.tags),
        },
        "inputs": {"dataset_inputs": row.inputs},
        "outputs": {"model_outputs": row.outputs},
    }


def metric(row: MlflowMetric) -> Shape:
    return {
        "key": row.key,
        "value": _number(row.value),
        "timestamp": row.timestamp,
        "step": row.step,
        "run_id": row.run_id.hex,
        "model_id": row.logged_model.model_id if row.logged_model else "",
        "dataset_name": row.dataset_name,
        "dataset_digest": row.dataset_digest,
    }


def logged_model(row: LoggedModel, metrics: Iterable[MlflowMetric] = ()) -> Shape:
    return {
        "info": {
            "model_id": row.model_id,
            "experiment_id": str(row.experiment.number),
            "name": row.name,
            "creation_timestamp_ms": milliseconds(row.created_at),
            "last_updated_timestamp_ms": milliseconds(row.updated_at),
            "artifact_uri": f"{SCHEME}{row.artifact_path}",
            "status": row.status,
            "model_type": row.model_type,
            "source_run_id": row.run.run_id if row.run else "",
            "tags": pairs(row.tags),
        },
        "data": {
            "params": pairs(row.params),
            "metrics": [metric(one) for one in metrics],
        },
    }


def registered_model(row: Model) -> Shape:
    """A model; its tags are the entries of its metadata."""
    return {
        "name": row.name,
        "creation_timestamp": milliseconds(row.created_at),
        "last_updated_timestamp": milliseconds(row.updated_at),
        "description": row.description,
        "tags": pairs(row.metadata),
        "aliases": [
            {"alias": alias.name, "version": str(alias.version.number)}
            for alias in row.aliases.all()
        ],
        "latest_versions": [model_version(one, row) for one in latest_by_stage(row.versions.all())],
    }


def latest_by_stage(
    versions: Iterable[ModelVersion], stages: Iterable[str] = ()
) -> list[ModelVersion]:
    """The newest version in each stage, of those given newest first; rejected ones don't count."""
    wanted = set(stages) or set(Stage.values)
    found: dict[str, ModelVersion] = {}
    for version in versions:
        stage = registration_of(version).stage
        if stage in wanted and version.state != State.REJECTED:
            found.setdefault(stage, version)
    return list(found.values())


def model_version(row: ModelVersion, model: Model | None = None) -> Shape:
    """A version; its aliases are read with its model where that is given, else with itself."""
    kept = registration_of(row)
    aliases = row.aliases.all() if model is None else model.aliases.all()
    model = model or row.model
    return {
        "name": model.name,
        "version": str(row.number),
        "creation_timestamp": milliseconds(row.created_at),
        "last_updated_timestamp": milliseconds(max(row.updated_at, kept.updated_at)),
        "current_stage": kept.stage,
        "description": kept.description,
        "source": kept.source,
        "run_id": kept.run.run_id if kept.run else "",
        "model_id": kept.logged_model.model_id if kept.logged_model else "",
        "status": STATUSES[State(row.state)],
        "status_message": row.reason,
        "tags": pairs(kept.tags),
        "aliases": [alias.name for alias in aliases if alias.version_id == row.id],
    }


def pairs(values: Mapping[str, Any]) -> list[Shape]:
    """A map as a list of keys and values; what is no text is written as JSON."""
    return [{"key": key, "value": _text(value)} for key, value in values.items()]


def milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _lifecycle(deleted_at: datetime | None) -> str:
    return "active" if deleted_at is None else "deleted"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _number(value: float) -> float | str:
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
