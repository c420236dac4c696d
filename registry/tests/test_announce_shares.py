"""It tells by mail of a share, and gives what waited once the address is verified."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from accounts.actors import actor_for_user
from accounts.models import User
from accounts.services import register_user, verify_email
from accounts.tests.factories import PASSWORD
from accounts.tests.inbox import Inbox, deliver_all, serving
from common import clock
from registry.models import Model, ModelShare
from registry.services import revoke_share, share_model
from registry.tests.factories import make_model

DORA = "do+ra@example.org"


@pytest.fixture
def inbox(settings: Any) -> Iterator[Inbox]:
    with serving(settings) as inbox:
        yield inbox


@pytest.fixture
def model(alice: User) -> Model:
    return make_model(alice, "churn")


def share(model: Model, alice: User, email: str) -> ModelShare:
    return share_model(model, actor=actor_for_user(alice), permission="use", email=email)


def test_a_user_is_mailed_once(inbox: Inbox, model: Model, alice: User, bob: User) -> None:
    User.objects.filter(id=bob.id).update(email_verified_at=clock.now())
    share(model, alice, bob.email)
    deliver_all()
    told = bob.notifications.get()
    assert told.type == "model.shared"
    assert [mail["Subject"] for mail in inbox.messages if "on Slipway" in mail["Subject"]] == []


def test_an_address_nobody_has_gets_the_way_in(inbox: Inbox, model: Model, alice: User) -> None:
    share(model, alice, DORA)
    deliver_all()
    assert inbox.last["To"] == DORA
    assert inbox.found(r"(/signup\S+)") == "/signup?email=do%2Bra%40example.org"


def test_what_waits_comes_once_the_address_is_verified(
    inbox: Inbox, model: Model, alice: User
) -> None:
    waiting = share(model, alice, DORA)
    user = register_user(email=DORA, password=PASSWORD)
    deliver_all()
    assert not ModelShare.objects.filter(user=user).exists()
    verify_email(token=inbox.found(r"/verify-email/(\S+)"))
    deliver_all()
    waiting.refresh_from_db()
    assert waiting.user == user
    assert len(inbox.messages) == 2  # the share's and the verification's


def test_an_address_that_is_not_verified_has_to_wait(
    inbox: Inbox, model: Model, alice: User
) -> None:
    register_user(email=DORA, password=PASSWORD)
    assert share(model, alice, DORA).user is None


def test_a_share_taken_back_before_the_mail_left_is_not_told(
    inbox: Inbox, model: Model, alice: User
) -> None:
    revoke_share(share(model, alice, DORA), actor=actor_for_user(alice))
    deliver_all()
    assert inbox.messages == []


@pytest.mark.django_db
def test_without_mail_what_waits_comes_at_once(model: Model, alice: User) -> None:
    waiting = share(model, alice, DORA)
    user = register_user(email=DORA, password=PASSWORD)
    deliver_all()
    waiting.refresh_from_db()
    assert waiting.user == user
