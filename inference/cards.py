"""What there is to know of a version: from its file, from its traffic, from feedback."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from accounts.actors import Actor
from common import clock
from common.errors import Fault, Invalid
from inference import figures
from inference.figures import VersionCounts
from inference.quality import Quality, quality_by_version
from registry.models import Alias, ModelVersion
from registry.selectors import resolve_version

LIVE_DAYS: Final = 30
MOST_COMPARED: Final = 10
COMPARED: Final = ("status", "framework", "format", "libraries", "size", "runtime", "signature")


@dataclass(frozen=True, slots=True)
class Live:
    """What a version answered in the last LIVE_DAYS days; `mean_us` in microseconds."""

    requests: int
    rows: int
    failed: int
    mean_us: float
    quality: Quality

    @property
    def error_rate(self) -> float | None:
        return self.failed / self.requests if self.requests else None

    @property
    def mean_ms(self) -> float | None:
        return round(self.mean_us / 1000, 3) if self.requests else None


@dataclass(frozen=True, slots=True)
class Card:
    """One version. `live` is None for whom the model is only shared with."""

    version: ModelVersion
    aliases: Sequence[Alias]
    live: Live | None

    @property
    def features(self) -> list[dict[str, Any]]:
        """Every feature of every input, in order."""
        signature = self.version.signature or {}
        return [feature for part in signature.get("inputs", []) for feature in part["features"]]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Several versions, and in which of COMPARED they differ."""

    cards: list[Card]
    differs: list[str]


def card(actor: Actor, ref: str) -> Card:
    """The version a reference leads to. Raises what `resolve_version` raises."""
    return _cards(actor, [resolve_version(actor, ref)])[0]


def compare(actor: Actor, refs: Sequence[str]) -> Comparison:
    """Two to ten versions side by side, of one model or of several."""
    if not 2 <= len(refs) <= MOST_COMPARED or len(set(refs)) < len(refs):
        message = f"Name two to {MOST_COMPARED} different versions, with commas between."
        raise Invalid(message, errors=[Fault("?refs", message)])
    cards = _cards(actor, [resolve_version(actor, ref) for ref in refs])
    first = cards[0].version
    differs = [
        name
        for name in COMPARED
        if any(getattr(one.version, name) != getattr(first, name) for one in cards)
    ]
    return Comparison(cards, differs)


def _cards(actor: Actor, versions: Sequence[ModelVersion]) -> list[Card]:
    known = [one.id for one in versions if actor.role_in(one.model.organization_id)]
    until = clock.now()
    since = until - timedelta(days=LIVE_DAYS)
    counts = figures.counts_by_version(known, since, until)
    quality = quality_by_version(known, since, until)
    named: dict[UUID, list[Alias]] = {}
    for alias in Alias.objects.filter(version__in=versions).order_by("name"):
        named.setdefault(alias.version_id, []).append(alias)
    return [
        Card(
            version=one,
            aliases=named.get(one.id, []),
            live=_live(one.id, counts, quality) if one.id in known else None,
        )
        for one in versions
    ]


def _live(id_: UUID, counts: Mapping[UUID, VersionCounts], quality: Mapping[UUID, Quality]) -> Live:
    found = counts.get(id_)
    judged = quality.get(id_, Quality())
    if found is None:
        return Live(0, 0, 0, 0.0, judged)
    return Live(found.requests, found.rows, found.failed, found.mean_us, judged)
