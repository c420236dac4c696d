"""Reads: predictions as they were kept, newest first."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import BinaryIO, Literal
from uuid import UUID

from django.conf import settings
from django.db.models import (
    BooleanField,
    F,
    Field,
    Func,
    JSONField,
    Prefetch,
    Q,
    QuerySet,
    Value,
    prefetch_related_objects,
)
from django.db.models.functions import Cast

from accounts.actors import Actor, made_by
from common import clock
from common.ids import least_id, moment_of
from inference.bulk.work import RESULT, folder_of
from inference.errors import (
    BatchNotDone,
    BatchNotFound,
    FiguresDenied,
    PredictionJobNotFound,
    PredictionNotFound,
    ResultGone,
)
from inference.models import (
    BatchJob,
    BatchJobQuerySet,
    BatchStatus,
    Feedback,
    Prediction,
    PredictionJob,
    PredictionQuerySet,
    UserRollUp,
)
from registry.models import Model, ModelVersion
from registry.refs import parse_ref
from registry.selectors import get_model, get_version, resolve_version

# So many index ranges are merged for a model; one with more versions is found by its owner's.
MAX_RANGES = 50
MOST_SEARCHED = 20_000  # rows whose answers are read for a page
STORED_WITHIN = 60  # seconds after the answer; longer where the worker is behind


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which predictions: what is empty or None does not matter. Times include `since` alone."""

    model: str = ""
    version: int | None = None
    status: Literal["", "ok", "failed"] = ""
    door: int | None = None
    correlation_id: str = ""
    label: str = ""
    confidence_min: float | None = None
    confidence_max: float | None = None
    since: datetime | None = None
    until: datetime | None = None
    cursor: UUID | None = None

    @property
    def reads_outputs(self) -> bool:
        """Whether rows must be read to know if they fit: no index has their answers."""
        return bool(self.label) or (self.confidence_min, self.confidence_max) != (None, None)


@dataclass(frozen=True, slots=True)
class PredictionPage:
    """Some rows, and the cursor of those after them; None at the end.

    Where answers are searched a page may be short, or empty, and others come after it.
    """

    rows: list[Prediction]
    next_cursor: UUID | None


def list_predictions(
    actor: Actor, wanted: Wanted, *, limit: int, whole: bool = False
) -> PredictionPage:
    """A page of what the actor may see, newest first; inputs and outputs come with `whole`.

    A search among answers looks at the latest MOST_SEARCHED rows before the cursor, and the next
    page at those before them: however rare a label is, no page takes long. Raises ModelNotFound
    where `wanted.model` names none that the actor may see.
    """
    least = _searched_to(actor, wanted)
    rows = list(newest(actor, wanted, limit + 1, least=least, whole=whole))
    more = rows[limit - 1].id if len(rows) > limit else least
    rows = rows[:limit]
    _with_models(rows)
    return PredictionPage(rows, more)


def newest(
    actor: Actor, wanted: Wanted, limit: int, *, least: UUID | None = None, whole: bool = False
) -> PredictionQuerySet:
    """The query behind a page: one short index range for each organization or version, merged.

    A single condition on several organizations would have PostgreSQL sort all of their rows.
    """
    rows = _matching(Prediction.objects.within(actor), wanted)
    if least is not None:
        rows = rows.filter(id__gte=least)
    if not whole:
        rows = rows.defer("inputs", "outputs")
    return _merged(rows, actor, wanted, limit)


def _merged(
    rows: PredictionQuerySet, actor: Actor, wanted: Wanted, limit: int
) -> PredictionQuerySet:
    ranges = [part.order_by("-id")[:limit] for part in _ranges(rows, actor, wanted)]
    if not ranges:
        return Prediction.objects.none()
    merged = ranges[0].union(*ranges[1:], all=True) if len(ranges) > 1 else ranges[0]
    return merged.order_by("-id")[:limit] if len(ranges) > 1 else merged


