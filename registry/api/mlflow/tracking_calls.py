"""Experiments and runs."""

from __future__ import annotations

from typing import Final, TypeVar

from django.db.models import QuerySet

from common import clock
from common.errors import Invalid
from registry.api.mlflow.calls import READ, WRITE, Shape, call, page
from registry.mlflow import metrics, shapes
from registry.mlflow import place as places
from registry.mlflow.asked import KEY, VALUE, Asked
from registry.mlflow.filters import Searchable, apply_filter, apply_order
from registry.mlflow.place import Place
from registry.models import MlflowExperiment, MlflowRun, RunStatus
from registry.services import tracking
from registry.services.tracking import RUN_NAME, Point, RunBatch

NAME: Final = 500
USER: Final = "mlflow.user"
EXPERIMENTS: Final = Searchable(
    {
        "name": "name", "creation_time": "created_at", "last_update_time": "updated_at",
        "experiment_id": "number",
    },
    {"tags": "tags"},
)  # fmt: skip
RUNS: Final = Searchable(
    {
        "start_time": "start_time", "end_time": "end_time", "status": "status", "run_id": "id",
        "run_name": "name", "Created": "start_time", "user_id": "user_name",
    },
    {"tags": "tags", "params": "params"},
    metrics_of="run",
)  # fmt: skip
RUNS_MOST: Final = 100  # in one answer: each may hold a megabyte
METRICS_MOST: Final = 1000
VIEWS: Final = {
    "ACTIVE_ONLY": True, "DELETED_ONLY": False, "ALL": None, "1": True, "2": False, "3": None,
}  # fmt: skip
M = TypeVar("M", MlflowExperiment, MlflowRun)


@call("POST", "experiments/create", WRITE)
def create_experiment(place: Place, asked: Asked) -> Shape:
    """Make an experiment."""
    found = tracking.create_experiment(
        place, asked.text("name", most=NAME), tags=asked.pairs("tags")
    )
    return {"experiment_id": str(found.number)}


@call("GET", "experiments/get", READ, "experiment_id")
def get_experiment(place: Place, asked: Asked) -> Shape:
    """An experiment by its id."""
    return {"experiment": shapes.experiment(_experiment(place, asked))}


@call("GET", "experiments/get-by-name", READ, "experiment_name")
def get_experiment_by_name(place: Place, asked: Asked) -> Shape:
    """An experiment by its name."""
    found = places.get_experiment_by_name(place, asked.text("experiment_name", most=NAME))
    return {"experiment": shapes.experiment(found)}


def _search_experiments(place: Place, asked: Asked) -> Shape:
    rows = _alive(places.experiments(place), asked, "view_type")
    rows = apply_filter(rows, asked.text("filter", ""), EXPERIMENTS)
    rows = apply_order(rows, asked.texts("order_by"), EXPERIMENTS, "-updated_at")
    found, more = page(asked, rows, usual=100, most=1000)
    return {"experiments": [shapes.experiment(row) for row in found], **more}


@call("GET", "experiments/search", READ, "filter", "max_results", "page_token", "view_type")
def search_experiments_by_query(place: Place, asked: Asked) -> Shape:
    """Experiments, by name and tags."""
    return _search_experiments(place, asked)


@call("POST", "experiments/search", READ)
def search_experiments(place: Place, asked: Asked) -> Shape:
    """Experiments, by name and tags."""
    return _search_experiments(place, asked)


@call("POST", "experiments/update", WRITE)
def update_experiment(place: Place, asked: Asked) -> Shape:
    """Rename an experiment."""
    changes = {"name": asked.text("new_name", most=NAME)}
    tracking.update_experiment(_experiment(place, asked), changes, place=place)
    return {}


@call("POST", "experiments/delete", WRITE)
def delete_experiment(place: Place, asked: Asked) -> Shape:
    """Delete an experiment; it can be restored for a while."""
    tracking.update_experiment(_experiment(place, asked), tracking.deletion(True), place=place)
    return {}


