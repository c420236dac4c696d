"""What accounts do when something has happened: they notify, and they mail."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.conf import settings

from accounts.events import (
    InvitationCreated,
    ResetAsked,
    SignUpAsked,
    UserDeleted,
    UserRegistered,
    VerificationAsked,
)
from accounts.mail import send_mail_to
from accounts.models import EmailToken, Invitation, Purpose, User
from accounts.proofs import LIVES, link_token, mailed_code
from accounts.services import (
    begin_proof,
    bind_token,
    forget_notifications,
    invitation_token,
    notify,
    take_sign_up,
)
from common.events import on, on_every
from common.models import EventRecord


@on_every
def tell_people(row: EventRecord) -> None:
    """Notify whoever should hear of it."""
    notify(row)


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


@on(UserRegistered)
def mail_first_verification(event: UserRegistered, *, event_id: UUID) -> None:
    """Link and code to a new account's address, unless somebody vouched for it."""
    if not settings.EMAIL_CONFIGURED:
        return
    user = User.objects.filter(id=event.user_id, email_verified_at=None).first()
    if user is not None:
        _mail(begin_proof(user, Purpose.VERIFY, token_id=event_id))


@on(VerificationAsked)
def mail_verification(event: VerificationAsked, *, event_id: UUID) -> None:
    """Another link and code, where the address has an account and is not verified."""
    _mail(bind_token(event.token_id))


@on(ResetAsked)
def mail_reset(event: ResetAsked, *, event_id: UUID) -> None:
    """The link to a new password, where the address has an account."""
    _mail(bind_token(event.token_id))


@on(SignUpAsked)
def open_pending_account(event: SignUpAsked, *, event_id: UUID) -> None:
    """The account; who has one already is told that somebody tried to make another."""
    _mail(take_sign_up(event.sign_up_id))


def _mail(token: EmailToken | None) -> None:
    """The mail of a row's purpose to its user; nothing where there is no row."""
    if token is None or token.user is None:
        return
    context = {
        "token": link_token(token),
        "code": mailed_code(token),
        "hours": LIVES[Purpose(token.purpose)] // timedelta(hours=1),
    }
    send_mail_to(token.user.email, token.purpose, context)


@on(UserDeleted)
def forget_what_they_were_told(event: UserDeleted, *, event_id: UUID) -> None:
    """Nothing more is told to who is gone, and what was told goes with them."""
    forget_notifications(event.user_id)