def _searched_to(actor: Actor, wanted: Wanted) -> UUID | None:
    """The oldest id that a page looks at; None where it may look at all there is."""
    if not wanted.reads_outputs:
        return None
    within = replace(wanted, label="", confidence_min=None, confidence_max=None)
    rows = _matching(Prediction.objects.within(actor), within).only("id")
    last = _merged(rows, actor, wanted, MOST_SEARCHED + 1)[MOST_SEARCHED - 1 :]
    found = [row.id for row in last]
    return found[0] if len(found) > 1 else None


def get_prediction(actor: Actor, prediction_id: UUID) -> Prediction:
    """One prediction with inputs and outputs; NotFound where the actor may not see it."""
    found = Prediction.objects.visible_to(actor).filter(id=prediction_id).first()
    if found is None:
        raise not_found(prediction_id)
    _with_models([found])
    return found


def list_batches(actor: Actor) -> BatchJobQuerySet:
    """The batch jobs that the actor may see, newest first."""
    return BatchJob.objects.visible_to(actor).with_models()


def batches_of(actor: Actor, rows: QuerySet[BatchJob], ref: str) -> QuerySet[BatchJob]:
    """Those of a model, or of one version of it. Raises what looking that up raises."""
    parsed = parse_ref(ref)
    model = get_model(actor, parsed)
    if parsed.alias:
        return rows.filter(version=resolve_version(actor, parsed))
    if parsed.number is not None:
        return rows.filter(version=get_version(model, parsed.number))
    return rows.filter(version__model=model)


def get_batch(actor: Actor, job_id: UUID) -> BatchJob:
    """One batch job; BatchNotFound where the actor may not see it."""
    found = list_batches(actor).filter(id=job_id).first()
    if found is None:
        raise BatchNotFound(f"There is no batch job {job_id}, or not for you.")
    return found


def check_figures(actor: Actor, model: Model) -> None:
    """Raises FiguresDenied for who is not of the model's organization."""
    if not actor.role_in(model.organization_id):
        raise FiguresDenied("A model's figures are for the people of its organization.")


def get_prediction_job(actor: Actor, job_id: UUID) -> PredictionJob:
    """A call that is answered later; PredictionJobNotFound where the actor may not see it."""
    jobs = PredictionJob.objects.visible_to(actor)
    found = jobs.select_related("version__model__organization").filter(id=job_id).first()
    if found is None:
        raise PredictionJobNotFound(f"There is no prediction job {job_id}, or not for you.")
    return found


def open_result(job: BatchJob) -> BinaryIO:
    """The result's file. Raises BatchNotDone, ResultGone."""
    if job.status != BatchStatus.SUCCEEDED:
        raise BatchNotDone(f"The batch job has no result: it is {job.status}.")
    try:
        return folder_of(job.id).open(RESULT)
    except FileNotFoundError:
        raise ResultGone(
            f"The result is kept for {settings.BATCH_RETENTION_DAYS} days, and is gone."
        ) from None


def get_predictions(actor: Actor, ids: Sequence[UUID]) -> list[Prediction]:
    """Several, in this order, as `get_prediction` gives each. Two queries."""
    rows = {row.id: row for row in Prediction.objects.visible_to(actor).filter(id__in=ids)}
    missing = [id_ for id_ in ids if id_ not in rows]
    if missing:
        raise not_found(missing[0])
    found = [rows[id_] for id_ in ids]
    _with_models(found)
    return found


def list_feedback(prediction: Prediction) -> QuerySet[Feedback]:
    """What turned out to be true of a prediction, row by row."""
    rows = Feedback.objects.filter(prediction_id=prediction.id).select_related("given_by")
    return rows.order_by("row")


def not_found(prediction_id: UUID) -> PredictionNotFound:
    """An id that was given out a moment ago may not be stored yet: worth asking again."""
    age = (clock.now() - moment_of(prediction_id)).total_seconds()
    if 0 <= age < STORED_WITHIN:
        return PredictionNotFound(
            "There is no such prediction, or it is not stored yet: that takes a second or so.",
            retry_after=1,
        )
    return PredictionNotFound("There is no such prediction.")


