"""How people's models do, and what people ask: each their own."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db.models import Sum

from accounts.actors import Actor
from analytics.models import OptOut
from analytics.periods import Period
from analytics.shapes import Counts, by_hour, by_weekday, filled, ms, top, trend
from common.ids import least_id
from common.models import EventRecord
from inference import figures
from inference.quality import Quality, quality_for_person
from registry.models import ModelVersion

MOST_MODELS: Final = 50
MOST_LABELS: Final = 20


@dataclass(frozen=True, slots=True)
class ModelLine:
    """One model among others. `model` is `owner/name`."""

    model: str
    counts: Counts
    mean_ms: float | None


@dataclass(frozen=True, slots=True)
class Dashboard:
    """How the models of a person's organizations do. `labels` are those of all models together."""

    period: Period
    counts: Counts
    before: Counts
    models: list[ModelLine]
    daily: list[dict[str, Any]]
    labels: list[tuple[str, int]]
    hours: list[dict[str, int]]
    weekdays: list[dict[str, Any]]

    @property
    def trend(self) -> dict[str, float | None]:
        """By what share calls and failures grew over the period before."""
        return trend(self.counts, self.before)


@dataclass(frozen=True, slots=True)
class PersonFigures:
    """What one person asked, of their own models and of others', by whatever credential."""

    period: Period
    counts: Counts
    before: Counts
    models: list[ModelLine]
    daily: list[dict[str, Any]]
    labels: list[tuple[str, int]]
    hours: list[dict[str, int]]
    weekdays: list[dict[str, Any]]
    quality: Quality

    @property
    def trend(self) -> dict[str, float | None]:
        """By what share calls and failures grew over the period before."""
        return trend(self.counts, self.before)


@dataclass(frozen=True, slots=True)
class Statistics:
    """The same, with what else they did in the period and what they store."""

    figures: PersonFigures
    logins: int
    uploads: int
    models: int
    storage_bytes: int
    counted: bool


def user_dashboard(actor: Actor, period: Period) -> Dashboard:
    """The models of the actor's organizations, from roll-ups alone."""
    ids = list(ModelVersion.objects.owned_by(actor).values_list("id", flat=True))
    each = figures.counts_by_version(ids, period.since, period.until)
    before = figures.counts_by_version(ids, period.before.since, period.before.until)
    points = figures.series(
        ids, period.since, period.until, unit=period.resolution, zone=period.sql_zone
    )
    pattern = figures.pattern(ids, period.since, period.until, zone=period.sql_zone)
    rows = {
        id_: (one.requests, one.rows, one.failed, one.mean_us * one.requests)
        for id_, one in each.items()
    }
    return Dashboard(
        period=period,
        counts=_sum(rows.values()),
        before=_sum((one.requests, one.rows, one.failed, 0) for one in before.values()),
        models=_lines(rows),
        daily=filled(points, period),
        labels=top(figures.label_counts(ids, period.since, period.until), MOST_LABELS),
        hours=by_hour(pattern),
        weekdays=by_weekday(pattern),
    )


def person_figures(actor: Actor, period: Period) -> PersonFigures:
    """What the actor asked. A key of an organization's, or of some models, sees no other calls."""
    since, until = period.since, period.until
    only = _reach(actor)
    rows = figures.counts_of_person(actor.id, since, until, versions=only)
    before = figures.counts_of_person(
        actor.id, period.before.since, period.before.until, versions=only
    )
    points = figures.series_of_person(
        actor.id, since, until, unit=period.resolution, zone=period.sql_zone, versions=only
    )
    pattern = figures.pattern_of_person(actor.id, since, until, zone=period.sql_zone, versions=only)
    return PersonFigures(
        period=period,
        counts=_sum(rows.values()),
        before=_sum(before.values()),
        models=_lines(rows),
        daily=filled(points, period),
        labels=top(figures.labels_of_person(actor.id, since, until, versions=only), MOST_LABELS),
        hours=by_hour(pattern),
        weekdays=by_weekday(pattern),
        quality=quality_for_person(actor.id, since, until, versions=only),
    )


def person_statistics(actor: Actor, period: Period) -> Statistics:
    """What the actor asked, did and stores."""
    did = EventRecord.objects.filter(
        actor_id=actor.id, id__gte=least_id(period.since), id__lt=least_id(period.until)
    )
    owned = ModelVersion.objects.owned_by(actor)
    return Statistics(
        figures=person_figures(actor, period),
        logins=did.filter(type="user.logged_in").count(),
        uploads=did.filter(type="model_version.received").count(),
        models=owned.values("model_id").distinct().count(),
        storage_bytes=owned.aggregate(all=Sum("size"))["all"] or 0,
        counted=is_counted(actor),
    )


def is_counted(actor: Actor) -> bool:
    """Whether the operators' figures of feature use count this person."""
    return not OptOut.objects.filter(user_id=actor.id).exists()


def _reach(actor: Actor) -> list[UUID] | None:
    """The versions that a narrow credential may speak of; None for whoever acts for themselves."""
    if actor.is_at_home and not actor.model_refs:
        return None
    return list(ModelVersion.objects.owned_by(actor).values_list("id", flat=True))


def _sum(rows: Iterable[tuple[float, ...]]) -> Counts:
    found = list(rows)
    return Counts(*(int(sum(row[i] for row in found)) for i in range(3)))


def _lines(rows: dict[UUID, tuple[Any, ...]]) -> list[ModelLine]:
    """By model, the most asked first."""
    totals: dict[str, list[float]] = {}
    for id_, name in _references(rows).items():
        one = totals.setdefault(name, [0, 0, 0, 0])
        for i, value in enumerate(rows[id_]):
            one[i] += value
    lines = [
        ModelLine(name, Counts(int(n), int(r), int(f)), ms(us / n if n else None))
        for name, (n, r, f, us) in totals.items()
    ]
    return sorted(lines, key=lambda line: (-line.counts.total, line.model))[:MOST_MODELS]


def _references(ids: Collection[UUID]) -> dict[UUID, str]:
    """Each version's model, as `owner/name`. Roll-ups outlive what they are about."""
    found = ModelVersion.objects.filter(id__in=list(ids)).values_list(
        "id", "model__organization__slug", "model__name"
    )
    names = {id_: f"{owner}/{name}" for id_, owner, name in found}
    return {id_: names.get(id_, "deleted") for id_ in ids}
