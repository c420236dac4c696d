"""What accounts do about things that happened: the mail they send."""

from __future__ import annotations

from uuid import UUID

from accounts.events import InvitationCreated
from accounts.mail import send_mail_to
from accounts.models import Invitation
from accounts.services import invitation_token
from common.events import on


@on(InvitationCreated)
def mail_invitation(event: InvitationCreated, *, event_id: UUID) -> None:
    """The offer of a place, with the link that answers it, while it is open."""
    found = Invitation.objects.open().filter(id=event.invitation_id)
    invitation = found.select_related("organization", "invited_by").first()
    if invitation is None:
        return
    send_mail_to(
        invitation.email,
        "invitation",
        {
            "inviter": invitation.invited_by.get_short_name(),
            "organization": invitation.organization.name or invitation.organization.slug,
            "role": invitation.role,
            "expires_at": invitation.expires_at,
            "token": invitation_token(invitation),
        },
    )
