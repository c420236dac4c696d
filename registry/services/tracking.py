"""Every write to MLflow's experiments and runs.

Parameters, tags, metrics and files are data, as predictions are: they make no events.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from django.db import IntegrityError, transaction

from accounts.models import Organization
from common import clock, strict_json
from common.errors import Invalid
from common.events import publish
from registry.errors import NameTaken, TrackingConflict
from registry.events import (
    MlflowExperimentCreated,
    MlflowExperimentUpdated,
    MlflowRunStarted,
    MlflowRunUpdated,
)
from registry.mlflow.place import DEFAULT, Place, logged_models
from registry.models import MlflowExperiment, MlflowMetric, MlflowRun, RunStatus
from registry.models.mlflow import id_of

MOST_TAGS: Final = 2000  # of one thing
MOST_BYTES: Final = 512 * 1024  # of one thing's tags, or parameters
MOST_METRICS: Final = 2000  # of one run, by name
RUN_NAME: Final = "mlflow.runName"
MOST_POINTS: Final = 1_000_000  # of one run
MOST_OUTPUTS: Final = 1000
MOST_NOTED: Final = 512 * 1024
ENDED: Final = {RunStatus.FINISHED, RunStatus.FAILED, RunStatus.KILLED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One value of a metric. `timestamp` is Unix milliseconds; `model_id` may be empty."""

    key: str
    value: float
    timestamp: int
    step: int
    model_id: str = ""
    dataset_name: str = ""
    dataset_digest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunBatch:
    """What is logged to a run at once."""

    points: Sequence[Point] = ()
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


@transaction.atomic
def create_experiment(place: Place, name: str, *, tags: Mapping[str, str]) -> MlflowExperiment:
    """A new experiment under the next number. Raises TrackingDenied, NameTaken."""
    place.check_writes()
    if name == DEFAULT:
        raise NameTaken(f"There is an experiment called {name!r}.")
    # The lock is what gives every number once.
    Organization.objects.select_for_update(of=("self",)).get(id=place.organization.id)
    rows = MlflowExperiment.objects.filter(organization=place.organization)
    if rows.filter(name=name).exists():
        raise NameTaken(f"There is an experiment called {name[:100]!r}, or a deleted one.")
    newest = rows.order_by("-number").values_list("number", flat=True).first()
    return _new_experiment(place, (newest or 0) + 1, name, tags)


def ensure_experiment(place: Place, experiment: MlflowExperiment) -> MlflowExperiment:
    """The experiment as a row: Default is made when it is first needed. Raises TrackingDenied."""
    place.check_writes()
    if not experiment._state.adding:
        return experiment
    try:
        with transaction.atomic():
            return _new_experiment(place, 0, DEFAULT, {})
    except IntegrityError:  # somebody else made it in this very moment
        return MlflowExperiment.objects.get(organization=place.organization, number=0)


def _new_experiment(
    place: Place, number: int, name: str, tags: Mapping[str, str]
) -> MlflowExperiment:
    row = MlflowExperiment.objects.create(
        organization=place.organization, number=number, name=name, tags=dict(tags)
    )
    event = MlflowExperimentCreated(experiment_id=row.id, name=name)
    publish(event, actor_id=place.actor.id, organization_id=place.organization.id)
    return row


@transaction.atomic
def update_experiment(
    experiment: MlflowExperiment, changes: Mapping[str, Any], *, place: Place
) -> MlflowExperiment:
    """Change name, tags or `deleted_at`. Raises TrackingDenied, NameTaken; Default stays."""
    experiment = ensure_experiment(place, experiment)
    if experiment.number == 0 and changes.keys() & {"name", "deleted_at"}:
        raise Invalid("The experiment Default is neither renamed nor deleted.")
    changed = sorted(key for key, value in changes.items() if getattr(experiment, key) != value)
    if not changed:
        return experiment
    for key in changed:
        setattr(experiment, key, changes[key])
    try:
        with transaction.atomic():
            experiment.touch(*changed)
    except IntegrityError:
        raise NameTaken(f"There is an experiment called {experiment.name[:100]!r}.") from None
    event = MlflowExperimentUpdated(
        experiment_id=experiment.id, name=experiment.name, changed=changed
    )
    publish(event, actor_id=place.actor.id, organization_id=place.organization.id)
    return experiment


