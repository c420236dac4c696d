"""How a model does: for the people of its organization."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from accounts.actors import Actor
from analytics.errors import TooManyModels
from analytics.periods import Period
from analytics.shapes import Counts, by_hour, by_weekday, filled, ms, spread, top, trend
from inference import figures
from inference.models import Prediction
from inference.quality import Quality, quality_by_version
from inference.rollups import CONFIDENCE_BUCKETS, Sums
from inference.selectors import check_figures
from registry.models import Model, ModelVersion
from registry.refs import parse_ref
from registry.selectors import get_model, get_version, resolve_version

MOST_ERRORS: Final = 10
MOST_LABELS: Final = 200
MOST_COMPARED: Final = 10


@dataclass(frozen=True, slots=True)
class VersionFigures:
    """What one version answered in the period."""

    number: int
    counts: Counts
    mean_ms: float
    last_at: datetime
    quality: Quality


@dataclass(frozen=True, slots=True)
class ModelFigures:
    """All there is to know of a model, or of one version of it, in a period."""

    model: Model
    version: int | None
    period: Period
    counts: Counts
    before: Counts
    latency_ms: dict[str, float | None]
    inference_ms: dict[str, float | None]
    cache_hits: int
    labels: list[tuple[str, int]]
    errors: list[tuple[str, int]]
    confidence: dict[str, Any]
    daily: list[dict[str, Any]]
    hours: list[dict[str, int]]
    weekdays: list[dict[str, Any]]
    versions: list[VersionFigures]
    recent_errors: Sequence[Prediction]
    quality: Quality

    @property
    def trend(self) -> dict[str, float | None]:
        """By what share calls and failures grew over the period before."""
        return trend(self.counts, self.before)


def model_figures(actor: Actor, ref: str, period: Period) -> ModelFigures:
    """A model's figures, from roll-ups alone but for the latest errors.

    Raises ModelNotFound, and FiguresDenied for whom it is shared with: theirs are their own
    calls, among their own figures.
    """
    model, numbers, only = _versions(actor, ref)
    ids = list(numbers)
    sums = figures.sums_of(ids, period.since, period.until)
    before = figures.counts_by_version(ids, period.before.since, period.before.until)
    pattern = figures.pattern(ids, period.since, period.until, zone=period.sql_zone)
    points = figures.series(
        ids, period.since, period.until, unit=period.resolution, zone=period.sql_zone
    )
    each = figures.counts_by_version(ids, period.since, period.until)
    quality = quality_by_version(ids, period.since, period.until)
    return ModelFigures(
        model=model,
        version=only,
        period=period,
        counts=Counts(sums.requests, sums.rows, sums.failed),
        before=Counts(
            sum(one.requests for one in before.values()),
            sum(one.rows for one in before.values()),
            sum(one.failed for one in before.values()),
        ),
        latency_ms=spread(sums.duration, sums.requests),
        inference_ms=spread(sums.inference, sums.requests - sums.failed),
        cache_hits=sums.cache_hits,
        labels=top(sums.labels, MOST_LABELS),
        errors=top(sums.errors, MOST_LABELS),
        confidence=_confidence(sums),
        daily=filled(points, period),
        hours=by_hour(pattern),
        weekdays=by_weekday(pattern),
        versions=[
            VersionFigures(
                numbers[id_], Counts(one.requests, one.rows, one.failed),
                ms(one.mean_us) or 0.0, one.last_at, quality.get(id_, Quality()),
            )
            for id_, one in sorted(each.items(), key=lambda item: -numbers[item[0]])
        ],
        recent_errors=_named(
            figures.recent_errors(list(each), period.since, period.until, limit=MOST_ERRORS),
            numbers,
        ),
        quality=Quality.sum(quality.values()),
    )  # fmt: skip


def compare_models(actor: Actor, refs: Sequence[str], period: Period) -> list[ModelFigures]:
    """Several models or versions side by side. Raises TooManyModels, and as `model_figures`."""
    if not 1 <= len(refs) <= MOST_COMPARED:
        raise TooManyModels(f"Name one to {MOST_COMPARED} models.")
    return [model_figures(actor, ref, period) for ref in refs]


def _versions(actor: Actor, ref: str) -> tuple[Model, dict[UUID, int], int | None]:
    """The model, the numbers of the versions that are asked about, and the one where it is one."""
    parsed = parse_ref(ref)
    model = get_model(actor, parsed)
    check_figures(actor, model)
    if parsed.number is not None or parsed.alias:
        number = parsed.number
        version = resolve_version(actor, parsed) if number is None else get_version(model, number)
        return model, {version.id: version.number}, version.number
    rows = ModelVersion.objects.filter(model=model).order_by("number")
    return model, dict(rows.values_list("id", "number")), None


def _confidence(sums: Sums) -> dict[str, Any]:
    """The mean of the top probability, and how it is spread: shares of 5 % each."""
    mean = sums.confidence_sum / sums.confidence_count if sums.confidence_count else None
    counts = sums.confidence or [0] * CONFIDENCE_BUCKETS
    return {
        "mean": None if mean is None else round(mean, 4),
        "histogram": [
            {"from": round(i / CONFIDENCE_BUCKETS, 2), "count": n} for i, n in enumerate(counts)
        ],
    }


def _named(rows: list[Prediction], numbers: dict[UUID, int]) -> list[Prediction]:
    for row in rows:
        row.version_number = numbers[row.version_id]  # type: ignore[attr-defined]  # for this answer
    return rows
