"""Signing up: at once, or, where addresses are verified first, in a way that tells nothing."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.db import transaction

from accounts.errors import EmailTaken
from accounts.events import SignUpAsked
from accounts.models import EmailToken, Purpose, SignUp, User, UserStatus
from accounts.services.people import hash_password, new_user, open_account, register_user
from accounts.services.proofs import begin_proof
from common.events import publish


def sign_up(*, email: str, password: str, full_name: str = "") -> User | None:
    """Make an account; None where the address is to be verified first.

    Then a worker makes it, and nothing here depends on whether the address is known: neither the
    answer nor its time. Raises EmailTaken where nothing is verified; Invalid, BadPassword and
    Unavailable as `register_user` does.
    """
    if not settings.REQUIRE_EMAIL_VERIFICATION:
        return register_user(email=email, password=password, full_name=full_name)
    user = new_user(email, full_name)
    hash_password(user, password, pointer="/password")
    with transaction.atomic():
        asked = SignUp.objects.create(
            email=user.email, full_name=user.full_name, password=user.password
        )
        publish(SignUpAsked(sign_up_id=asked.id))
    return None


@transaction.atomic
def take_sign_up(sign_up_id: UUID) -> EmailToken | None:
    """Make the pending account that was asked for; the verification mail comes by its event.

    Where the address has an account: what the mail to it is about. A `verify` row for who is
    pending still, a `notice` row for everybody else; None after too many mails.
    """
    asked = SignUp.objects.select_for_update().filter(id=sign_up_id).first()
    if asked is None:
        return None
    asked.delete()
    user = new_user(asked.email, asked.full_name)
    user.password = asked.password
    user.status, user.is_active = UserStatus.PENDING, False
    try:
        open_account(user)
    except EmailTaken:
        known = User.objects.get(email_key=user.email_key)
        pending = known.status == UserStatus.PENDING
        purpose = Purpose.VERIFY if pending else Purpose.NOTICE
        return begin_proof(known, purpose, token_id=sign_up_id)
    return None
