"""Every write to organizations and to who is in them."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from accounts.actors import Actor
from accounts.errors import LastOwner, MemberNotFound, SlugsExhausted, SlugTaken
from accounts.events import (
    MemberRemoved,
    MemberRoleChanged,
    OrganizationCreated,
    OrganizationDeleted,
    OrganizationUpdated,
)
from accounts.models import ApiKey, Invitation, Membership, Organization, Role, Team, User
from accounts.permissions import check_admin, check_may_give, check_owner
from accounts.slugs import is_slug, slug_from_name, with_suffix
from common import clock
from common.errors import Conflict, Fault, Invalid
from common.events import publish

SLUG_TRIES = 8


@transaction.atomic
def create_organization(*, actor: Actor, name: str, slug: str = "") -> Organization:
    """Make an organization that the actor owns.

    Without a slug it gets one from its name, with a number behind it where that is taken. Raises
    Invalid for what is no slug, and SlugTaken.
    """
    if slug and not is_slug(slug):
        message = (
            "A slug is 1 to 63 small letters, digits, dots, dashes or underscores, starts with a "
            "letter or digit, and is no reserved word."
        )
        raise Invalid(message, errors=[Fault("/slug", message, "bad_slug")])
    wished = slug or slug_from_name(name)
    organization = (_insert if slug else make_organization)(wished, name)
    Membership.objects.create(organization=organization, user=actor.user, role=Role.OWNER)
    publish(
        OrganizationCreated(organization_id=organization.id, slug=organization.slug),
        actor_id=actor.id,
        organization_id=organization.id,
    )
    return organization


def make_organization(wished: str, name: str, *, personal_to: User | None = None) -> Organization:
    """An organization under the wished slug, or one like it that nobody has; without members."""
    slugs = [wished, *(with_suffix(wished, str(number)) for number in range(2, SLUG_TRIES))]
    taken = set(Organization.objects.filter(slug__in=slugs).values_list("slug", flat=True))
    slug = next((slug for slug in slugs if slug not in taken), "")
    for _ in range(SLUG_TRIES):
        try:
            return _insert(slug or with_suffix(wished, secrets.token_hex(4)), name, personal_to)
        except SlugTaken:  # somebody took it in this very moment
            slug = ""
    raise SlugsExhausted("No free name was found. Try again.", retry_after=1)


def _insert(slug: str, name: str, personal_to: User | None = None) -> Organization:
    try:
        with transaction.atomic():
            return Organization.objects.create(
                slug=slug, name=name or slug, personal_to=personal_to
            )
    except IntegrityError:
        message = f"{slug!r} is taken."
        raise SlugTaken(message, errors=[Fault("/slug", message, "slug_taken")]) from None


@transaction.atomic
def update_organization(
    organization: Organization, changes: Mapping[str, Any], *, actor: Actor
) -> Organization:
    """Change its `name`. The slug stays: models are called by it."""
    check_admin(actor, organization)
    changed = sorted(key for key, value in changes.items() if getattr(organization, key) != value)
    if not changed:
        return organization
    for key in changed:
        setattr(organization, key, changes[key])
    organization.touch(*changed)
    publish(
        OrganizationUpdated(organization_id=organization.id, fields=changed),
        actor_id=actor.id,
        organization_id=organization.id,
    )
    return organization


@transaction.atomic
def delete_organization(organization: Organization, *, actor: Actor) -> None:
    """Delete an organization for good. Row, slug, models and history stay, for nobody to use.

    Keys are revoked, invitations taken back, teams deleted, service accounts closed, and nobody is
    a member any more. A personal organization goes with its owner alone.
    """
    check_owner(actor, organization)
    if organization.personal_to_id is not None:
        raise Conflict(
            "This is a personal organization; it goes when its owner's account does.",
            code="personal_organization",
        )
    held = Organization.objects.select_for_update().get(id=organization.id)
    if held.deleted_at is not None:
        return
    now = clock.now()
    organization.deleted_at = now
    organization.touch("deleted_at")
    Invitation.objects.filter(organization=organization).unanswered().update(revoked_at=now)
    revoke_keys(organization=organization)
    Team.objects.filter(organization=organization, deleted_at=None).update(deleted_at=now)
    User.objects.filter(service_of=organization).update(is_active=False, status="deactivated")
    Membership.objects.filter(organization=organization).delete()
    publish(
        OrganizationDeleted(organization_id=organization.id, slug=organization.slug),
        actor_id=actor.id,
        organization_id=organization.id,
    )


@transaction.atomic
def set_member_role(
    organization: Organization, user_id: UUID, *, actor: Actor, role: str
) -> Membership:
    """Give a member another role. Only owners make owners and unmake them; one must be left."""
    place = _place(organization, user_id)
    check_may_give(actor, organization, role)
    check_may_give(actor, organization, place.role)
    before = place.role
    if before == role:
        return place
    if role == Role.OWNER and place.user.service_of_id is not None:
        raise Invalid("A program can't own an organization.", code="service_account")
    if before == Role.OWNER:
        _check_other_owner(organization, user_id)
    place.role = role
    place.touch("role")
    publish(
        MemberRoleChanged(
            organization_id=organization.id, user_id=user_id, before=before, role=role
        ),
        actor_id=actor.id,
        organization_id=organization.id,
    )
    return place


@transaction.atomic
def remove_member(organization: Organization, user_id: UUID, *, actor: Actor) -> None:
    """Remove a member, or leave. Their keys in the organization are revoked."""
    place = _place(organization, user_id)
    if user_id != actor.id:
        check_may_give(actor, organization, place.role)
    if organization.personal_to_id == user_id:
        raise Conflict("Nobody leaves their own organization.", code="personal_organization")
    if place.role == Role.OWNER:
        _check_other_owner(organization, user_id)
    place.delete()
    revoke_keys(organization=organization, user_id=user_id)
    publish(
        MemberRemoved(organization_id=organization.id, user_id=user_id),
        actor_id=actor.id,
        organization_id=organization.id,
    )


def revoke_keys(**whose: Any) -> int:
    """Revoke every key of a user's or organization's at once; the caller's event tells of it."""
    now = clock.now()
    return ApiKey.objects.filter(revoked_at__isnull=True, **whose).update(
        revoked_at=now, updated_at=now
    )


def _place(organization: Organization, user_id: UUID) -> Membership:
    """A member's place. The organization is locked, so that owners are counted one at a time."""
    Organization.objects.select_for_update().get(id=organization.id)
    place = (
        Membership.objects.select_related("user")
        .filter(organization=organization, user_id=user_id)
        .first()
    )
    if place is None:
        raise MemberNotFound(f"{organization.slug} has no such member.")
    return place


def _check_other_owner(organization: Organization, user_id: UUID) -> None:
    owners = Membership.objects.filter(organization=organization, role=Role.OWNER)
    if not owners.exclude(user_id=user_id).filter(user__is_active=True).exists():
        raise LastOwner("This is the last owner. Appoint another one first.")
