"""Reads of metrics: the last value of each, and how one went."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from uuid import UUID

from django.db.models import QuerySet

from registry.models import LoggedModel, MlflowMetric, MlflowRun


def last_of_runs(runs: Iterable[MlflowRun]) -> dict[UUID, list[MlflowMetric]]:
    """Of each run, the value of each metric at its highest step."""
    rows = MlflowMetric.objects.filter(run__in=[run.id for run in runs])
    last = rows.order_by("run_id", "key", "-step", "-timestamp", "-id").distinct("run_id", "key")
    found: dict[UUID, list[MlflowMetric]] = defaultdict(list)
    for row in last.select_related("logged_model"):
        found[row.run_id].append(row)
    return found


def last_of_models(models: Iterable[LoggedModel]) -> dict[UUID, list[MlflowMetric]]:
    """Of each logged model, the value of each metric at its highest step."""
    rows = MlflowMetric.objects.filter(logged_model__in=[model.id for model in models])
    order = ("logged_model_id", "key", "-step", "-timestamp", "-id")
    found: dict[UUID, list[MlflowMetric]] = defaultdict(list)
    for row in (
        rows.order_by(*order).distinct("logged_model_id", "key").select_related("logged_model")
    ):
        if row.logged_model_id is not None:
            found[row.logged_model_id].append(row)
    return found


def history(run: MlflowRun, key: str) -> QuerySet[MlflowMetric]:
    """Every value of one metric of a run, in the order of steps.

    Clients send a point again to say which model it is about; it is one point all the same.
    """
    rows = MlflowMetric.objects.filter(run=run, key=key).select_related("logged_model")
    order = ("step", "timestamp", "value")
    return rows.order_by(*order, "id").distinct(*order)
