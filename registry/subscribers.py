"""What the registry does about things that happened to accounts."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings

from accounts.events import EmailVerified, OrganizationDeleted, UserDeleted, UserRegistered
from accounts.mail import send_mail_to
from accounts.models import User
from common.events import on
from registry import selectors, services
from registry.events import ModelShared
from registry.services import retention


@on(UserRegistered)
@on(EmailVerified)
def give_what_waited(event: UserRegistered | EmailVerified, *, event_id: UUID) -> None:
    """Shares that were waiting for this address; where there is mail, once it is verified."""
    user = User.objects.filter(id=event.user_id).first()
    if user is None or (settings.EMAIL_CONFIGURED and user.email_verified_at is None):
        return
    services.claim_shares(user)


@on(ModelShared)
def invite_by_share(event: ModelShared, *, event_id: UUID) -> None:
    """A mail with the way in to an address nobody has; users are notified (`accounts`)."""
    if event.user_id is not None or event.team_id is not None:
        return
    share = selectors.get_waiting_share(event.share_id)
    if share is not None:
        send_mail_to(share.email, "model_shared", {"share": share})


@on(UserDeleted)
def archive_personal_models(event: UserDeleted, *, event_id: UUID) -> None:
    """A deleted person's models answer nobody."""
    if event.organization_id is not None:
        services.archive_models_of(event.organization_id)
        retention.delete_tracking_of(event.organization_id)


@on(OrganizationDeleted)
def archive_models(event: OrganizationDeleted, *, event_id: UUID) -> None:
    """A deleted organization's models answer nobody."""
    services.archive_models_of(event.organization_id)
    retention.delete_tracking_of(event.organization_id)
