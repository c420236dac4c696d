"""Service accounts: an organization's programs, which act by keys and belong to no person."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.contrib.auth.hashers import make_password
from django.db import transaction

from accounts.actors import Actor
from accounts.errors import MemberNotFound
from accounts.events import ServiceAccountCreated, ServiceAccountDeleted
from accounts.models import Membership, Organization, Role, User, UserStatus
from accounts.permissions import check_admin
from accounts.scopes import DEFAULT_KEY_SCOPES
from accounts.services.keys import NewKey, Wish, insert_key
from accounts.services.organizations import revoke_keys
from common.errors import Invalid
from common.events import publish
from common.ids import uuid7


@transaction.atomic
def create_service_account(
    organization: Organization, *, actor: Actor, name: str, role: str = Role.MEMBER
) -> User:
    """Make a program that acts in the organization with a role below owner."""
    check_admin(actor, organization)
    if role == Role.OWNER:
        raise Invalid("A program can't own an organization.", code="service_account")
    id_ = uuid7()
    address = f"{id_}@service.invalid"  # RFC 2606: no mail ever goes there
    user = User.objects.create(
        id=id_, email=address, email_key=address, full_name=name, service_of=organization,
        password=make_password(None),
    )  # fmt: skip
    Membership.objects.create(organization=organization, user=user, role=role)
    publish(
        ServiceAccountCreated(
            organization_id=organization.id, user_id=user.id, name=name, role=role
        ),
        actor_id=actor.id,
        organization_id=organization.id,
    )
    return user


def get_service_account(organization: Organization, user_id: UUID) -> User:
    """One that works; MemberNotFound."""
    found = User.objects.filter(id=user_id, service_of=organization, is_active=True).first()
    if found is None:
        raise MemberNotFound(f"{organization.slug} has no such service account.")
    return found


@transaction.atomic
def create_service_key(
    organization: Organization,
    user: User,
    *,
    actor: Actor,
    name: str,
    scopes: Sequence[str] = DEFAULT_KEY_SCOPES,
    expires_at: datetime | None = None,
) -> NewKey:
    """Make a key that acts for the program. It stays when the person who made it leaves."""
    check_admin(actor, organization)
    wish = Wish(name=name, scopes=scopes, expires_at=expires_at)
    return insert_key(wish, actor=actor, user=user, organization=organization)


@transaction.atomic
def delete_service_account(organization: Organization, user: User, *, actor: Actor) -> None:
    """Close a program's account: its keys are revoked; what it did stays under its name."""
    check_admin(actor, organization)
    user.status, user.is_active = UserStatus.DEACTIVATED, False
    user.touch("status", "is_active")
    revoke_keys(user=user)
    Membership.objects.filter(user=user).delete()
    publish(
        ServiceAccountDeleted(organization_id=organization.id, user_id=user.id),
        actor_id=actor.id,
        organization_id=organization.id,
    )