@call("POST", "experiments/restore", WRITE)
def restore_experiment(place: Place, asked: Asked) -> Shape:
    """Take a deletion back."""
    tracking.update_experiment(_experiment(place, asked), tracking.deletion(False), place=place)
    return {}


@call("POST", "experiments/set-experiment-tag", WRITE)
def set_experiment_tag(place: Place, asked: Asked) -> Shape:
    """Set a tag of an experiment."""
    changes = {asked.text("key", most=KEY): asked.text("value", "", most=VALUE)}
    tracking.tag_experiment(_experiment(place, asked), changes, place=place)
    return {}


@call("POST", "experiments/delete-experiment-tag", WRITE)
def delete_experiment_tag(place: Place, asked: Asked) -> Shape:
    """Take a tag of an experiment away."""
    changes = {asked.text("key", most=KEY): None}
    tracking.tag_experiment(_experiment(place, asked), changes, place=place)
    return {}


@call("POST", "runs/create", WRITE)
def create_run(place: Place, asked: Asked) -> Shape:
    """Begin a run."""
    tags = asked.pairs("tags")
    user = tags.get(USER, "")[:KEY]
    name = asked.text("run_name", tags.get(RUN_NAME, ""), most=NAME)
    run = tracking.start_run(
        places.get_experiment(place, asked.text("experiment_id", "0")),
        place=place,
        name=name,
        user_name=asked.text("user_id", user, most=KEY),
        start_time=asked.whole("start_time", shapes.milliseconds(clock.now())),
        tags=tags | ({RUN_NAME: name} if name else {}),
    )
    return {"run": shapes.run(run, ())}


@call("GET", "runs/get", READ, "run_id")
def get_run(place: Place, asked: Asked) -> Shape:
    """A run with its parameters, tags and last metrics."""
    run = _run(place, asked)
    return {"run": shapes.run(run, metrics.last_of_runs([run])[run.id])}


@call("POST", "runs/update", WRITE)
def update_run(place: Place, asked: Asked) -> Shape:
    """Change a run's status, end or name."""
    changes: Shape = {}
    if asked.has("status"):
        changes["status"] = _status(asked)
    if asked.has("end_time"):
        changes["end_time"] = asked.whole("end_time")
    if asked.has("run_name"):
        changes["name"] = asked.text("run_name", most=NAME)
    run = tracking.update_run(_run(place, asked), changes, place=place)
    return {"run_info": shapes.run_info(run)}


@call("POST", "runs/delete", WRITE)
def delete_run(place: Place, asked: Asked) -> Shape:
    """Delete a run; it can be restored for a while."""
    tracking.update_run(_run(place, asked), tracking.deletion(True), place=place)
    return {}


@call("POST", "runs/restore", WRITE)
def restore_run(place: Place, asked: Asked) -> Shape:
    """Take a deletion back."""
    tracking.update_run(_run(place, asked), tracking.deletion(False), place=place)
    return {}


@call("POST", "runs/search", READ)
def search_runs(place: Place, asked: Asked) -> Shape:
    """Runs of some experiments, by name, status, parameters, tags and the last of metrics."""
    wanted = places.experiments_by_number(place, asked.texts("experiment_ids", most=1000))
    rows = _alive(places.runs(place), asked, "run_view_type")
    rows = apply_filter(rows.filter(experiment__in=wanted), asked.text("filter", ""), RUNS)
    rows = apply_order(rows, asked.texts("order_by"), RUNS, "-start_time")
    found, more = page(asked, rows, usual=RUNS_MOST, most=RUNS_MOST)
    last = metrics.last_of_runs(found)
    return {"runs": [shapes.run(run, last[run.id]) for run in found], **more}


@call("POST", "runs/log-metric", WRITE)
def log_metric(place: Place, asked: Asked) -> Shape:
    """Keep one value of a metric."""
    tracking.log_to_run(_run(place, asked), RunBatch(points=[_point(asked)]), place=place)
    return {}


