"""Every write to people but for their status: registering, logging in, profile, password."""

from __future__ import annotations

import unicodedata
from typing import Literal
from uuid import UUID

from django.contrib.auth import password_validation
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from accounts.actors import Actor
from accounts.attempts import Attempt
from accounts.backends import user_by_password
from accounts.devices import describe_agent
from accounts.emails import checked_email, email_key
from accounts.errors import BadCredentials, BadPassword, EmailNotVerified, EmailTaken
from accounts.events import NewDevice, PasswordChanged, ProfileUpdated, UserLoggedIn, UserRegistered
from accounts.models import Membership, Organization, Role, User, UserStatus
from accounts.permissions import check_operator
from accounts.services.organizations import make_organization
from accounts.services.sessions import end_sessions
from accounts.services.signals import send_failed_log_in
from accounts.slugs import slug_candidate
from common import clock
from common.context import origin
from common.errors import Fault
from common.events import publish


def register_user(*, email: str, password: str, full_name: str = "", vouched: bool = False) -> User:
    """Make an account and its personal organization; there is no actor before there is a user.

    `vouched` says that the address needs no proof: an operator, or who has the machine, gave it.
    Raises EmailTaken, Invalid for what is no address, BadPassword, and Unavailable while too many
    passwords are being hashed.
    """
    user = new_user(email, full_name)
    if User.objects.filter(email_key=user.email_key).exists():
        raise _taken()
    # Before the transaction: hashing takes long and may have to wait.
    hash_password(user, password, pointer="/password")
    if vouched:
        user.email_verified_at = clock.now()
    return open_account(user)


def new_user(email: str, full_name: str) -> User:
    """A user of this address, unsaved and without a password. Raises Invalid."""
    address = checked_email(email)
    return User(email=address, email_key=email_key(address), full_name=full_name.strip())


@transaction.atomic
def open_account(user: User) -> User:
    """Save a new user with a personal organization. Raises EmailTaken."""
    try:
        with transaction.atomic():
            user.save(force_insert=True)
    except IntegrityError:  # somebody has the address, since just now perhaps
        raise _taken() from None
    organization = _personal_organization(user)
    publish(
        UserRegistered(user_id=user.id, organization_id=organization.id, slug=organization.slug),
        actor_id=user.id,
        organization_id=organization.id,
    )
    return user


def log_in(
    *, email: str, password: str, via: Literal["session", "jwt"], is_known_device: bool = False
) -> User:
    """The user whose e-mail and password these are; else BadCredentials, in the same time.

    Raises TooManyAttempts, before anything is hashed, where wrong ones came too fast;
    `is_known_device` says that this browser has proof of an earlier log-in to the account. Raises
    EmailNotVerified for who knows the password of an account that is pending.
    """
    attempt = Attempt.at(email_key(email), is_known_device=is_known_device)
    attempt.check()
    user = user_by_password(email, _normal(password))
    is_pending = user is not None and user.status == UserStatus.PENDING
    if user is None or not (user.is_active or is_pending):
        # Counted here, judged elsewhere: what follows must take no longer for one who exists.
        send_failed_log_in(attempt, tries=attempt.failed())
        raise BadCredentials("E-mail and password do not belong together.")
    attempt.succeeded()
    if not user.is_active:
        raise EmailNotVerified
    with transaction.atomic():
        first = user.last_login is None
        user.last_login = clock.now()
        user.save(update_fields=["last_login"])
        publish(
            UserLoggedIn(user_id=user.id, via=via),
            actor_id=user.id,
            organization_id=user.personal_organization.id,
        )
        if not (attempt.is_known_device or first):
            publish(
                NewDevice(user_id=user.id, device=describe_agent(origin().agent)),
                actor_id=user.id,
            )
    return user


@transaction.atomic
def update_profile(*, actor: Actor, full_name: str | None = None) -> User:
    """Change what others see of the actor; None leaves it as it is."""
    user = actor.user
    if full_name is None or user.full_name == full_name:
        return user
    user.full_name = full_name
    user.touch("full_name")
    publish(
        ProfileUpdated(user_id=user.id, fields=["full_name"]),
        actor_id=actor.id,
        organization_id=actor.organization.id,
    )
    return user


def change_password(
    *, actor: Actor, current_password: str, new_password: str, keep: UUID | None = None
) -> User:
    """Set a new password for who knows the old one. Every token from before is void.

    So is every session, but for the browser's that is `keep`.

    API keys stay: they are credentials of their own. Raises BadPassword.
    """
    user = actor.user
    if not user.check_password(_normal(current_password)):
        raise _bad_password("/current_password", ["This is not your password."], "wrong_password")
    hash_password(user, new_password, pointer="/new_password")
    return save_password(user, actor=actor, keep=keep)


def set_password(user: User, *, actor: Actor, new_password: str) -> User:
    """An operator sets a user's password, after a call for help. Raises BadPassword."""
    check_operator(actor)
    hash_password(user, new_password, pointer="/new_password")
    return save_password(user, actor=actor)


def _taken() -> EmailTaken:
    message = "There is an account with this e-mail address already."
    return EmailTaken(message, errors=[Fault("/email", message, "email_taken")])


def _personal_organization(user: User) -> Organization:
    """The user's own organization, under a slug nobody has."""
    wished = slug_candidate(user.email, user.full_name)
    organization = make_organization(wished, user.full_name, personal_to=user)
    Membership.objects.create(organization=organization, user=user, role=Role.OWNER)
    return organization


def _normal(password: str) -> str:
    """NFC: the same characters, typed on another system, are the same password."""
    return unicodedata.normalize("NFC", password)


def hash_password(user: User, password: str, *, pointer: str) -> None:
    """Judge the password by the rules of the settings and hash it into `user`, unsaved."""
    password = _normal(password)
    try:
        password_validation.validate_password(password, user)
    except ValidationError as error:
        raise _bad_password(pointer, error.messages, "bad_password") from None
    user.set_password(password)


@transaction.atomic
def save_password(user: User, *, actor: Actor, keep: UUID | None = None) -> User:
    """Save a password that was hashed into `user`. Whatever the old one had opened is closed."""
    user.token_version += 1
    user.touch("password", "token_version")
    end_sessions(user, actor_id=actor.id, reason="password", keep=keep)
    publish(
        PasswordChanged(user_id=user.id),
        actor_id=actor.id,
        organization_id=actor.organization.id,
    )
    return user


def _bad_password(pointer: str, messages: list[str], code: str) -> BadPassword:
    return BadPassword(
        " ".join(messages), code=code, errors=[Fault(pointer, text, code) for text in messages]
    )
