"""Where accounts stand: letting in and out, deleting, appointing operators.

docs/guides/accounts.md has the table of what each status means for sessions, keys and jobs.
"""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.hashers import make_password
from django.db import transaction

from accounts.actors import Actor
from accounts.errors import NotYourAccount, StatusFinal
from accounts.events import (
    OperatorAppointed,
    OperatorDismissed,
    UserActivated,
    UserDeactivated,
    UserDeleted,
    UserSuspended,
)
from accounts.models import (
    Membership,
    Organization,
    Role,
    StatusChange,
    TeamMembership,
    User,
    UserStatus,
)
from accounts.permissions import check_operator
from accounts.services.organizations import revoke_keys
from accounts.services.sessions import end_sessions
from common import clock
from common.errors import Conflict, Invalid
from common.events import publish


@transaction.atomic
def activate_user(user: User, *, actor: Actor, reason: str = "") -> User:
    """Let a user in again: their keys work as before, their old tokens and sessions don't."""
    check_operator(actor)
    if _move(user, UserStatus.ACTIVE, actor_id=actor.id, reason=reason):
        publish(UserActivated(user_id=user.id), actor_id=actor.id)
    return user


@transaction.atomic
def suspend_user(user: User, *, actor: Actor, reason: str = "") -> User:
    """An operator shuts a user out for the time being. Not oneself."""
    check_operator(actor)
    _check_other(user, actor)
    if _move(user, UserStatus.SUSPENDED, actor_id=actor.id, reason=reason):
        publish(UserSuspended(user_id=user.id, reason=reason), actor_id=actor.id)
    return user


@transaction.atomic
def deactivate_user(user: User, *, actor: Actor, reason: str = "") -> User:
    """Close an account, by an operator or by its owner; an operator can open it again.

    An operator can't close their own: there might be nobody left to open it.
    """
    if user.id != actor.id:
        check_operator(actor)
    elif actor.user.is_staff:
        _check_other(user, actor)
    if _move(user, UserStatus.DEACTIVATED, actor_id=actor.id, reason=reason):
        publish(UserDeactivated(user_id=user.id), actor_id=actor.id)
    return user


@transaction.atomic
def delete_user(user: User, *, actor: Actor, reason: str = "") -> User:
    """Delete an account for good, by an operator or by its owner.

    The row stays, without anything that names the person; so do what they did, and their slug,
    so that nobody else comes to stand behind it. Keys are revoked, places given up. Raises
    Conflict for the last owner of an organization that has other members.
    """
    if user.id != actor.id:
        check_operator(actor)
    elif actor.user.is_staff:
        _check_other(user, actor)
    user = User.objects.select_for_update().get(id=user.id)
    _check_owns_nothing_alone(user)
    if not _move(user, UserStatus.DELETED, actor_id=actor.id, reason=reason):
        return user
    revoke_keys(user=user)
    home = Organization.objects.filter(personal_to=user).first()
    if home is not None:
        revoke_keys(organization=home)
        home.name, home.deleted_at = home.slug, clock.now()
        home.touch("name", "deleted_at")
        Membership.objects.filter(organization=home).delete()
    Membership.objects.filter(user=user).delete()
    TeamMembership.objects.filter(user=user).delete()
    user.email = user.email_key = f"{user.id}@deleted.invalid"
    user.full_name, user.is_staff, user.password = "", False, make_password(None)
    user.touch("email", "email_key", "full_name", "is_staff", "password")
    publish(
        UserDeleted(user_id=user.id, organization_id=home.id if home else None),
        actor_id=actor.id,
    )
    return user


@transaction.atomic
def admit_user(user: User) -> None:
    """A pending account works from now on: its address was verified."""
    if user.status == UserStatus.PENDING:
        _move(user, UserStatus.ACTIVE, actor_id=user.id, reason="The e-mail address was verified.")


@transaction.atomic
def appoint_operator(user: User, *, actor: Actor | None) -> User:
    """Make a user an operator. Without an actor it is whoever has a shell on the machine."""
    if actor is not None:
        check_operator(actor)
    if user.service_of_id is not None:
        raise Invalid("A program can't be an operator.", code="service_account")
    user.is_staff = True
    user.touch("is_staff")
    publish(OperatorAppointed(user_id=user.id), actor_id=actor.id if actor else None)
    return user


@transaction.atomic
def dismiss_operator(user: User, *, actor: Actor) -> User:
    """Make an operator a user like others. Not oneself."""
    check_operator(actor)
    _check_other(user, actor)
    user.is_staff = False
    user.touch("is_staff")
    publish(OperatorDismissed(user_id=user.id), actor_id=actor.id)
    return user


def _move(user: User, status: UserStatus, *, actor_id: UUID | None, reason: str) -> bool:
    """Write the new status and its history; False where it is the present one."""
    held = User.objects.select_for_update().get(id=user.id)
    if held.status == status:
        return False
    if held.status == UserStatus.DELETED:
        raise StatusFinal("A deleted account can't come back.")
    StatusChange.objects.create(
        user=held, before=held.status, after=status, actor_id=actor_id, reason=reason[:500]
    )
    user.status, user.is_active = status, status == UserStatus.ACTIVE
    # Ends every token and session there is; without it those of before would come back to life.
    user.token_version = held.token_version + 1
    user.touch("status", "is_active", "token_version")
    end_sessions(user, actor_id=actor_id, reason="status")
    return True


def _check_other(user: User, actor: Actor) -> None:
    if user.id == actor.id:
        raise NotYourAccount("You can't do this to your own account.")


def _check_owns_nothing_alone(user: User) -> None:
    """An organization must not be left without an owner while others are in it."""
    owned = Organization.objects.filter(
        memberships__user=user,
        memberships__role=Role.OWNER,
        personal_to__isnull=True,
        deleted_at__isnull=True,
    )
    alone = [
        organization.slug
        for organization in owned
        if not organization.memberships.filter(role=Role.OWNER).exclude(user=user).exists()
    ]
    if alone:
        raise Conflict(
            f"You are the last owner of {', '.join(alone)}. Appoint another, or delete it first.",
            code="last_owner",
        )
