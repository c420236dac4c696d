"""Proving that one reads an address: verification, and a new password for a forgotten one.

Whoever asks for a mail is answered before anybody looks whether the address is known: a request
writes a row and an event, the same for all, and a worker does the rest.
"""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.utils.crypto import constant_time_compare

from accounts.actors import actor_for_user
from accounts.emails import MAX_LENGTH, email_key
from accounts.errors import BadEmailToken
from accounts.events import EmailVerified, ResetAsked, VerificationAsked
from accounts.models import EmailToken, Purpose, User, UserStatus
from accounts.proofs import CODE_TRIES, LIVES, fingerprint, is_code, read_link_token
from accounts.services.people import hash_password, save_password
from accounts.services.status import admit_user
from common import clock
from common.events import publish

MOST_MAILS = 5  # of one purpose to one user, in the time that such a mail is good for
WORKING = (UserStatus.PENDING, UserStatus.ACTIVE)


@transaction.atomic
def ask_verification(*, email: str) -> None:
    """Ask for another verification mail. Nobody is told whether there will be one."""
    token = _ask(Purpose.VERIFY, email)
    if token is not None:
        publish(VerificationAsked(token_id=token.id))


@transaction.atomic
def ask_reset(*, email: str) -> None:
    """Ask for a mail that lets one set a new password. Nobody is told whether there will be one."""
    token = _ask(Purpose.RESET, email)
    if token is not None:
        publish(ResetAsked(token_id=token.id))


@transaction.atomic
def begin_proof(user: User, purpose: Purpose, *, token_id: UUID) -> EmailToken | None:
    """The row of a mail to a user, under an id of the caller's choice, so that twice is once."""
    EmailToken.objects.get_or_create(
        id=token_id,
        defaults={
            "purpose": purpose,
            "email_key": user.email_key,
            "expires_at": clock.now() + LIVES[purpose],
        },
    )
    return bind_token(token_id)


@transaction.atomic
def bind_token(token_id: UUID) -> EmailToken | None:
    """Give a row that was asked for to the user of its address; None where no mail shall leave.

    None of an address that nobody has, or that is verified already, and after too many mails.
    """
    now = clock.now()
    token = EmailToken.objects.select_for_update().filter(id=token_id).first()
    if token is None or token.used_at is not None or token.expires_at <= now:
        return None
    user = _user_of(token)
    if user is None:
        token.delete()
        return None
    if token.user_id is None:
        token.user, token.fingerprint = user, fingerprint(user, token.purpose)
        token.touch("user", "fingerprint")
    return token


def verify_email(*, token: str = "", email: str = "", code: str = "") -> User:
    """Prove an address by a mail's link, or by the address and the mail's code. Once.

    Raises BadEmailToken, whatever is wrong.
    """
    user = _verify_by_link(token) if token else _verify_by_code(email, code)
    if user is None:
        raise BadEmailToken
    return user


@transaction.atomic
def vouch_for(user: User) -> None:
    """Take a user's address as verified, at the word of who has the machine."""
    _note_verified(User.objects.select_for_update().get(id=user.id))


def reset_password(*, token: str, new_password: str) -> User:
    """Set a new password by a mail's link, once; every session and token of before ends.

    Who has the mail reads the address: it is verified by this too. Raises BadEmailToken, whatever
    is wrong with the link, and BadPassword.
    """
    token_id = read_link_token(token, Purpose.RESET)
    row = EmailToken.objects.select_related("user").filter(id=token_id).first()
    if row is None or row.user is None or not _is_good(row, row.user):
        raise BadEmailToken
    # Before the transaction: hashing takes long and may have to wait.
    hash_password(row.user, new_password, pointer="/new_password")
    with transaction.atomic():
        user = _use(token_id)
        if user is None:  # it was used while we hashed
            raise BadEmailToken
        user.password = row.user.password
        save_password(user, actor=actor_for_user(user))
        _note_verified(user)
    return user


def sweep_email_tokens() -> int:
    """Delete the rows of mails that are too old to use; how many they were."""
    deleted, _ = EmailToken.objects.filter(expires_at__lt=clock.now()).delete()
    return deleted


def _ask(purpose: Purpose, email: str) -> EmailToken | None:
    key = email_key(email)
    if len(key) > MAX_LENGTH:  # nobody's
        return None
    return EmailToken.objects.create(
        purpose=purpose, email_key=key, expires_at=clock.now() + LIVES[purpose]
    )


def _user_of(token: EmailToken) -> User | None:
    """Who shall have the mail: nobody where it would be of no use, or one too many."""
    found = User.objects.filter(
        email_key=token.email_key, service_of=None, status__in=WORKING
    ).first()
    if found is None:
        return None
    if token.purpose == Purpose.VERIFY and found.email_verified_at is not None:
        return None
    if token.user_id is not None:  # a mail that could not leave is tried again
        return found
    sent = EmailToken.objects.filter(
        user=found,
        purpose=token.purpose,
        created_at__gt=clock.now() - LIVES[Purpose(token.purpose)],
    )
    return found if sent.count() < MOST_MAILS else None


@transaction.atomic
def _verify_by_link(token: str) -> User | None:
    user = _use(read_link_token(token, Purpose.VERIFY))
    if user is not None:
        _note_verified(user)
    return user


@transaction.atomic
def _verify_by_code(email: str, code: str) -> User | None:
    """None is returned, not raised: a wrong try must be counted for good."""
    token = (
        EmailToken.objects.select_for_update()
        .filter(
            email_key=email_key(email),
            purpose=Purpose.VERIFY,
            user__isnull=False,
            used_at__isnull=True,
            expires_at__gt=clock.now(),
        )
        .order_by("-id")
        .first()
    )
    if token is None or token.tries >= CODE_TRIES:
        return None
    if not is_code(token, code):
        token.tries += 1
        token.touch("tries")
        return None
    user = _use(token.id)
    if user is not None:
        _note_verified(user)
    return user


def _use(token_id: UUID) -> User | None:
    """Mark a row used, and lock its user: of many at once, one gets the user."""
    token = EmailToken.objects.select_for_update().filter(id=token_id).first()
    if token is None or token.user_id is None:
        return None
    user = User.objects.select_for_update().get(id=token.user_id)
    if not _is_good(token, user):
        return None
    token.used_at = clock.now()
    token.touch("used_at")
    return user


def _is_good(token: EmailToken, user: User) -> bool:
    """Whether the mail opens something still: once, in time, and nothing changed since."""
    return (
        token.used_at is None
        and token.expires_at > clock.now()
        and user.status in WORKING
        and constant_time_compare(token.fingerprint, fingerprint(user, token.purpose))
    )


def _note_verified(user: User) -> None:
    if user.email_verified_at is not None:
        return
    user.email_verified_at = clock.now()
    user.touch("email_verified_at")
    admit_user(user)
    publish(EmailVerified(user_id=user.id), actor_id=user.id)
