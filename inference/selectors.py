"""Reads: predictions as they were kept, newest first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from django.db.models import Prefetch, prefetch_related_objects

from accounts.actors import Actor
from common.errors import NotFound
from common.ids import least_id
from inference.models import Prediction, PredictionQuerySet
from registry.models import ModelVersion
from registry.selectors import get_model

# So many index ranges are merged for a model; one with more versions is found by its owner's.
MAX_RANGES = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which predictions: what is empty or None does not matter. Times include `since` alone."""

    model: str = ""
    version: int | None = None
    status: Literal["", "ok", "failed"] = ""
    door: int | None = None
    correlation_id: str = ""
    since: datetime | None = None
    until: datetime | None = None
    cursor: UUID | None = None


@dataclass(frozen=True, slots=True)
class PredictionPage:
    """Some rows, and the cursor of those after them; None at the end."""

    rows: list[Prediction]
    next_cursor: UUID | None


def list_predictions(actor: Actor, wanted: Wanted, *, limit: int) -> PredictionPage:
    """A page of what the actor may see, newest first, without inputs and outputs.

    Raises ModelNotFound where `wanted.model` names none that the actor may see.
    """
    found = newest(actor, wanted, limit + 1)
    rows = list(found)
    more = rows[limit - 1].id if len(rows) > limit else None
    rows = rows[:limit]
    _with_models(rows)
    return PredictionPage(rows, more)


def newest(actor: Actor, wanted: Wanted, limit: int) -> PredictionQuerySet:
    """The query behind a page: one short index range for each organization or version, merged.

    A single condition on several organizations would have PostgreSQL sort all of their rows.
    """
    matching = _matching(Prediction.objects.within(actor), wanted).defer("inputs", "outputs")
    ranges = [part.order_by("-id")[:limit] for part in _ranges(matching, actor, wanted)]
    if not ranges:
        return Prediction.objects.none()
    merged = ranges[0].union(*ranges[1:], all=True) if len(ranges) > 1 else ranges[0]
    return merged.order_by("-id")[:limit] if len(ranges) > 1 else merged


def get_prediction(actor: Actor, prediction_id: UUID) -> Prediction:
    """One prediction with inputs and outputs; NotFound where the actor may not see it."""
    found = Prediction.objects.visible_to(actor).filter(id=prediction_id).first()
    if found is None:
        raise NotFound("There is no such prediction.", code="prediction_not_found")
    _with_models([found])
    return found


def _matching(rows: PredictionQuerySet, wanted: Wanted) -> PredictionQuerySet:
    if wanted.status:
        failed = wanted.status == "failed"
        rows = rows.filter(status__gte=400) if failed else rows.filter(status__lt=400)
    if wanted.door is not None:
        rows = rows.filter(door=wanted.door)
    if wanted.correlation_id:
        rows = rows.filter(correlation_id=wanted.correlation_id)
    # Bounds on the key, not on the time: they choose the partitions.
    if wanted.since:
        rows = rows.filter(id__gte=least_id(wanted.since))
    if wanted.until:
        rows = rows.filter(id__lt=least_id(wanted.until))
    if wanted.cursor:
        rows = rows.filter(id__lt=wanted.cursor)
    return rows


def _ranges(rows: PredictionQuerySet, actor: Actor, wanted: Wanted) -> list[PredictionQuerySet]:
    if not wanted.model:
        if wanted.version is not None:
            versions = ModelVersion.objects.owned_by(actor).filter(number=wanted.version)
            rows = rows.filter(version_id__in=versions.values("id"))
        return [rows.filter(organization_id=id_) for id_ in sorted(actor.organization_ids)]
    model = get_model(actor, wanted.model)
    owned = model.organization_id in actor.organization_ids
    # Of a shared model one sees one's own calls.
    rows = rows.filter(organization_id=model.organization_id) if owned else rows.filter(
        user_id=actor.id
    )  # fmt: skip
    versions = ModelVersion.objects.filter(model=model)
    if wanted.version is not None:
        versions = versions.filter(number=wanted.version)
    ids = list(versions.order_by("-number").values_list("id", flat=True)[: MAX_RANGES + 1])
    if len(ids) > MAX_RANGES:
        return [rows.filter(organization_id=model.organization_id, model=model)]
    return [rows.filter(version_id=id_) for id_ in ids]


def _with_models(rows: list[Prediction]) -> None:
    """Load the versions and models of these rows, in one query."""
    versions = ModelVersion.objects.select_related("model__organization").only(
        "number", "model__name", "model__organization__slug"
    )
    prefetch_related_objects(rows, Prefetch("version", queryset=versions))
