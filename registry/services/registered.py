"""Every write of MLflow's clients to registered models and their versions.

A registered model is one of ours, its versions are ours: what is deleted there is deleted here, and
what is archived here is gone there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from django.db import IntegrityError, transaction

from common.errors import Invalid, Unavailable
from common.events import publish
from common.storage import Received
from registry.errors import BadFolder, BadSource, EditDenied, NameTaken
from registry.events import ModelCreated, ModelRenamed, ModelVersionUpdated
from registry.mlflow.folders import read_folder
from registry.mlflow.paths import Location, VersionSource, parse_source
from registry.mlflow.place import (
    WRITERS,
    Holder,
    Place,
    files_of,
    find_holder,
    get_logged_model,
    get_registered,
    get_registered_version,
    get_run,
    registered_versions,
    registration_of,
)
from registry.models import (
    Alias,
    LoggedModel,
    MlflowRun,
    Model,
    ModelVersion,
    Registration,
    Stage,
    Status,
)
from registry.models.mlflow import SCHEME
from registry.permissions import can_edit_model
from registry.refs import check_name
from registry.selectors import get_alias
from registry.services import deletion
from registry.services.aliases import remove_alias
from registry.services.folders import described
from registry.services.logged import folder_of
from registry.services.models import (
    Upload,
    update_model,
    update_version,
    upload_version,
    versions_of,
)
from registry.services.tracking import merged

METADATA_MOST: Final = 64 * 1024
MOST_SAID: Final = 500  # characters of each part of where a version comes from


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A version as a client wants it registered."""

    source: str
    run_id: str = ""
    model_id: str = ""
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


@transaction.atomic
def create_model(
    place: Place, name: str, *, description: str = "", tags: Mapping[str, str] | None = None
) -> Model:
    """A name without a version. One that is archived comes back, its versions stay archived.

    Raises EditDenied, BadReference, NameTaken.
    """
    check_name(name)
    fields: dict[str, Any] = {"description": description, "metadata": checked(tags or {})}
    existing = Model.objects.visible_to(place.actor).filter(organization=place.organization)
    model = existing.named(name).select_for_update(of=("self",)).first()
    if model is not None and model.status != Status.ARCHIVED:
        raise NameTaken(f"There is a registered model called {model.name!r}.")
    if model is not None:
        update_model(model, fields, actor=place.actor)
        return _restore(model, place)
    _check_makes(place, name)
    try:
        with transaction.atomic():
            model = Model.objects.create(
                organization=place.organization, name=name, created_by_id=place.actor.id, **fields
            )
    except IntegrityError:
        raise NameTaken(f"There is a registered model called {name!r}.") from None
    publish(
        ModelCreated(model_id=model.id, name=name),
        actor_id=place.actor.id,
        organization_id=place.organization.id,
    )
    return model


def _restore(model: Model, place: Place) -> Model:
    """The name alone: what was deleted as an MLflow model does not answer again by its return."""
    _remove_aliases(model.aliases.all(), place, "The model was deleted, and its name taken again.")
    leaving = set(versions_of(model).exclude(purge_at=None).values_list("id", flat=True))
    update_model(model, {"status": Status.ACTIVE}, actor=place.actor)
    for version in versions_of(model).filter(purged_at=None):
        version.model = model
        if version.id in leaving:
            deletion.delete_version(version, actor=place.actor)
        else:
            update_version(version, {"status": Status.ARCHIVED}, actor=place.actor)
    return model


def _check_makes(place: Place, name: str) -> None:
    if place.role not in WRITERS:
        raise EditDenied(f"A viewer of {place.organization.slug} can't make models.")
    wanted = f"{place.organization.slug}/{name.lower()}"
    if place.actor.model_refs and wanted not in place.actor.model_refs:
        raise EditDenied(f"Your key is for certain models alone, and not for {name}.")


