"""It sends mail by a real server, with links from PUBLIC_URL alone."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from typing import Any

import pytest

from accounts.actors import actor_for_user
from accounts.mail import send_mail_to
from accounts.models import Organization, User
from accounts.services import create_organization, invitation_by_token, invite, revoke_invitation
from accounts.tests.inbox import Inbox, deliver_all, serving


@pytest.fixture
def inbox(settings: Any) -> Iterator[Inbox]:
    with serving(settings) as inbox:
        yield inbox


@pytest.fixture
def acme(alice: User) -> Organization:
    return create_organization(actor=actor_for_user(alice), name="Q&A <Ltd>")


def send(address: str) -> None:
    context = {"inviter": "A & B", "organization": "C", "role": "member", "token": "t"}
    send_mail_to(address, "invitation", context)


def test_the_first_line_is_the_subject_and_nothing_is_escaped(inbox: Inbox) -> None:
    send("dora@example.org")
    assert inbox.last["Subject"] == "A & B invites you to C on Slipway"
    assert inbox.last["To"] == "dora@example.org"
    assert inbox.last["Auto-Submitted"] == "auto-generated"
    assert inbox.text().startswith("A & B offers you")


def test_an_address_refused_for_good_is_not_tried_again(inbox: Inbox) -> None:
    inbox.refused["gone@example.org"] = "550 No such mailbox"
    send("gone@example.org")
    assert inbox.messages == []


def test_an_address_refused_for_now_is_tried_again(inbox: Inbox) -> None:
    inbox.refused["full@example.org"] = "452 Try later"
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        send("full@example.org")


def test_a_server_that_is_away_is_tried_again(settings: Any) -> None:
    with serving(settings):
        pass
    with pytest.raises(OSError):
        send("dora@example.org")


def test_an_invitation_comes_with_a_link_that_opens_it(
    inbox: Inbox, acme: Organization, alice: User, settings: Any
) -> None:
    settings.PUBLIC_URL = "https://models.example.org"
    made = invite(acme, actor=actor_for_user(alice), email="dora@example.org", role="viewer")
    deliver_all()
    token = inbox.found(r"https://models\.example\.org/invitations/(\S+)")
    assert invitation_by_token(token) == made
    assert inbox.last["Subject"] == "Alice invites you to Q&A <Ltd> on Slipway"


def test_an_invitation_taken_back_before_it_left_is_not_sent(
    inbox: Inbox, acme: Organization, alice: User
) -> None:
    actor = actor_for_user(alice)
    made = invite(acme, actor=actor, email="dora@example.org", role="viewer")
    revoke_invitation(made, actor=actor)
    deliver_all()
    assert inbox.messages == []
