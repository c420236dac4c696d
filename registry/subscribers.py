"""What the registry does about things that happened to accounts."""

from __future__ import annotations

from uuid import UUID

from accounts.events import OrganizationDeleted, UserDeleted, UserRegistered
from accounts.models import User
from common.events import on
from registry import services


@on(UserRegistered)
def give_what_waited(event: UserRegistered, *, event_id: UUID) -> None:
    """Shares that were waiting for this address."""
    user = User.objects.filter(id=event.user_id).first()
    if user is not None:
        services.claim_shares(user)


@on(UserDeleted)
def archive_personal_models(event: UserDeleted, *, event_id: UUID) -> None:
    """A deleted person's models answer nobody."""
    if event.organization_id is not None:
        services.archive_models_of(event.organization_id)


@on(OrganizationDeleted)
def archive_models(event: OrganizationDeleted, *, event_id: UUID) -> None:
    """A deleted organization's models answer nobody."""
    services.archive_models_of(event.organization_id)
