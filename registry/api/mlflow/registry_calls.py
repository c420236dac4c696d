"""Registered models and their versions."""

from __future__ import annotations

from typing import Any, Final

from common.errors import Invalid
from registry import services
from registry.api.mlflow.calls import READ, WRITE, Shape, call, page
from registry.errors import BadSource
from registry.mlflow import place as places
from registry.mlflow import shapes
from registry.mlflow.asked import KEY, Asked
from registry.mlflow.filters import Searchable, apply_filter, apply_order
from registry.mlflow.place import Place, registration_of
from registry.models import Model, ModelVersion, Stage
from registry.selectors import get_alias
from registry.services import registered
from registry.services.registered import Wish

TAG: Final = 5000
SOURCE: Final = 1500
NAME: Final = 256
MODELS: Final = Searchable(
    {
        "name": "name", "timestamp": "updated_at", "last_updated_timestamp": "updated_at",
        "creation_timestamp": "created_at",
    },
    {"tags": "metadata"},
)  # fmt: skip
VERSIONS: Final = Searchable(
    {
        "name": "model__name", "version_number": "number", "version": "number",
        "creation_timestamp": "created_at", "last_updated_timestamp": "updated_at",
        "timestamp": "updated_at", "source_path": "registration__source",
        "source": "registration__source", "run_id": "registration__run",
        "model_id": "registration__logged_model",
    },
    {"tags": "registration__tags"},
)  # fmt: skip


@call("POST", "registered-models/create", WRITE)
def create_registered_model(place: Place, asked: Asked) -> Shape:
    """Make a registered model: a name that versions come under."""
    model = registered.create_model(
        place,
        asked.text("name", most=NAME),
        description=asked.text("description", ""),
        tags=asked.pairs("tags", most=TAG),
    )
    return _model_shape(place, model.name)


@call("GET", "registered-models/get", READ, "name")
def get_registered_model(place: Place, asked: Asked) -> Shape:
    """A registered model, its aliases, and its newest version in each stage."""
    return {"registered_model": shapes.registered_model(_model(place, asked))}


@call("GET", "registered-models/search", READ, "filter", "max_results", "order_by", "page_token")
def search_registered_models(place: Place, asked: Asked) -> Shape:
    """Registered models, by name and tags."""
    rows = places.registered_models(place)
    rows = apply_filter(rows, asked.text("filter", ""), MODELS)
    rows = apply_order(rows, asked.texts("order_by"), MODELS, "name")
    found, more = page(asked, rows, usual=100, most=200)
    return {"registered_models": [shapes.registered_model(row) for row in found], **more}


@call("PATCH", "registered-models/update", WRITE)
def update_registered_model(place: Place, asked: Asked) -> Shape:
    """Describe a registered model."""
    model = _model(place, asked)
    services.update_model(model, {"description": asked.text("description", "")}, actor=place.actor)
    return {"registered_model": shapes.registered_model(model)}


@call("POST", "registered-models/rename", WRITE)
def rename_registered_model(place: Place, asked: Asked) -> Shape:
    """Call a registered model something else."""
    new = asked.text("new_name", most=NAME)
    registered.rename_model(_model(place, asked), new, place=place)
    return _model_shape(place, new)


@call("DELETE", "registered-models/delete", WRITE)
def delete_registered_model(place: Place, asked: Asked) -> Shape:
    """Archive a registered model and its versions."""
    registered.delete_model(_model(place, asked), place=place)
    return {}


@call("POST", "registered-models/set-tag", WRITE)
def set_registered_model_tag(place: Place, asked: Asked) -> Shape:
    """Set a tag: an entry of the model's metadata."""
    tags = {asked.text("key", most=KEY): asked.text("value", "", most=TAG)}
    registered.tag_model(_model(place, asked), tags, place=place)
    return {}


@call("DELETE", "registered-models/delete-tag", WRITE)
def delete_registered_model_tag(place: Place, asked: Asked) -> Shape:
    """Take a tag away."""
    registered.tag_model(_model(place, asked), {asked.text("key", most=KEY): None}, place=place)
    return {}


def _latest_versions(place: Place, asked: Asked) -> Shape:
    stages = [_stage(name) for name in asked.texts("stages")]
    model = _model(place, asked)
    found = shapes.latest_by_stage(model.versions.all(), stages)
    return {"model_versions": [shapes.model_version(version, model) for version in found]}


@call("POST", "registered-models/get-latest-versions", READ)
def get_latest_versions(place: Place, asked: Asked) -> Shape:
    """The newest version in each stage."""
    return _latest_versions(place, asked)


@call("GET", "registered-models/get-latest-versions", READ, "name", "stages")
def get_latest_versions_by_query(place: Place, asked: Asked) -> Shape:
    """The newest version in each stage."""
    return _latest_versions(place, asked)


@call("POST", "registered-models/alias", WRITE)
def set_registered_model_alias(place: Place, asked: Asked) -> Shape:
    """Have an alias lead to a version, once that version has answered its own example."""
    version = _version(place, asked)
    alias = asked.text("alias", most=KEY)
    services.set_alias(version.model, alias, version.number, actor=place.actor)
    return {}