@transaction.atomic
def tag_experiment(
    experiment: MlflowExperiment, changes: Mapping[str, str | None], *, place: Place
) -> None:
    """Set tags, or take away those that are None."""
    row = MlflowExperiment.objects.select_for_update().get(
        id=ensure_experiment(place, experiment).id
    )
    update_experiment(row, {"tags": merged(row.tags, changes)}, place=place)


@transaction.atomic
def start_run(
    experiment: MlflowExperiment,
    *,
    place: Place,
    name: str,
    user_name: str,
    start_time: int,
    tags: Mapping[str, str],
) -> MlflowRun:
    """A new run. Raises TrackingDenied, TrackingConflict in a deleted experiment."""
    experiment = ensure_experiment(place, experiment)
    if experiment.deleted_at is not None:
        raise TrackingConflict(f"The experiment {experiment.name} is deleted; restore it first.")
    row = MlflowRun.objects.create(
        experiment=experiment, name=name, user_name=user_name, start_time=start_time,
        tags=dict(tags),
    )  # fmt: skip
    event = MlflowRunStarted(run_id=row.id, name=name, experiment=experiment.name)
    publish(event, actor_id=place.actor.id, organization_id=place.organization.id)
    return row


@transaction.atomic
def update_run(run: MlflowRun, changes: Mapping[str, Any], *, place: Place) -> MlflowRun:
    """Change name, status, end or `deleted_at`; clients read the name from a tag as well.

    Raises TrackingDenied.
    """
    place.check_writes()
    row = MlflowRun.objects.select_for_update(of=("self",)).select_related("experiment").get(
        id=run.id
    )  # fmt: skip
    changed = sorted(key for key, value in changes.items() if getattr(row, key) != value)
    if not changed:
        return row
    for key in changed:
        setattr(row, key, changes[key])
    if "name" in changed:
        row.tags = merged(row.tags, {RUN_NAME: row.name})
    row.touch(*changed, "tags")
    event = MlflowRunUpdated(run_id=row.id, name=row.name, status=row.status, changed=changed)
    publish(event, actor_id=place.actor.id, organization_id=place.organization.id)
    return row


@transaction.atomic
def log_to_run(run: MlflowRun, batch: RunBatch, *, place: Place) -> None:
    """Keep metrics, parameters and tags. Raises TrackingDenied, TrackingConflict, Invalid.

    A parameter is written once: another value for it is refused, and then nothing is kept.
    """
    row = _writable(run, place)
    fresh = {key: value for key, value in batch.params.items() if key not in row.params}
    for key, value in batch.params.items():
        if row.params.get(key, value) != value:
            raise Invalid(
                f"The parameter {key!r} is {row.params[key][:100]!r} already; what was logged is "
                "not changed."
            )
    row.params = merged(row.params, fresh)
    row.tags = merged(row.tags, batch.tags)
    row.points += len(batch.points)
    if row.points > MOST_POINTS:
        raise Invalid(f"The run has {MOST_POINTS:,} metric points, and takes no more.")
    row.metrics_known = sorted({*row.metrics_known, *(point.key for point in batch.points)})
    if len(row.metrics_known) > MOST_METRICS:
        raise Invalid(f"A run has metrics of at most {MOST_METRICS:,} names.")
    row.touch("params", "tags", "points", "metrics_known")
    models = _models_of(batch.points, place)
    MlflowMetric.objects.bulk_create(
        MlflowMetric(
            run=row, logged_model_id=models.get(point.model_id), key=point.key, value=point.value,
            timestamp=point.timestamp, step=point.step, dataset_name=point.dataset_name,
            dataset_digest=point.dataset_digest,
        )
        for point in batch.points
    )  # fmt: skip


