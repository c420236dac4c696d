"""Where a version comes from, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from accounts.actors import Actor
from common import clock
from inference import figures
from inference.quality import Quality, quality_by_version
from inference.rollups import Sums, moment
from registry.models import Model, ModelVersion
from registry.selectors import locate_version

MOST: Final = 100
"""Versions that are named of each kind of relation, the newest first."""


@dataclass(frozen=True, slots=True)
class Made:
    """All that a version answered, and what turned out to be true of it."""

    sums: Sums
    quality: Quality

    @property
    def last_at(self) -> datetime | None:
        return moment(self.sums.last_ms) if self.sums.requests else None


@dataclass(frozen=True, slots=True)
class Lineage:
    """One version and its relations, as far as the asker may see them.

    parents, children  what it was made from, and what was made from it, as their uploaders said
    same_file          versions with the very same file
    made               None for whom the model is only shared with
    """

    version: ModelVersion
    parents: Sequence[ModelVersion]
    children: Sequence[ModelVersion]
    same_file: Sequence[ModelVersion]
    made: Made | None


def lineage(actor: Actor, ref: str) -> Lineage:
    """Of the version a reference leads to; one that is named may be archived or rejected.

    Raises what `resolve_version` raises.
    """
    version = locate_version(actor, ref)
    seen = ModelVersion.objects.filter(model__in=Model.objects.visible_to(actor).values("id"))
    seen = seen.select_related("model__organization").order_by("-id")
    mine = actor.role_in(version.model.organization_id)
    return Lineage(
        version=version,
        parents=list(seen.filter(children=version)[:MOST]),
        children=list(seen.filter(parents=version)[:MOST]),
        same_file=list(seen.filter(sha256=version.sha256).exclude(id=version.id)[:MOST]),
        made=_made(version.id, version.created_at) if mine else None,
    )


def _made(version_id: UUID, since: datetime) -> Made:
    # From the beginning of the day: a quarter of an hour counts where it begins.
    since, until = since.replace(hour=0, minute=0, second=0, microsecond=0), clock.now()
    quality = quality_by_version([version_id], since, until)
    return Made(figures.sums_of([version_id], since, until), quality.get(version_id, Quality()))
