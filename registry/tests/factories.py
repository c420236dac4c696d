"""Rows and files for tests."""

from __future__ import annotations

import hashlib
from typing import Any

from accounts.models import User
from common import clock, storage
from registry.models import Model, ModelVersion, PipelineJob, Runtime, State, waiting_steps

SIGNATURE: dict[str, Any] = {
    "task": "classification",
    "layout": "matrix",
    "inputs": [
        {
            "name": "input",
            "datatype": "FP64",
            "shape": [-1, 2],
            "features": [
                {"name": "width", "dtype": "float"},
                {"name": "height", "dtype": "float", "nullable": True},
            ],
        }
    ],
    "outputs": [{"name": "predict", "datatype": "BYTES", "shape": [-1]}],
    "classes": ["no", "yes"],
}


def make_model(owner: User, name: str = "churn", **fields: Any) -> Model:
    """A model in the user's personal organization."""
    organization = owner.personal_organization
    return Model.objects.create(organization=organization, name=name, created_by=owner, **fields)


def make_version(model: Model, **fields: Any) -> ModelVersion:
    """A ready version with a blob of its own, unless the fields say otherwise."""
    newest = model.versions.order_by("-number").first()
    number = fields.pop("number", (newest.number if newest else 0) + 1)
    content = f"{model.id} {number}".encode()
    ready = fields.get("state", State.READY) == State.READY
    defaults: dict[str, Any] = {
        "number": number,
        "state": State.READY,
        "filename": "model.pkl",
        "sha256": storage.keep(content) if ready else hashlib.sha256(content).hexdigest(),
        "size": len(content),
        "format": "pickle",
        "framework": "scikit-learn",
        "steps": waiting_steps(),
        "signature": SIGNATURE if ready else None,
        "runtime": Runtime.NATIVE if ready else "",
        "ready_at": clock.now() if ready else None,
        "created_by": model.created_by,
    }
    return ModelVersion.objects.create(model=model, **(defaults | fields))


def make_job(version: ModelVersion, **fields: Any) -> PipelineJob:
    return PipelineJob.objects.create(version=version, quarantine_path="/nowhere", **fields)
