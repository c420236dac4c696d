"""Offers of a place in an organization."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal
from uuid import UUID

from django.core import signing
from django.db import IntegrityError, transaction

from accounts.actors import Actor
from accounts.emails import checked_email, email_key
from accounts.errors import AlreadyMember, InvitationClosedError, InvitationNotFound
from accounts.events import InvitationClosed, InvitationCreated, MemberJoined
from accounts.models import Invitation, Membership, Organization, User
from accounts.permissions import check_admin, check_may_give
from common import clock
from common.errors import Conflict, Fault
from common.events import publish

VALID_FOR = timedelta(days=7)
SALT = "accounts.invitation"


@transaction.atomic
def invite(organization: Organization, *, actor: Actor, email: str, role: str) -> Invitation:
    """Offer a place to an address, known or not, by mail. An offer that is too old gives way.

    Raises Invalid for what is no address, AlreadyMember, and Conflict while an offer is open.
    """
    check_may_give(actor, organization, role)
    address = checked_email(email)
    key, now = email_key(address), clock.now()
    invited = User.objects.filter(email_key=key, service_of=None).first()
    if invited and Membership.objects.filter(organization=organization, user=invited).exists():
        raise AlreadyMember("They are in it already.", errors=[Fault("/email", "is a member")])
    to_them = Invitation.objects.filter(organization=organization, email_key=key)
    to_them.unanswered().filter(expires_at__lte=now).update(revoked_at=now)
    try:
        with transaction.atomic():
            made = Invitation.objects.create(
                organization=organization, email=address, email_key=key, role=role,
                invited_by=actor.user, expires_at=now + VALID_FOR,
            )  # fmt: skip
    except IntegrityError:
        raise Conflict("An invitation to this address is open.", code="already_invited") from None
    publish(
        InvitationCreated(
            invitation_id=made.id, organization_id=organization.id,
            user_id=invited.id if invited else None, role=role,
        ),
        actor_id=actor.id,
        organization_id=organization.id,
    )  # fmt: skip
    return made


def invitation_token(invitation: Invitation) -> str:
    """What the mail's link carries: it proves that its bearer reads the invited address."""
    return signing.dumps(str(invitation.id), salt=SALT)


def invitation_by_token(token: str) -> Invitation:
    """The invitation of a mailed link; InvitationNotFound for what is none of ours."""
    try:
        id_ = UUID(signing.loads(token, salt=SALT))
    except (signing.BadSignature, ValueError):
        raise InvitationNotFound("This invitation is not known.") from None
    found = Invitation.objects.select_related("organization", "invited_by").filter(id=id_).first()
    if found is None:
        raise InvitationNotFound("This invitation is not known.")
    return found


@transaction.atomic
def accept_invitation(invitation: Invitation, *, actor: Actor) -> Membership:
    """Take the place. Whoever comes with the link or owns the address may; once."""
    held = _open(invitation)
    place, new = Membership.objects.get_or_create(
        organization_id=held.organization_id, user=actor.user, defaults={"role": held.role}
    )
    _close(held, "accepted", actor)
    if new:
        publish(
            MemberJoined(organization_id=held.organization_id, user_id=actor.id, role=place.role),
            actor_id=actor.id,
            organization_id=held.organization_id,
        )
    return place


@transaction.atomic
def decline_invitation(invitation: Invitation, *, actor: Actor) -> None:
    """Say no to it."""
    _close(_open(invitation), "declined", actor)


@transaction.atomic
def revoke_invitation(invitation: Invitation, *, actor: Actor) -> None:
    """Take an offer back, as an owner or admin."""
    check_admin(actor, invitation.organization)
    _close(_open(invitation), "revoked", actor)


def _open(invitation: Invitation) -> Invitation:
    held = (
        Invitation.objects.select_for_update(of=("self",))
        .select_related("organization")
        .get(id=invitation.id)
    )
    if held.state != "open" or held.organization.deleted_at is not None:
        raise InvitationClosedError(f"This invitation is {held.state}. Ask for a new one.")
    return held


def _close(held: Invitation, how: Literal["accepted", "declined", "revoked"], actor: Actor) -> None:
    setattr(held, f"{how}_at", clock.now())
    if how == "accepted":
        held.accepted_by = actor.user
    held.touch(f"{how}_at", "accepted_by")
    publish(
        InvitationClosed(invitation_id=held.id, organization_id=held.organization_id, how=how),
        actor_id=actor.id,
        organization_id=held.organization_id,
    )