@transaction.atomic
def untag_run(run: MlflowRun, key: str, *, place: Place) -> None:
    """Take a tag away. Raises TrackingDenied, TrackingConflict, Invalid where there is none."""
    row = _writable(run, place)
    if key not in row.tags:
        raise Invalid(f"The run has no tag {key[:100]!r}.")
    row.tags = merged(row.tags, {key: None})
    row.touch("tags")


@transaction.atomic
def note_models(
    run: MlflowRun,
    *,
    place: Place,
    inputs: Sequence[Mapping[str, Any]] = (),
    outputs: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Note datasets that went into a run, and models that came out. Or Invalid for too many."""
    row = _writable(run, place)
    row.inputs = [*row.inputs, *map(dict, inputs)]
    row.outputs = [*row.outputs, *map(dict, outputs)]
    if len(row.inputs) > MOST_OUTPUTS or len(row.outputs) > MOST_OUTPUTS:
        raise Invalid(f"A run has at most {MOST_OUTPUTS:,} inputs and as many outputs.")
    if len(json.dumps([row.inputs, row.outputs])) > MOST_NOTED:
        raise Invalid(f"What is noted of a run's inputs has more than {MOST_NOTED:,} characters.")
    row.touch("inputs", "outputs")


@transaction.atomic
def note_logged(run: MlflowRun, tag: str, noted: Mapping[str, Any], *, place: Place) -> None:
    """Add to the list of model folders that a run keeps as JSON in one of its tags. Or Invalid."""
    row = _writable(run, place)
    try:
        known = strict_json.loads(str(row.tags.get(tag, "[]")).encode())
    except Invalid:
        known = []  # the tag is the client's to set as well
    text = json.dumps([*(known if isinstance(known, list) else []), dict(noted)])
    if len(text) > MOST_NOTED:
        raise Invalid(f"What is noted of a run's models has more than {MOST_NOTED:,} characters.")
    row.tags = merged(row.tags, {tag: text})
    row.touch("tags")


def merged(before: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A map with changes, those that are None taken away. Raises Invalid for too many entries."""
    found = {key: value for key, value in {**before, **changes}.items() if value is not None}
    if len(found) > MOST_TAGS and len(found) > len(before):
        raise Invalid(f"At most {MOST_TAGS:,} tags or parameters.")
    if _size(found) > MOST_BYTES and _size(found) > _size(before):
        raise Invalid(f"Tags or parameters of one thing have at most {MOST_BYTES:,} characters.")
    return found


def _size(map_: Mapping[str, Any]) -> int:
    return sum(len(key) + len(str(value)) for key, value in map_.items())


def _writable(run: MlflowRun, place: Place) -> MlflowRun:
    """The run, locked: two that log at once would lose one another's."""
    place.check_writes()
    row = MlflowRun.objects.select_for_update().get(id=run.id)
    if row.deleted_at is not None:
        raise TrackingConflict(f"The run {row.run_id} is deleted; restore it first.")
    return row


def _models_of(points: Sequence[Point], place: Place) -> dict[str, Any]:
    """The ids of the logged models that points are about; of those not here there is none."""
    named = {point.model_id: id_of(point.model_id) for point in points if point.model_id}
    wanted = {name: id_ for name, id_ in named.items() if id_ is not None}
    if not wanted:
        return {}
    known = set(logged_models(place).filter(id__in=wanted.values()).values_list("id", flat=True))
    return {name: id_ for name, id_ in wanted.items() if id_ in known}


def deletion(deleted: bool) -> dict[str, Any]:
    """The change that deletes, or takes it back."""
    return {"deleted_at": clock.now() if deleted else None}