@transaction.atomic
def rename_model(model: Model, name: str, *, place: Place) -> Model:
    """Call a model something else: it answers under the new name alone.

    Raises EditDenied, BadReference, NameTaken.
    """
    _check_edits(place, model)
    check_name(name)
    before = model.name
    if name == before:
        return model
    _check_makes(place, name)
    model.name = name
    try:
        with transaction.atomic():
            model.touch("name")
    except IntegrityError:
        raise NameTaken(f"There is a model called {name!r}, or an archived one.") from None
    publish(
        ModelRenamed(model_id=model.id, name=before, new_name=name),
        actor_id=place.actor.id,
        organization_id=model.organization_id,
    )
    return model


@transaction.atomic
def tag_model(model: Model, changes: Mapping[str, str | None], *, place: Place) -> None:
    """Set entries of the metadata, or take away those that are None. Raises EditDenied."""
    locked = Model.objects.select_for_update().get(id=model.id)
    locked.granted = getattr(model, "granted", 0)  # type: ignore[attr-defined]  # as annotated
    metadata = checked(merged(locked.metadata, changes))
    update_model(locked, {"metadata": metadata}, actor=place.actor)


@transaction.atomic
def delete_model(model: Model, *, place: Place) -> None:
    """Delete a model with its versions, as the API does, its aliases first. Raises EditDenied."""
    _check_edits(place, model)
    _remove_aliases(model.aliases.all(), place, "The model was deleted.")
    deletion.delete_model(model, actor=place.actor)


@transaction.atomic
def delete_version(version: ModelVersion, *, place: Place) -> None:
    """Delete a version, as the API does, the aliases that lead to it first. Raises EditDenied."""
    _check_edits(place, version.model)
    _remove_aliases(version.aliases.all(), place, "Its version was deleted.")
    deletion.delete_version(version, actor=place.actor)


def _remove_aliases(aliases: Iterable[Alias], place: Place, reason: str) -> None:
    for alias in list(aliases):
        remove_alias(alias.model, alias.name, actor=place.actor, reason=reason)


@transaction.atomic
def change_registration(
    version: ModelVersion, changes: Mapping[str, Any], *, place: Place
) -> ModelVersion:
    """Change what is kept with a version: `description`, `stage`, or `tags` (None takes one away).

    Raises EditDenied, Invalid for an unknown stage.
    """
    _check_edits(place, version.model)
    ModelVersion.objects.select_for_update().get(id=version.id)
    kept, _ = Registration.objects.get_or_create(version=version)
    if "tags" in changes:
        changes = {**changes, "tags": checked(merged(kept.tags, changes["tags"]))}
    changed = sorted(key for key, value in changes.items() if getattr(kept, key) != value)
    for key in changed:
        setattr(kept, key, changes[key])
    if changed:
        kept.touch(*changed)
        publish(
            ModelVersionUpdated(
                model_id=version.model_id, version_id=version.id, name=version.model.name,
                number=version.number, changed=changed,
            ),
            actor_id=place.actor.id,
            organization_id=version.model.organization_id,
        )  # fmt: skip
    version.registration = kept
    return version


@transaction.atomic
def move_to_stage(
    version: ModelVersion, stage: str, *, place: Place, archive_others: bool
) -> ModelVersion:
    """Put a version in a stage; with `archive_others`, whatever was in it goes to Archived."""
    # Two that are moved at once would each find the stage without the other.
    Model.objects.select_for_update().get(id=version.model_id)
    if archive_others and stage in {Stage.STAGING, Stage.PRODUCTION}:
        others = registered_versions(place).filter(
            model=version.model, registration__stage=stage
        ).exclude(id=version.id)  # fmt: skip
        for other in others:
            change_registration(other, {"stage": Stage.ARCHIVED}, place=place)
    return change_registration(version, {"stage": stage}, place=place)


