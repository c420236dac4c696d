"""What the protocol tells about the server and its models, and Triton's statistics."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from accounts.actors import Actor
from inference import rollups
from inference.decode import MAX_ROWS
from inference.rollups import Totals
from registry.models import Model, ModelVersion, Runtime
from registry.selectors import list_models, list_versions

# Client programs look for this name before they go on.
SERVER_NAME = "triton"
EXTENSIONS = ["binary_tensor_data", "statistics", "model_repository"]
MOST_LISTED = 1000


def server_metadata(version: str) -> dict[str, Any]:
    return {"name": SERVER_NAME, "version": version, "extensions": EXTENSIONS}


def model_metadata(version: ModelVersion) -> dict[str, Any]:
    """Name, versions, platform, and the tensors of a version's signature."""
    signature = version.signature or {}
    ready = list_versions(version.model).ready().values_list("number", flat=True)[:MOST_LISTED]
    return {
        "name": version.model.name,
        "versions": [str(number) for number in reversed(ready)],
        "platform": platform(version),
        "inputs": [_tensor(put) for put in signature["inputs"]],
        "outputs": [_tensor(output) for output in signature["outputs"]],
    }


def platform(version: ModelVersion) -> str:
    """`<project>_<format>` of the file that was uploaded; informational."""
    framework = version.framework or ("onnx" if version.runtime == Runtime.ONNX else "sklearn")
    return f"{framework}_{version.format or 'model'}"


def model_config(version: ModelVersion) -> dict[str, Any]:
    """Triton's configuration, as far as it is ours: names, types, shapes without the batch."""
    signature = version.signature or {}
    return {
        "name": version.model.name,
        "platform": platform(version),
        "backend": str(version.runtime),
        "version_policy": {"specific": {"versions": [version.number]}},
        "max_batch_size": MAX_ROWS,
        "input": [_configured(put) for put in signature["inputs"]],
        "output": [_configured(output) for output in signature["outputs"]],
    }


def _configured(described: dict[str, Any]) -> dict[str, Any]:
    datatype = described["datatype"]
    return {
        "name": described["name"],
        "data_type": "TYPE_STRING" if datatype == "BYTES" else f"TYPE_{datatype}",
        "dims": described["shape"][1:],
    }


def _tensor(described: dict[str, Any]) -> dict[str, Any]:
    return {key: described[key] for key in ("name", "datatype", "shape")}


def statistics(versions: Iterable[ModelVersion]) -> dict[str, Any]:
    """Triton's shape, from the roll-ups: what was shipped until a moment ago."""
    found = list(versions)
    totals = rollups.totals([version.id for version in found])
    return {"model_stats": [_stats(each, totals.get(each.id, Totals())) for each in found]}


def _stats(version: ModelVersion, totals: Totals) -> dict[str, Any]:
    answered = totals.requests - totals.failed
    infer = {"count": answered, "ns": totals.inference_us * 1000}
    none = {"count": 0, "ns": 0}
    return {
        "name": version.model.name,
        "version": str(version.number),
        "last_inference": int(totals.last_at.timestamp() * 1000) if totals.last_at else 0,
        "inference_count": totals.rows,
        "execution_count": answered,
        "inference_stats": {
            "success": {"count": answered, "ns": totals.duration_us * 1000},
            "fail": {"count": totals.failed, "ns": 0},
            "queue": none,
            "compute_input": none,
            "compute_infer": infer,
            "compute_output": none,
            "cache_hit": none,
            "cache_miss": none,
        },
        "response_stats": {},
        "batch_stats": [],
        "memory_usage": [],
    }


def ready_versions(actor: Actor, *, owned: bool = False) -> list[ModelVersion]:
    """Every version that answers, of the models the actor may see, or of their organizations."""
    models = list_models(actor)
    if owned:
        models = models.filter(organization_id__in=actor.organization_ids)
    versions = ModelVersion.objects.filter(model__in=models.values("pk")).ready()
    chosen = versions.select_related("model__organization").order_by("model__name", "number")
    return [version for version in chosen[:MOST_LISTED] if version.answers]


def model_names(actor: Actor) -> list[str]:
    """The models that answer: by name, another owner's as `owner/name`."""
    names = {_name(version.model, actor): None for version in ready_versions(actor)}
    return list(names)


def repository_index(actor: Actor, *, ready_only: bool) -> list[dict[str, str]]:
    """Every version with its state, as Triton names them."""
    models = list_models(actor)
    versions = ModelVersion.objects.filter(model__in=models.values("pk"))
    chosen = versions.select_related("model__organization").order_by("model__name", "number")
    return [
        {
            "name": _name(version.model, actor),
            "version": str(version.number),
            "state": "READY" if version.answers else "UNAVAILABLE",
            "reason": version.reason or ("" if version.answers else version.state),
        }
        for version in chosen[:MOST_LISTED]
        if version.answers or not ready_only
    ]


def _name(model: Model, actor: Actor) -> str:
    own = model.organization_id == actor.organization.id
    return model.name if own else model.reference
