"""What turned out to be true."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from accounts.actors import Actor
from common import clock
from common.errors import DomainError
from common.ids import moment_of
from inference.errors import BadFeedback, FeedbackDenied
from inference.models import Feedback, Prediction
from inference.quality import (
    Judged,
    Key,
    Quality,
    Verdict,
    add_to_days,
    as_answered,
    classes_of,
    judge,
    lock_days,
    measure_again,
)
from inference.selectors import not_found
from registry.models import ModelVersion

MAX_ITEMS: Final = 1000  # of one call
EDITORS: Final = frozenset({"owner", "admin", "member"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What turned out to be true of one row; the prediction by its id or by the caller's own.

    Of several predictions with one correlation id, the latest is meant.
    """

    label: Any
    row: int = 0
    prediction: UUID | None = None
    correlation_id: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """What became of one of them: the feedback as kept, or why there is none."""

    feedback: Feedback | None = None
    error: DomainError | None = None


@transaction.atomic
def give_feedback(truths: Sequence[Truth], *, actor: Actor) -> list[Told]:
    """Note what turned out to be true, each by itself; said again, the last word counts.

    The sums by version, day and person move in the same transaction. There is no event for each:
    like predictions they come by the thousand, and each row says who gave it.
    """
    found = _predictions(truths, actor)
    told = [_told(truth, found, actor) for truth in truths]
    # The last word of one call on a row is what counts.
    latest = {(one.prediction_id, one.row): one for one in _kept(told)}
    days = lock_days(_key(one) for one in latest.values())
    before = _before(latest)
    classes = {one.version_id: classes_of(one.version.signature) for one in found.values()}
    add_to_days(days, _changes(before.values(), latest.values(), classes))
    rows = [_merged(one, before.get(key)) for key, one in latest.items()]
    Feedback.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["prediction_id", "row"],
        update_fields=["label", "predicted", "correct", "error", "given_by", "updated_at"],
    )
    for key in {_key(one) for one in before.values() if one.error is not None}:
        measure_again(days[key])
    return told


def _predictions(truths: Sequence[Truth], actor: Actor) -> dict[UUID | str, Prediction]:
    """The predictions that are meant, of those the actor may see, by id and by correlation id."""
    ids = [truth.prediction for truth in truths if truth.prediction is not None]
    own = [truth.correlation_id for truth in truths if truth.correlation_id]
    rows = Prediction.objects.visible_to(actor).defer("inputs")
    found: dict[UUID | str, Prediction] = {}
    # The later ones last: they are those that stay.
    for row in rows.filter(Q(id__in=ids) | Q(correlation_id__in=own)).order_by("id"):
        found[row.id] = row
        if row.correlation_id:
            found[row.correlation_id] = row
    versions = ModelVersion.objects.only("signature").in_bulk(
        {row.version_id for row in found.values()}
    )
    for row in found.values():
        if row.version_id in versions:
            row.version = versions[row.version_id]
    return found


def _told(truth: Truth, found: dict[UUID | str, Prediction], actor: Actor) -> Told:
    try:
        return Told(feedback=_judged(truth, found, actor))
    except DomainError as error:
        return Told(error=error)


def _judged(truth: Truth, found: dict[UUID | str, Prediction], actor: Actor) -> Feedback:
    name = truth.prediction or truth.correlation_id
    prediction = found.get(name)
    if prediction is None:
        if truth.prediction is not None:
            raise not_found(truth.prediction)
        raise BadFeedback(
            f"No prediction has the correlation id {truth.correlation_id!r}.",
            code="prediction_not_found",
        )
    if prediction.user_id != actor.id and actor.role_in(prediction.organization_id) not in EDITORS:
        raise FeedbackDenied("You may see this prediction, and not say what was true.")
    if not prediction.succeeded:
        raise BadFeedback("The call failed: there is no answer to judge.", code="not_answered")
    if truth.row >= prediction.rows:
        raise BadFeedback(
            f"The prediction has {prediction.rows} rows; {truth.row} is none of them, counted "
            "from 0.",
            code="no_such_row",
        )
    predicted = _answer(prediction, truth.row)
    label = as_answered(predicted, truth.label)
    verdict = _verdict(prediction, predicted, label)
    return Feedback(
        prediction_id=prediction.id,
        row=truth.row,
        organization_id=prediction.organization_id,
        version_id=prediction.version_id,
        user_id=prediction.user_id,
        given_by_id=actor.id,
        label=label,
        predicted=predicted,
        correct=verdict.correct,
        error=verdict.error,
    )


def _verdict(prediction: Prediction, predicted: Any, label: Any) -> Verdict:
    task = (prediction.version.signature or {}).get("task", "")
    try:
        return judge(task, predicted, label)
    except ValueError as error:
        raise BadFeedback(f"The label {error}.", code="bad_label") from None


def _answer(prediction: Prediction, row: int) -> Any:
    """What was said of a row; None where the answer was too large to keep."""
    outputs = prediction.outputs or {}
    predictions: list[Any] = outputs.get("predictions") or []
    return predictions[row] if row < len(predictions) else None


def _kept(told: Iterable[Told]) -> Iterable[Feedback]:
    return (one.feedback for one in told if one.feedback is not None)


def _key(row: Feedback) -> Key:
    return row.version_id, moment_of(row.prediction_id).date(), row.user_id


def _before(latest: dict[tuple[UUID, int], Feedback]) -> dict[tuple[UUID, int], Feedback]:
    """What was said of these rows until now; their days are locked."""
    rows = Feedback.objects.filter(prediction_id__in={id_ for id_, _ in latest})
    return {
        (row.prediction_id, row.row): row for row in rows if (row.prediction_id, row.row) in latest
    }


def _changes(
    before: Iterable[Feedback], after: Iterable[Feedback], classes: Mapping[UUID, frozenset[str]]
) -> dict[Key, Quality]:
    changes: dict[Key, Quality] = {}
    for rows, times in ((before, -1), (after, 1)):
        for row in rows:
            judged = Judged(row.predicted, row.label, Verdict(row.correct, row.error))
            change = changes.setdefault(_key(row), Quality())
            change.count(judged, classes[row.version_id], times)
    return changes


def _merged(new: Feedback, old: Feedback | None) -> Feedback:
    """The row to write: the one that is there, if there is one."""
    if old is not None:
        new.id, new.created_at = old.id, old.created_at
    new.updated_at = clock.now()
    return new