@call("DELETE", "registered-models/alias", WRITE)
def delete_registered_model_alias(place: Place, asked: Asked) -> Shape:
    """Take an alias away."""
    services.remove_alias(_model(place, asked), asked.text("alias", most=KEY), actor=place.actor)
    return {}


@call("GET", "registered-models/alias", READ, "name", "alias")
def get_model_version_by_alias(place: Place, asked: Asked) -> Shape:
    """The version that an alias leads to."""
    model = _model(place, asked)
    number = get_alias(model, asked.text("alias", most=KEY)).version.number
    return _version_shape(places.get_registered_version(place, model.name, str(number)))


@call("POST", "model-versions/create", WRITE)
def create_model_version(place: Place, asked: Asked) -> Shape:
    """Register a model that was logged here. It is checked as every upload is; ask for `status`."""
    wish = Wish(
        source=asked.text("source", most=SOURCE),
        run_id=asked.text("run_id", "", most=KEY),
        model_id=asked.text("model_id", "", most=KEY),
        description=asked.text("description", ""),
        tags=asked.pairs("tags", most=TAG),
    )
    return _version_shape(registered.register_version(_model(place, asked), wish, place=place))


@call("GET", "model-versions/get", READ, "name", "version")
def get_model_version(place: Place, asked: Asked) -> Shape:
    """A version: `PENDING_REGISTRATION` until it is checked, then `READY`, or why not."""
    return _version_shape(_version(place, asked))


@call("GET", "model-versions/search", READ, "filter", "max_results", "order_by", "page_token")
def search_model_versions(place: Place, asked: Asked) -> Shape:
    """Versions, by name, source, run and tags."""
    rows = places.registered_versions(place)
    rows = apply_filter(rows, asked.text("filter", ""), VERSIONS)
    rows = apply_order(rows, asked.texts("order_by"), VERSIONS, "-updated_at")
    found, more = page(asked, rows, usual=100, most=1000)
    return {"model_versions": [shapes.model_version(row) for row in found], **more}


@call("PATCH", "model-versions/update", WRITE)
def update_model_version(place: Place, asked: Asked) -> Shape:
    """Describe a version."""
    changes = {"description": asked.text("description", "")}
    return _changed(place, asked, changes)


@call("POST", "model-versions/set-tag", WRITE)
def set_model_version_tag(place: Place, asked: Asked) -> Shape:
    """Set a tag of a version."""
    tags = {asked.text("key", most=KEY): asked.text("value", "", most=TAG)}
    _changed(place, asked, {"tags": tags})
    return {}


@call("DELETE", "model-versions/delete-tag", WRITE)
def delete_model_version_tag(place: Place, asked: Asked) -> Shape:
    """Take a tag of a version away."""
    _changed(place, asked, {"tags": {asked.text("key", most=KEY): None}})
    return {}


@call("POST", "model-versions/transition-stage", WRITE)
def transition_model_version_stage(place: Place, asked: Asked) -> Shape:
    """Put a version in a stage. Stages are kept for older clients; aliases are what leads here."""
    stage = _stage(asked.text("stage", most=KEY))
    version = registered.move_to_stage(
        _version(place, asked),
        stage,
        place=place,
        archive_others=asked.flag("archive_existing_versions"),
    )
    return _version_shape(version)


@call("DELETE", "model-versions/delete", WRITE)
def delete_model_version(place: Place, asked: Asked) -> Shape:
    """Archive a version: it answers no more."""
    registered.delete_version(_version(place, asked), place=place)
    return {}


@call("GET", "model-versions/get-download-uri", READ, "name", "version")
def get_model_version_download_uri(place: Place, asked: Asked) -> Shape:
    """Where the folder lies that a version was registered from."""
    version = _version(place, asked)
    source = registration_of(version).source
    if not source:
        raise BadSource(
            f"{version.model.name} version {version.number} was uploaded as a file, and has no "
            f"MLflow folder. Download it at /api/v1/models/{version.model.reference}/versions/"
            f"{version.number}/download."
        )
    return {"artifact_uri": source}


def _model(place: Place, asked: Asked) -> Model:
    return places.get_registered(place, asked.text("name", most=NAME))


def _model_shape(place: Place, name: str) -> Shape:
    return {"registered_model": shapes.registered_model(places.get_registered(place, name))}


def _version(place: Place, asked: Asked) -> ModelVersion:
    number = asked.word("version", "")
    return places.get_registered_version(place, asked.text("name", most=NAME), number)


def _version_shape(version: ModelVersion) -> Shape:
    return {"model_version": shapes.model_version(version)}


def _changed(place: Place, asked: Asked, changes: dict[str, Any]) -> Shape:
    version = registered.change_registration(_version(place, asked), changes, place=place)
    return _version_shape(version)


def _stage(name: str) -> str:
    found = {stage.lower(): stage for stage in Stage.values}.get(name.lower())
    if found is None:
        raise Invalid(f"The stage is one of {', '.join(Stage.values)}.")
    return found
