"""The end of what MLflow's clients deleted: for a while it can be restored, then it is gone."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import islice
from typing import Final, TypeVar
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet

from common import clock
from common.events import publish
from common.storage import Folder, list_folders
from registry.events import MlflowExperimentUpdated
from registry.models import LoggedModel, MlflowExperiment, MlflowRun, Registration, Status
from registry.services.logged import FOLDER

AT_ONCE: Final = 1000
R = TypeVar("R", MlflowRun, LoggedModel)


@transaction.atomic
def delete_tracking_of(organization_id: UUID) -> int:
    """Delete the experiments of an organization that is gone; how many there were."""
    rows = MlflowExperiment.objects.select_for_update().filter(
        organization_id=organization_id, deleted_at=None
    )
    for row in rows:
        row.deleted_at = clock.now()
        row.touch("deleted_at")
        event = MlflowExperimentUpdated(experiment_id=row.id, name=row.name, changed=["deleted_at"])
        publish(event, organization_id=organization_id)
    return len(rows)


def forget_deleted() -> int:
    """Delete runs and logged models that were deleted long ago, or whose experiment was.

    Long ago is MODEL_RETENTION_DAYS; with 0 they stay for ever, as versions do.
    Where a version was registered from one and is not archived, it stays: clients load from it.
    Returns how many went. May die at any moment: the next time goes on from there.
    """
    days = settings.MODEL_RETENTION_DAYS
    if not days:
        return 0
    before = clock.now() - timedelta(days=days)
    kept = Registration.objects.exclude(version__status=Status.ARCHIVED)
    runs = _long_gone(MlflowRun.objects.all(), before).exclude(
        id__in=kept.filter(run__isnull=False, logged_model=None).values("run")
    )
    models = _long_gone(LoggedModel.objects.all(), before).exclude(
        id__in=kept.filter(logged_model__isnull=False).values("logged_model")
    )
    gone = [_forget(models, id_) for id_ in list(models.values_list("id", flat=True))]
    gone += [_forget(runs, id_) for id_ in list(runs.values_list("id", flat=True))]
    MlflowExperiment.objects.filter(deleted_at__lt=before, runs=None, logged_models=None).delete()
    _delete_orphans()
    return sum(gone)


@transaction.atomic
def _forget(rows: QuerySet[R], id_: UUID) -> bool:
    """Delete one, unless it was restored or registered since it was found."""
    row = rows.select_for_update(of=("self",)).filter(id=id_).first()
    if row is None:
        return False
    row.delete()
    return True


def _long_gone(rows: QuerySet[R], before: datetime) -> QuerySet[R]:
    return rows.filter(Q(deleted_at__lt=before) | Q(experiment__deleted_at__lt=before))


def _delete_orphans() -> None:
    """Folders come into being under their run's lock: one without a row is a deleted one's."""
    folders = (id_ for id_, _ in list_folders(FOLDER))
    while some := list(islice(folders, AT_ONCE)):
        known = set(MlflowRun.objects.filter(id__in=some).values_list("id", flat=True))
        known |= set(LoggedModel.objects.filter(id__in=some).values_list("id", flat=True))
        for id_ in set(some) - known:
            Folder(FOLDER, id_).delete()
