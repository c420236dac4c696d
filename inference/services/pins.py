"""Keeping versions loaded."""

from __future__ import annotations

from django.conf import settings
from django.db import transaction

from accounts.actors import Actor
from common.events import publish
from inference.engine import engine
from inference.errors import PinDenied, TooManyPins
from inference.events import ModelVersionPinned, ModelVersionUnpinned
from inference.models import Pin
from registry.models import ModelVersion
from registry.permissions import can_edit_model
from registry.selectors import servable


def pin_version(version: ModelVersion, *, actor: Actor) -> None:
    """Load a version here and now, have every process load it, and keep it. Twice is once.

    Half of a process's room at most is for such. Raises PinDenied, TooManyPins, VersionNotReady,
    ModelArchived, and ModelUnavailable where it can't be loaded.
    """
    _check(actor, version)
    engine().pin(servable(version))
    with transaction.atomic():
        most = settings.MODEL_CACHE_MAX // 2
        others = Pin.objects.select_for_update().exclude(version=version)
        if len(others) >= most:
            engine().unpin(version.id)
            raise TooManyPins(f"This installation keeps {most} versions loaded, and no more.")
        _, made = Pin.objects.get_or_create(version=version, defaults={"pinned_by_id": actor.id})
        if made:
            happened = ModelVersionPinned(
                model_id=version.model_id,
                version_id=version.id,
                name=version.model.name,
                number=version.number,
            )
            publish(happened, actor_id=actor.id, organization_id=version.model.organization_id)


@transaction.atomic
def unpin_version(version: ModelVersion, *, actor: Actor) -> None:
    """Let a version go when room is needed, as any other; it still answers. Twice is once."""
    _check(actor, version)
    deleted, _ = Pin.objects.filter(version=version).delete()
    if deleted:
        happened = ModelVersionUnpinned(
            model_id=version.model_id,
            version_id=version.id,
            name=version.model.name,
            number=version.number,
        )
        publish(happened, actor_id=actor.id, organization_id=version.model.organization_id)


def _check(actor: Actor, version: ModelVersion) -> None:
    if not can_edit_model(actor, version.model):
        raise PinDenied(f"You may not keep {version.model.name} loaded.")