@call("POST", "runs/log-parameter", WRITE)
def log_parameter(place: Place, asked: Asked) -> Shape:
    """Keep a parameter; it is not changed afterwards."""
    params = {asked.text("key", most=KEY): asked.text("value", "", most=VALUE)}
    tracking.log_to_run(_run(place, asked), RunBatch(params=params), place=place)
    return {}


@call("POST", "runs/log-batch", WRITE)
def log_batch(place: Place, asked: Asked) -> Shape:
    """Keep metrics, parameters and tags at once."""
    batch = RunBatch(
        points=[_point(item) for item in asked.items("metrics", most=METRICS_MOST)],
        params=asked.pairs("params"),
        tags=asked.pairs("tags"),
    )
    tracking.log_to_run(_run(place, asked), batch, place=place)
    return {}


@call("POST", "runs/set-tag", WRITE)
def set_tag(place: Place, asked: Asked) -> Shape:
    """Set a tag of a run."""
    tags = {asked.text("key", most=KEY): asked.text("value", "", most=VALUE)}
    tracking.log_to_run(_run(place, asked), RunBatch(tags=tags), place=place)
    return {}


@call("POST", "runs/delete-tag", WRITE)
def delete_tag(place: Place, asked: Asked) -> Shape:
    """Take a tag of a run away."""
    tracking.untag_run(_run(place, asked), asked.text("key", most=KEY), place=place)
    return {}


@call("POST", "runs/log-inputs", WRITE)
def log_inputs(place: Place, asked: Asked) -> Shape:
    """Note datasets and models that went into a run."""
    inputs = asked.rows("datasets", most=100)
    tracking.note_models(_run(place, asked), inputs=inputs, place=place)
    return {}


@call("POST", "runs/outputs", WRITE)
def log_outputs(place: Place, asked: Asked) -> Shape:
    """Note models that came out of a run."""
    outputs = [
        {
            "model_id": places.get_logged_model(place, item.text("model_id")).model_id,
            "step": item.whole("step", 0),
        }
        for item in asked.items("models", most=100)
    ]
    tracking.note_models(_run(place, asked), outputs=outputs, place=place)
    return {}


@call("GET", "metrics/get-history", READ, "run_id", "metric_key", "max_results", "page_token")
def get_metric_history(place: Place, asked: Asked) -> Shape:
    """Every value of a run's metric."""
    rows = metrics.history(_run(place, asked), asked.text("metric_key", most=KEY))
    found, more = page(asked, rows, usual=25_000, most=25_000)
    return {"metrics": [shapes.metric(row) for row in found], **more}


def _experiment(place: Place, asked: Asked) -> MlflowExperiment:
    return places.get_experiment(place, asked.text("experiment_id"))


def _run(place: Place, asked: Asked) -> MlflowRun:
    return places.get_run(place, asked.text("run_id", asked.text("run_uuid", "")))


def _status(asked: Asked) -> str:
    """By name, or by number as older clients write it."""
    given = asked.word("status", "")
    status = dict(zip("12345", RunStatus.values, strict=True)).get(given, given)
    if status not in RunStatus.values:
        raise Invalid(f"The status is one of {', '.join(RunStatus.values)}.")
    return status


def _point(asked: Asked) -> Point:
    return Point(
        key=asked.text("key", most=KEY),
        value=asked.number("value"),
        timestamp=asked.whole("timestamp", 0),
        step=asked.whole("step", 0),
        model_id=asked.text("model_id", "", most=KEY),
        dataset_name=asked.text("dataset_name", "", most=NAME),
        dataset_digest=asked.text("dataset_digest", "", most=36),
    )


def _alive(rows: QuerySet[M], asked: Asked, name: str) -> QuerySet[M]:
    view = asked.word(name, "ACTIVE_ONLY")
    if view not in VIEWS:
        raise Invalid(f"What to see is one of {', '.join(list(VIEWS)[:3])}.")
    wanted = VIEWS[view]
    return rows if wanted is None else rows.filter(deleted_at__isnull=wanted)