def register_version(model: Model, wish: Wish, *, place: Place) -> ModelVersion:
    """Send the model in a logged folder on its way as the next version.

    Raises EditDenied, BadSource, NothingLogged, BadFolder, FlavorNotServed and what
    `upload_version` raises.
    """
    _check_edits(place, model)
    where = _located(place, wish.source)
    holder = find_holder(place, where)
    kept = _kept(place, wish, holder)
    files = _HolderFiles(holder, where.rest)
    folder = read_folder(files)
    file = files.lend(folder.path)
    name = f"{place.organization.slug}/{model.name}"
    upload = described(Upload(name=name, filename="", origin=_origin(kept["run"])), folder)
    try:
        with transaction.atomic():
            version = upload_version(file, upload, actor=place.actor)
            version.registration = Registration.objects.create(
                version=version,
                source=f"{SCHEME}{holder.artifact_path}" + (f"/{where.rest}" if where.rest else ""),
                description=wish.description,
                tags=checked(merged({}, wish.tags)),
                **kept,
            )
    except BaseException:
        file.drop()
        raise
    return version


def _origin(run: MlflowRun | None) -> dict[str, str]:
    """What a run says of where its models come from: itself, its code, its first dataset."""
    if run is None:
        return {}
    inputs: list[dict[str, Any]] = run.inputs
    first = inputs[0].get("dataset") if inputs else None
    dataset = first if isinstance(first, dict) else {}
    said = {
        "run": f"{run.name} ({run.run_id})" if run.name else run.run_id,
        "commit": run.tags.get("mlflow.source.git.commit", ""),
        "dataset": dataset.get("name", ""),
        "dataset_digest": dataset.get("digest", ""),
    }
    return {name: str(text)[:MOST_SAID] for name, text in said.items() if text}


def _kept(place: Place, wish: Wish, holder: Holder) -> dict[str, Any]:
    """The run and the logged model to note; those a client names must be here."""
    run = get_run(place, wish.run_id) if wish.run_id else None
    if wish.model_id:
        get_logged_model(place, wish.model_id)
    if isinstance(holder, LoggedModel):
        return {"run": run or holder.run, "logged_model": holder}
    # The files are the run's: what is noted decides whose must stay.
    return {"run": holder, "logged_model": None}


def _located(place: Place, source: str) -> Location:
    """Where the files of a source lie; a version's are where it was registered from."""
    where = parse_source(source)
    if isinstance(where, VersionSource):
        number = where.number
        if number is None:
            number = get_alias(get_registered(place, where.name), where.alias).version.number
        version = get_registered_version(place, where.name, str(number))
        kept = registration_of(version)
        if not kept.source:
            raise BadSource(
                f"{version.model.name} version {version.number} was not logged by MLflow: there is "
                "no folder to register again."
            )
        where = parse_source(kept.source)
    if isinstance(where, VersionSource):
        raise TypeError("A registration's source is a folder.")
    return where


class _HolderFiles:
    """The files below a folder of a run's or logged model's; `Files` for `read_folder`."""

    def __init__(self, holder: Holder, folder: str) -> None:
        self._rows = files_of(holder, folder)
        self._folder = folder_of(holder)
        self._before = f"{folder}/" if folder else ""

    def has(self, path: str) -> bool:
        return self._rows.filter(path=f"{self._before}{path}").exists()

    def read(self, path: str, *, most: int) -> bytes | None:
        row = self._rows.filter(path=f"{self._before}{path}").first()
        if row is None or row.size > most:
            return None
        try:
            with self._folder.open(row.sha256) as file:
                return file.read()
        except FileNotFoundError:
            raise _lost(path) from None

    def lend(self, path: str) -> Received:
        row = self._rows.filter(path=f"{self._before}{path}").first()
        if row is None:
            raise BadFolder(f"There is no file {path[:100]!r}.")
        try:
            return self._folder.lend(row.sha256, sha256=row.sha256, size=row.size)
        except FileNotFoundError:
            raise _lost(path) from None


def _lost(path: str) -> Unavailable:
    return Unavailable(f"{path[:100]!r} is not on this server's disk.")


def _check_edits(place: Place, model: Model) -> None:
    if not can_edit_model(place.actor, model):
        raise EditDenied(f"You may not change {model.name}.")


def checked(tags: Mapping[str, Any]) -> dict[str, Any]:
    """Tags that are not too much together. Raises Invalid."""
    if len(str(tags)) > METADATA_MOST:
        raise Invalid("The tags must be smaller than 64 KiB together.")
    return dict(tags)
