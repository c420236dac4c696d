"""How right versions were: judging one row, adding up, and the field's usual figures.

Accuracy is the share of right labels; F1 is the mean over all labels of each label's own F1,
unweighted ("macro"), those beyond the hundredth taken together; RMSE and MAE are in the target's
unit.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from uuid import UUID

from django.db.models import Count, F, QuerySet, Sum
from django.db.models.functions import Abs

from common.ids import least_id
from inference.models import Feedback, QualityRollUp
from inference.rollups import OTHER, label_text
from inference.tabular import TRUTHS
from registry.models import ModelVersion

MAX_CLASSES: Final = 100  # counted each by itself; the rest together, as OTHER
FARTHEST: Final = 1e100  # squares of errors, and sums of very many of them, are numbers still
NUMERIC_TASKS: Final = frozenset({"regression"})
STORED: Final = (
    "labelled", "correct", "confusion", "measured", "squared_error", "absolute_error",
)  # fmt: skip
Confusion = dict[str, dict[str, int]]
Key = tuple[UUID, date, UUID]  # version, day, who asked


@dataclass(frozen=True, slots=True)
class Verdict:
    """One row judged. Exactly one of `correct` and `error` is set; neither without an answer."""

    correct: bool | None = None
    error: float | None = None


def judge(task: str, predicted: Any, label: Any) -> Verdict:
    """Hold an answer against the truth. Labels are equal where they are written alike.

    Raises ValueError where the truth is none of the kind the model answers with.
    """
    if predicted is None:
        return Verdict()
    if task not in NUMERIC_TASKS:
        if isinstance(label, (list, dict)) and not isinstance(predicted, (list, dict)):
            raise ValueError("must be one label")
        return Verdict(correct=label_text(predicted) == label_text(label))
    answers, truths = _numbers(predicted), _numbers(label)
    if len(answers) != len(truths):
        raise ValueError(f"must be {len(answers)} numbers")
    if any(abs(a - b) > FARTHEST for a, b in zip(answers, truths, strict=True)):
        raise ValueError(f"is more than {FARTHEST:g} away from the answer")
    if len(answers) == 1:
        return Verdict(error=answers[0] - truths[0])
    squares = [(a - b) ** 2 for a, b in zip(answers, truths, strict=True)]
    return Verdict(error=math.sqrt(sum(squares) / len(squares)))


def as_answered(predicted: Any, label: Any) -> Any:
    """A label as the model writes it: true for what files of results say as True, true or 1."""
    if isinstance(predicted, bool) and isinstance(label, (str, int)):
        return TRUTHS.get(str(label).strip().lower(), label)
    return label


def _numbers(value: Any) -> list[float]:
    found = value if isinstance(value, list) else [value]
    kinds = {type(one) for one in found}
    if not found or not kinds <= {int, float}:
        raise ValueError("must be a number")
    try:
        numbers = [float(one) for one in found]
    except OverflowError:
        raise ValueError("is no number that there is room for") from None
    if not all(math.isfinite(one) for one in numbers):
        raise ValueError("must be a number")
    return numbers


@dataclass(frozen=True, slots=True)
class Judged:
    """An answer, the truth, and what came of holding them against each other."""

    predicted: Any
    label: Any
    verdict: Verdict


def classes_of(signature: Mapping[str, Any] | None) -> frozenset[str]:
    """The labels of a version that are counted each by itself, as they are written."""
    known = (signature or {}).get("classes") or []
    return frozenset(label_text(label) for label in known[:MAX_CLASSES])


@dataclass(slots=True)
class Quality:
    """Sums of verdicts, and the figures they make."""

    labelled: int = 0
    correct: int = 0
    confusion: Confusion = field(default_factory=dict)
    measured: int = 0
    squared_error: float = 0.0
    absolute_error: float = 0.0

    def count(self, row: Judged, classes: Collection[str], times: int = 1) -> None:
        """Add a row, or with -1 take it back; labels that are none of the classes are OTHER."""
        verdict = row.verdict
        if verdict.correct is not None:
            self.labelled += times
            self.correct += times * verdict.correct
            truth, answer = (label_text(one) for one in (row.label, row.predicted))
            truth, answer = (one if one in classes else OTHER for one in (truth, answer))
            _add(self.confusion, truth, answer, times)
        elif verdict.error is not None:
            self.measured += times
            self.squared_error += times * verdict.error**2
            self.absolute_error += times * abs(verdict.error)

    def merge(self, row: Mapping[str, Any]) -> None:
        """Add a stored day."""
        self.labelled += row["labelled"]
        self.correct += row["correct"]
        self.measured += row["measured"]
        self.squared_error += row["squared_error"]
        self.absolute_error += row["absolute_error"]
        for truth, answers in row["confusion"].items():
            for answer, times in answers.items():
                _add(self.confusion, truth, answer, times)

    @classmethod
    def sum(cls, parts: Iterable[Quality]) -> Quality:
        """Several as one."""
        found = cls()
        for part in parts:
            found.merge({name: getattr(part, name) for name in STORED})
        return found

    @property
    def rows(self) -> int:
        """Rows whose truth is known."""
        return self.labelled + self.measured

    @property
    def accuracy(self) -> float | None:
        return self.correct / self.labelled if self.labelled else None

    @property
    def f1_macro(self) -> float | None:
        labels = {*self.confusion, *(a for answers in self.confusion.values() for a in answers)}
        scores = [_f1(self.confusion, label) for label in labels]
        return sum(scores) / len(scores) if scores else None

    @property
    def rmse(self) -> float | None:
        return math.sqrt(max(0.0, self.squared_error) / self.measured) if self.measured else None

    @property
    def mae(self) -> float | None:
        return max(0.0, self.absolute_error) / self.measured if self.measured else None


def quality_by_version(
    versions: Collection[UUID], since: datetime, until: datetime
) -> dict[UUID, Quality]:
    """How right each of these was about what was asked on the days (UTC) a period touches.

    Versions of which nothing is known are absent. One query.
    """
    rows = QualityRollUp.objects.filter(version_id__in=list(versions))
    found: dict[UUID, Quality] = {}
    for row in _touched(rows, since, until):
        found.setdefault(row["version_id"], Quality()).merge(row)
    return found


def quality_for_person(
    user_id: UUID, since: datetime, until: datetime, *, versions: Collection[UUID] | None
) -> Quality:
    """How right what one person asked was answered; by these versions, or by any. One query."""
    rows = QualityRollUp.objects.filter(user_id=user_id)
    if versions is not None:
        rows = rows.filter(version_id__in=list(versions))
    found = Quality()
    for row in _touched(rows, since, until):
        found.merge(row)
    return found


def _touched(rows: QuerySet[QualityRollUp], since: datetime, until: datetime) -> Iterable[Any]:
    last = (until - timedelta(microseconds=1)).date()
    return rows.filter(day__gte=since.date(), day__lte=last).order_by().values()


def lock_days(keys: Iterable[Key]) -> dict[Key, QualityRollUp]:
    """The stored days, made where there are none and locked in key order.

    Whoever holds them is alone with the feedback of their predictions.
    """
    wanted = [
        QualityRollUp(version_id=version, day=day, user_id=user)
        for version, day, user in sorted(set(keys))
    ]
    QualityRollUp.objects.bulk_create(wanted, ignore_conflicts=True)
    found = {}
    for one in wanted:
        row = QualityRollUp.objects.select_for_update().get(
            version_id=one.version_id, day=one.day, user_id=one.user_id
        )
        found[row.version_id, row.day, row.user_id] = row
    return found


def measure_again(row: QualityRollUp) -> None:
    """Add a locked day's errors up anew: what is taken from a sum of floats leaves its rounding."""
    found = (
        _feedback_of(row.day)
        .filter(version_id=row.version_id, user_id=row.user_id, error__isnull=False)
        .aggregate(n=Count("id"), squared=Sum(F("error") * F("error")), absolute=Sum(Abs("error")))
    )
    row.measured = found["n"]
    row.squared_error, row.absolute_error = found["squared"] or 0.0, found["absolute"] or 0.0
    row.save(update_fields=["measured", "squared_error", "absolute_error"])


