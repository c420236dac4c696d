"""Models, their versions, shares and aliases, the job that takes a version live, MLflow's runs."""

from __future__ import annotations

from registry.models.aliases import CHAMPION, Alias, AliasMove, MoveKind
from registry.models.mlflow import (
    LoggedFile,
    LoggedModel,
    LoggedStatus,
    MlflowExperiment,
    MlflowMetric,
    MlflowRun,
    Registration,
    RunStatus,
    Stage,
)
from registry.models.models import (
    MOST_CACHE_SECONDS,
    MOST_CONCURRENCY,
    MOST_TIMEOUT_S,
    STEPS,
    Model,
    ModelQuerySet,
    ModelVersion,
    ModelVersionQuerySet,
    PipelineJob,
    Runtime,
    State,
    Status,
    StoreInputs,
    waiting_steps,
)
from registry.models.shares import RANKS, ModelShare, ModelShareQuerySet, Permission

__all__ = [
    "CHAMPION",
    "MOST_CACHE_SECONDS",
    "MOST_CONCURRENCY",
    "MOST_TIMEOUT_S",
    "RANKS",
    "STEPS",
    "Alias",
    "AliasMove",
    "LoggedFile",
    "LoggedModel",
    "LoggedStatus",
    "MlflowExperiment",
    "MlflowMetric",
    "MlflowRun",
    "Model",
    "ModelQuerySet",
    "ModelShare",
    "ModelShareQuerySet",
    "ModelVersion",
    "ModelVersionQuerySet",
    "MoveKind",
    "Permission",
    "PipelineJob",
    "Registration",
    "RunStatus",
    "Runtime",
    "Stage",
    "State",
    "Status",
    "StoreInputs",
    "waiting_steps",
]
