"""Logged models: folders that MLflow 3 keeps beside runs, and 2.x within them."""

from __future__ import annotations

from typing import Final

from registry.api.mlflow.calls import READ, WRITE, Shape, call, page
from registry.mlflow import metrics, shapes
from registry.mlflow import place as places
from registry.mlflow.asked import KEY, TEXT, Asked
from registry.mlflow.filters import Searchable, apply_filter, apply_order
from registry.mlflow.place import Place
from registry.models import LoggedStatus
from registry.services import logged, tracking
from registry.services.logged import NewModel

NAME: Final = 500
HISTORY: Final = "mlflow.log-model.history"
HISTORY_MOST: Final = 64 * 1024
MODEL: Final = r"logged-models/(?P<model_id>(?!search$)[^/]+)"
FOUND_BY: Final = Searchable(
    {
        "name": "name", "model_type": "model_type", "status": "status",
        "creation_time": "created_at", "creation_timestamp": "created_at",
        "last_updated_timestamp": "updated_at",
    },
    {"tags": "tags", "params": "params"},
    metrics_of="logged_model",
)  # fmt: skip


@call("POST", "logged-models", WRITE)
def create_logged_model(place: Place, asked: Asked) -> Shape:
    """Make room for a model's folder."""
    run_id = asked.text("source_run_id", "", most=KEY)
    wanted = NewModel(
        run=places.get_run(place, run_id) if run_id else None,
        name=asked.text("name", "", most=NAME),
        model_type=asked.text("model_type", "", most=NAME),
        params=asked.pairs("params"),
        tags=asked.pairs("tags", most=HISTORY_MOST),
    )
    experiment = places.get_experiment(place, asked.text("experiment_id", "0"))
    model = logged.create_logged_model(experiment, wanted, place=place)
    return {"model": shapes.logged_model(model)}


@call("GET", MODEL, READ)
def get_logged_model(place: Place, asked: Asked, model_id: str) -> Shape:
    """A logged model with its parameters, tags and metrics."""
    model = places.get_logged_model(place, model_id)
    return {"model": shapes.logged_model(model, metrics.last_of_models([model])[model.id])}


@call("PATCH", MODEL, WRITE)
def finish_logged_model(place: Place, asked: Asked, model_id: str) -> Shape:
    """Say that the files are there, or did not come."""
    given = asked.word("status", "")
    status = dict(zip("123", LoggedStatus.values, strict=True)).get(given, given)
    model = places.get_logged_model(place, model_id)
    return {"model": shapes.logged_model(logged.finish_logged_model(model, status, place=place))}


@call("DELETE", MODEL, WRITE)
def delete_logged_model(place: Place, asked: Asked, model_id: str) -> Shape:
    """Delete a logged model; what was registered from it stays."""
    logged.delete_logged_model(places.get_logged_model(place, model_id), place=place)
    return {}


@call("PATCH", rf"{MODEL}/tags", WRITE)
def set_logged_model_tags(place: Place, asked: Asked, model_id: str) -> Shape:
    """Set tags of a logged model."""
    tags = asked.pairs("tags", most=HISTORY_MOST)
    model = logged.change_logged_model(
        places.get_logged_model(place, model_id), tags=dict(tags), place=place
    )
    return {"model": shapes.logged_model(model)}


@call("DELETE", rf"{MODEL}/tags/(?P<key>[^/]+)", WRITE)
def delete_logged_model_tag(place: Place, asked: Asked, model_id: str, key: str) -> Shape:
    """Take a tag of a logged model away."""
    model = places.get_logged_model(place, model_id)
    logged.change_logged_model(model, tags={key: None}, place=place)
    return {}


@call("POST", rf"{MODEL}/params", WRITE)
def log_logged_model_params(place: Place, asked: Asked, model_id: str) -> Shape:
    """Keep parameters of a logged model."""
    model = places.get_logged_model(place, model_id)
    logged.change_logged_model(model, params=asked.pairs("params"), place=place)
    return {}


@call("POST", "logged-models/search", READ)
def search_logged_models(place: Place, asked: Asked) -> Shape:
    """Logged models of some experiments, by name, status, parameters and tags."""
    wanted = places.experiments_by_number(place, asked.texts("experiment_ids", most=1000))
    rows = places.logged_models(place).filter(experiment__in=wanted)
    rows = apply_filter(rows, asked.text("filter", ""), FOUND_BY)
    order = [
        f"{item.text('field_name', most=KEY)} {'ASC' if item.flag('ascending') else 'DESC'}"
        for item in asked.items("order_by", most=10)
    ]
    rows = apply_order(rows, order, FOUND_BY, "-created_at")
    found, more = page(asked, rows, usual=100, most=1000)
    last = metrics.last_of_models(found)
    return {"models": [shapes.logged_model(row, last[row.id]) for row in found], **more}


@call("POST", "runs/log-model", WRITE)
def log_model(place: Place, asked: Asked) -> Shape:
    """Note a model's folder among a run's files, as MLflow 2 does."""
    run = places.get_run(place, asked.text("run_id"))
    noted = Asked.of_body(asked.text("model_json", most=HISTORY_MOST).encode())
    noted.text("artifact_path", most=TEXT)
    tracking.note_logged(run, HISTORY, noted.fields, place=place)
    return {}
