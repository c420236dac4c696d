"""Deleting versions: archived at once, and their files gone once nobody has asked for them back.

The row stays for good, with its digest: predictions, feedback and the audit trail refer to it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction

from accounts.actors import Actor
from common import clock
from common.events import publish
from registry import blobs
from registry.events import ModelVersionPurged
from registry.models import Model, ModelVersion, State, Status
from registry.services.models import update_model, update_version, versions_of

logger = structlog.get_logger(__name__)

BATCH: Final = 100


@transaction.atomic
def delete_model(model: Model, *, actor: Actor) -> None:
    """Archive a model; the files of its versions go after MODEL_RETENTION_DAYS.

    Restoring it before then keeps them. Raises EditDenied.
    """
    update_model(model, {"status": Status.ARCHIVED}, actor=actor)
    # A version may have been restored alone, of a model that was archived before.
    versions_of(model).filter(purge_at=None, purged_at=None).update(
        status=Status.ARCHIVED, deprecated_at=None, purge_at=_purge_at(), updated_at=clock.now()
    )


@transaction.atomic
def delete_version(version: ModelVersion, *, actor: Actor) -> None:
    """Archive a version; its file goes after MODEL_RETENTION_DAYS unless it is restored.

    Raises EditDenied, and AliasConflict where an alias leads to it.
    """
    update_version(version, {"status": Status.ARCHIVED}, actor=actor)
    if version.purge_at is None and version.purged_at is None:
        version.purge_at = _purge_at()
        version.touch("purge_at")


def _purge_at() -> datetime | None:
    days = settings.MODEL_RETENTION_DAYS
    return clock.now() + timedelta(days=days) if days else None


def purge_deleted() -> int:
    """Delete the files of versions whose time is over; returns of how many.

    One that is being checked waits for its end. A file goes after its row says so, and the row
    is done with once the file is gone: a crash in between leaves nothing behind.
    """
    due = ModelVersion.objects.filter(purge_at__lte=clock.now()).exclude(state=State.SCANNING)
    ids = list(due.order_by("purge_at").values_list("id", flat=True)[:BATCH])
    return sum(_purge(version_id) for version_id in ids)


def _purge(version_id: UUID) -> bool:
    version = _give_up(version_id)
    if version is None:  # restored in this very moment
        return False
    digests = sorted({version.sha256, version.graph_sha256} - {""})
    left = [digest for digest in digests if not blobs.drop_unused(digest)]
    if left:
        return False
    ModelVersion.objects.filter(id=version.id).update(purge_at=None)
    logger.info("version_purged", version_id=str(version.id))
    return True


@transaction.atomic
def _give_up(version_id: UUID) -> ModelVersion | None:
    """The version, which can't be restored from now on."""
    rows = ModelVersion.objects.select_for_update(of=("self",)).select_related("model")
    version = rows.filter(id=version_id, purge_at__lte=clock.now()).first()
    if version is None or version.purged_at is not None:
        return version
    version.purged_at = clock.now()
    version.touch("purged_at")
    publish(
        ModelVersionPurged(
            model_id=version.model_id,
            version_id=version.id,
            name=version.model.name,
            number=version.number,
            sha256=version.sha256,
        ),
        organization_id=version.model.organization_id,
    )
    return version
