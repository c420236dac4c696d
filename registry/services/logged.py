"""Every write to what MLflow's clients log beside numbers: models and files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from django.db import transaction
from django.db.models import QuerySet

from common import clock
from common.errors import Invalid
from common.events import publish
from common.storage import Folder, Received
from registry.errors import NothingLogged, TrackingConflict
from registry.events import MlflowModelDeleted, MlflowModelLogged
from registry.mlflow.place import Holder, Place, files_of, key_of
from registry.models import LoggedFile, LoggedModel, LoggedStatus, MlflowExperiment, MlflowRun
from registry.services.tracking import ensure_experiment, merged

FOLDER: Final = "mlflow"
MOST_FILES: Final = 10_000  # of one run or logged model


def folder_of(holder: Holder) -> Folder:
    """Where the files of a run or of a logged model lie, each under its digest."""
    return Folder(FOLDER, holder.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewModel:
    """A logged model as a client wants it made."""

    name: str
    model_type: str
    run: MlflowRun | None = None
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


@transaction.atomic
def create_logged_model(
    experiment: MlflowExperiment, wanted: NewModel, *, place: Place
) -> LoggedModel:
    """A place for a model's folder. Raises TrackingDenied, TrackingConflict."""
    experiment = ensure_experiment(place, experiment)
    if experiment.deleted_at is not None:
        raise TrackingConflict(f"The experiment {experiment.name} is deleted; restore it first.")
    row = LoggedModel.objects.create(
        experiment=experiment, run=wanted.run, name=wanted.name, model_type=wanted.model_type,
        params=merged({}, wanted.params), tags=merged({}, wanted.tags),
    )  # fmt: skip
    event = MlflowModelLogged(logged_model_id=row.id, name=row.name, status=row.status)
    publish(event, actor_id=place.actor.id, organization_id=place.organization.id)
    return row


@transaction.atomic
def finish_logged_model(model: LoggedModel, status: str, *, place: Place) -> LoggedModel:
    """Note that a model's files are there, or did not come. Raises TrackingDenied, Invalid."""
    place.check_writes()
    if status not in LoggedStatus.values:
        raise Invalid(f"The status is one of {', '.join(LoggedStatus.values)}.")
    if model.status == status:
        return model
    model.status = status
    model.touch("status")
    event = MlflowModelLogged(logged_model_id=model.id, name=model.name, status=status)
    publish(event, actor_id=place.actor.id, organization_id=place.organization.id)
    return model


@transaction.atomic
def change_logged_model(
    model: LoggedModel,
    *,
    place: Place,
    tags: Mapping[str, str | None] | None = None,
    params: Mapping[str, str] | None = None,
) -> LoggedModel:
    """Set tags (None takes one away) and add parameters. Raises TrackingDenied, Invalid."""
    place.check_writes()
    row = LoggedModel.objects.select_for_update(of=("self",)).select_related(
        "experiment", "run"
    ).get(id=model.id)  # fmt: skip
    row.tags = merged(row.tags, tags or {})
    row.params = merged(row.params, params or {})
    row.touch("tags", "params")
    return row


@transaction.atomic
def delete_logged_model(model: LoggedModel, *, place: Place) -> None:
    """Have a logged model gone from every list. What was registered from it stays."""
    place.check_writes()
    model.deleted_at = clock.now()
    model.touch("deleted_at")
    event = MlflowModelDeleted(logged_model_id=model.id, name=model.name)
    publish(event, actor_id=place.actor.id, organization_id=place.organization.id)


@transaction.atomic
def keep_file(holder: Holder, path: str, received: Received, *, place: Place) -> LoggedFile:
    """Take a quarantined file in under a path, in the place of what was there before.

    Raises TrackingDenied, TrackingConflict, Invalid for one file too many; the file is the
    caller's to drop then.
    """
    _lock(holder, place)
    rows = files_of(holder)
    _check_free(rows, path)
    before = rows.filter(path=path).first()
    if before is None and rows.count() >= MOST_FILES:
        raise Invalid(f"There are {MOST_FILES:,} files already, which is the most.")
    folder_of(holder).adopt(received, received.sha256)
    fields: dict[str, Any] = {"sha256": received.sha256, "size": received.size}
    row, _ = LoggedFile.objects.update_or_create(
        path=path, **key_of(holder), defaults={**fields, "updated_at": clock.now()}
    )
    if before is not None and before.sha256 != row.sha256:
        transaction.on_commit(lambda: tidy(holder), robust=True)
    return row


@transaction.atomic
def delete_files(holder: Holder, path: str, *, place: Place) -> None:
    """Delete a file, or a folder with all that is in it. Raises NothingLogged, TrackingDenied."""
    _lock(holder, place)
    gone, _ = files_of(holder, path).delete()
    if not gone:
        raise NothingLogged(f"There is no file {path[:100]!r}.")
    transaction.on_commit(lambda: tidy(holder), robust=True)


def tidy(holder: Holder) -> None:
    """Delete the files that no path leads to any more. Locked, so that none comes back meanwhile.

    After the commit that left them, or later: before it, a rollback would want them again.
    """
    kind: Any = type(holder)
    with transaction.atomic():
        if not kind.objects.select_for_update(of=("self",)).filter(id=holder.id).exists():
            return  # it is gone, and its folder goes with it
        used = files_of(holder).values_list("sha256", flat=True)
        folder_of(holder).keep(*used)


def _lock(holder: Holder, place: Place) -> None:
    """The holder, locked: a file that two paths share must not go with one of them."""
    place.check_writes()
    kind: Any = type(holder)
    row = kind.objects.select_for_update(of=("self",)).get(id=holder.id)
    if row.deleted_at is not None:
        raise TrackingConflict("What is deleted takes no more files; restore it first.")


def _check_free(rows: QuerySet[LoggedFile], path: str) -> None:
    """A path is a file's or a folder's: a file can't be written where files lie below."""
    parts = path.split("/")
    above = ["/".join(parts[:count]) for count in range(1, len(parts))]
    if rows.filter(path__startswith=f"{path}/").exists() or rows.filter(path__in=above).exists():
        raise Invalid(f"{path[:100]!r} can't be both a file and a folder.")