def _matching(rows: PredictionQuerySet, wanted: Wanted) -> PredictionQuerySet:
    if wanted.status:
        failed = wanted.status == "failed"
        rows = rows.filter(status__gte=400) if failed else rows.filter(status__lt=400)
    if wanted.door is not None:
        rows = rows.filter(door=wanted.door)
    if wanted.correlation_id:
        rows = rows.filter(correlation_id=wanted.correlation_id)
    if wanted.label:
        rows = rows.filter(_answered(wanted.label))
    if wanted.confidence_min is not None or wanted.confidence_max is not None:
        rows = rows.filter(_Confident(wanted.confidence_min, wanted.confidence_max))
    # Bounds on the key, not on the time: they choose the partitions.
    if wanted.since:
        rows = rows.filter(id__gte=least_id(wanted.since))
    if wanted.until:
        rows = rows.filter(id__lt=least_id(wanted.until))
    if wanted.cursor:
        rows = rows.filter(id__lt=wanted.cursor)
    return rows


def _answered(label: str) -> Q:
    """Whether some row was answered so: the text, or what the text is as JSON (1, true)."""
    found = Q(outputs__predictions__contains=[label])
    try:
        value = json.loads(label)
    except ValueError:
        return found
    known = isinstance(value, (bool, int, float)) and math.isfinite(value)
    return found | Q(outputs__predictions__contains=[value]) if known else found


class _Confident(Func):
    """Whether some row's confidence lies between two bounds, both included."""

    function = "jsonb_path_exists"
    output_field = BooleanField()
    conditional = True

    def __init__(self, least: float | None, most: float | None) -> None:
        bounds = {"least": 0.0 if least is None else least, "most": 1.0 if most is None else most}
        path = Value("$.confidence[*] ? (@ >= $least && @ <= $most)")
        super().__init__(
            F("outputs"),
            Cast(path, _JsonPath()),
            Value(bounds, output_field=JSONField()),
        )


class _JsonPath(Field[str, str]):
    def db_type(self, connection: object) -> str:
        return "jsonpath"


def _ranges(rows: PredictionQuerySet, actor: Actor, wanted: Wanted) -> list[PredictionQuerySet]:
    if not wanted.model:
        others = rows.filter(made_by(actor))
        if wanted.version is not None:
            versions = ModelVersion.objects.owned_by(actor).filter(number=wanted.version)
            rows = rows.filter(version_id__in=versions.values("id"))
        within = [rows.filter(organization_id=id_) for id_ in sorted(actor.organization_ids)]
        return within + [others.filter(version_id=id_) for id_ in _asked_of_others(actor, wanted)]
    ref = parse_ref(wanted.model)
    model = get_model(actor, ref)
    number = resolve_version(actor, ref).number if ref.alias else ref.number
    owned = model.organization_id in actor.organization_ids
    if not owned:  # of a shared model one sees one's own calls
        rows = rows.filter(made_by(actor))
    versions = ModelVersion.objects.filter(model=model)
    for one in (number, wanted.version):
        if one is not None:
            versions = versions.filter(id=get_version(model, one).id)
    ids = list(versions.order_by("-number").values_list("id", flat=True)[: MAX_RANGES + 1])
    if len(ids) > MAX_RANGES:
        return [rows.filter(organization_id=model.organization_id, model=model)]
    # No word of the organization, which the version implies: where statistics are missing or can't
    # know that, PostgreSQL would read both indexes whole, and sort.
    return [rows.filter(version_id=id_) for id_ in ids]


def _asked_of_others(actor: Actor, wanted: Wanted) -> list[UUID]:
    """The versions of others' models that the actor ever asked, the newest first."""
    asked = UserRollUp.objects.filter(user_id=actor.id).values("version_id")
    versions = ModelVersion.objects.filter(id__in=asked)
    if wanted.version is not None:
        versions = versions.filter(number=wanted.version)
    others = versions.exclude(model__organization_id__in=actor.organization_ids)
    return list(others.order_by("-id").values_list("id", flat=True)[:MAX_RANGES])


def _with_models(rows: list[Prediction]) -> None:
    """Load the versions and models of these rows, in one query."""
    versions = ModelVersion.objects.select_related("model__organization").only(
        "number", "model__name", "model__organization__slug"
    )
    prefetch_related_objects(rows, Prefetch("version", queryset=versions))