def quality_of_day(day: date) -> dict[Key, Quality]:
    """What the feedback on a day's predictions adds up to. Two queries."""
    rows = list(_feedback_of(day).defer("organization", "given_by"))
    versions = ModelVersion.objects.only("signature").in_bulk({row.version_id for row in rows})
    classes = {id_: classes_of(version.signature) for id_, version in versions.items()}
    found: dict[Key, Quality] = {}
    for row in rows:
        sums = found.setdefault((row.version_id, day, row.user_id), Quality())
        judged = Judged(row.predicted, row.label, Verdict(row.correct, row.error))
        sums.count(judged, classes[row.version_id])
    return found


def _feedback_of(day: date) -> QuerySet[Feedback]:
    midnight = datetime.combine(day, time(), UTC)
    return Feedback.objects.filter(
        prediction_id__gte=least_id(midnight),
        prediction_id__lt=least_id(midnight + timedelta(days=1)),
    )


def add_to_days(rows: Mapping[Key, QualityRollUp], changes: Mapping[Key, Quality]) -> None:
    """Add to days that the caller has locked."""
    for key, change in changes.items():
        row = rows[key]
        change.merge({name: getattr(row, name) for name in STORED})
        for name in STORED:
            setattr(row, name, getattr(change, name))
    QualityRollUp.objects.bulk_update(rows.values(), STORED)


def _add(confusion: Confusion, truth: str, answer: str, times: int) -> None:
    row = confusion.setdefault(truth, {})
    row[answer] = row.get(answer, 0) + times
    if not row[answer]:
        del row[answer]
    if not row:
        del confusion[truth]


def _f1(confusion: Confusion, label: str) -> float:
    hits = confusion.get(label, {}).get(label, 0)
    truths = sum(confusion.get(label, {}).values())
    answers = sum(row.get(label, 0) for row in confusion.values())
    return 2 * hits / (truths + answers) if truths + answers else 0.0
