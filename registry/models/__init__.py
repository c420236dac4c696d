"""Models, their versions, shares and aliases, and the job that takes a version live."""

from __future__ import annotations

from registry.models.aliases import CHAMPION, Alias, AliasMove, MoveKind
from registry.models.models import (
    RANKS,
    STEPS,
    Model,
    ModelQuerySet,
    ModelShare,
    ModelShareQuerySet,
    ModelVersion,
    ModelVersionQuerySet,
    Permission,
    PipelineJob,
    Runtime,
    State,
    Status,
    waiting_steps,
)

__all__ = [
    "CHAMPION",
    "RANKS",
    "STEPS",
    "Alias",
    "AliasMove",
    "Model",
    "ModelQuerySet",
    "ModelShare",
    "ModelShareQuerySet",
    "ModelVersion",
    "ModelVersionQuerySet",
    "MoveKind",
    "Permission",
    "PipelineJob",
    "Runtime",
    "State",
    "Status",
    "waiting_steps",
]
