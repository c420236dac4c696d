"""It lets whoever reads an account's mail set a new password, once, and nobody else."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from accounts.errors import BadEmailToken
from accounts.hashers import MOST_WAITING, Permits
from accounts.models import EmailToken, User
from accounts.services import reset_password, verify_email
from accounts.tests.factories import PASSWORD
from accounts.tests.inbox import Inbox, deliver_all, serving
from accounts.tests.races import race
from common.errors import Unavailable

NEW = "a wholly new phrase"
LINK = r"/reset-password/(\S+)"


@pytest.fixture
def inbox(settings: Any) -> Iterator[Inbox]:
    with serving(settings) as inbox:
        yield inbox


def post(client: APIClient, action: str, **body: Any) -> Any:
    return client.post(f"/api/v1/auth/{action}", body)


def asked(inbox: Inbox, user: User) -> str:
    """The token of a mail that the user asked for."""
    assert post(APIClient(), "forgot-password", email=user.email).status_code == 202
    deliver_all()
    return inbox.found(LINK)


def test_the_mail_sets_a_password_and_ends_what_the_old_one_opened(
    anonymous: APIClient, alice: User, inbox: Inbox, client_for: Any
) -> None:
    inside, browser = client_for(alice), Client()
    browser.force_login(alice)
    token = asked(inbox, alice)
    answer = post(anonymous, "reset-password", token=token, new_password=NEW)
    assert (answer.status_code, answer.content) == (204, b"")
    assert inside.get("/api/v1/auth/me").status_code == 401
    assert browser.get("/profile").status_code == 302
    assert post(anonymous, "login", email=alice.email, password=PASSWORD).status_code == 401
    assert post(anonymous, "login", email=alice.email, password=NEW).status_code == 200
    alice.refresh_from_db()
    assert alice.email_verified_at is not None
    again = post(anonymous, "reset-password", token=token, new_password="another new phrase")
    assert (again.status_code, again.json()["code"]) == (400, "invalid_token")


def test_a_stranger_gets_the_same_answer_and_no_mail(
    anonymous: APIClient, alice: User, inbox: Inbox
) -> None:
    known = post(anonymous, "forgot-password", email=alice.email)
    strange = post(anonymous, "forgot-password", email="nobody@example.org")
    assert (known.status_code, known.content) == (strange.status_code, strange.content)
    deliver_all()
    assert [mail["To"] for mail in inbox.messages] == [alice.email]
    assert EmailToken.objects.get().user == alice


def test_asking_costs_the_same_queries_for_everybody(
    anonymous: APIClient, alice: User, django_assert_num_queries: Any
) -> None:
    for email in (alice.email, "nobody@example.org"):
        with django_assert_num_queries(4):  # a savepoint's two, the row, the event
            post(anonymous, "forgot-password", email=email)


@pytest.mark.parametrize("status", ["suspended", "deactivated"])
def test_who_is_shut_out_gets_no_mail(
    anonymous: APIClient, alice: User, inbox: Inbox, status: str
) -> None:
    User.objects.filter(id=alice.id).update(status=status, is_active=False)
    post(anonymous, "forgot-password", email=alice.email)
    deliver_all()
    assert inbox.messages == []


def test_who_is_shut_out_meanwhile_stays_out(
    anonymous: APIClient, alice: User, inbox: Inbox
) -> None:
    token = asked(inbox, alice)
    User.objects.filter(id=alice.id).update(status="suspended", is_active=False)
    answer = post(anonymous, "reset-password", token=token, new_password=NEW)
    assert answer.status_code == 400


def test_a_pending_account_is_let_in_by_it(anonymous: APIClient, alice: User, inbox: Inbox) -> None:
    User.objects.filter(id=alice.id).update(status="pending", is_active=False)
    token = asked(inbox, alice)
    assert post(anonymous, "reset-password", token=token, new_password=NEW).status_code == 204
    alice.refresh_from_db()
    assert (alice.status, alice.is_active) == ("active", True)


def test_a_mail_is_good_for_an_hour(
    anonymous: APIClient, alice: User, inbox: Inbox, clock: Any
) -> None:
    token = asked(inbox, alice)
    clock.advance(timedelta(hours=1))
    answer = post(anonymous, "reset-password", token=token, new_password=NEW)
    assert answer.status_code == 400


@pytest.mark.parametrize("changed", ["password", "email_key"])
def test_a_mail_is_void_once_password_or_address_changed(
    anonymous: APIClient, alice: User, inbox: Inbox, changed: str
) -> None:
    token = asked(inbox, alice)
    User.objects.filter(id=alice.id).update(**{changed: "argon2$other"})
    answer = post(anonymous, "reset-password", token=token, new_password=NEW)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_token")


def test_a_bad_password_uses_nothing_up(anonymous: APIClient, alice: User, inbox: Inbox) -> None:
    token = asked(inbox, alice)
    bad = post(anonymous, "reset-password", token=token, new_password="password1")
    assert bad.json()["errors"][0]["pointer"] == "/new_password"
    assert post(anonymous, "reset-password", token=token, new_password=NEW).status_code == 204


def test_a_link_for_one_thing_opens_no_other(alice: User, inbox: Inbox) -> None:
    token = asked(inbox, alice)
    with pytest.raises(BadEmailToken):
        verify_email(token=token)


def test_the_page_uses_nothing_up_before_its_button(alice: User, inbox: Inbox) -> None:
    browser = Client()
    browser.post("/forgot-password", {"email": alice.email})
    deliver_all()
    path = f"/reset-password/{inbox.found(LINK)}"
    for _ in range(3):
        assert browser.get(path).status_code == browser.head(path).status_code == 200
    assert browser.post(path, {"new_password": "short"}).status_code == 400
    assert browser.post(path, {"new_password": NEW}).status_code == 302
    assert browser.post(path, {"new_password": NEW}).status_code == 400
    alice.refresh_from_db()
    assert alice.check_password(NEW)


@pytest.mark.django_db
def test_no_log_holds_a_link(caplog: pytest.LogCaptureFixture) -> None:
    for path in ("reset-password", "verify-email", "invitations"):
        Client().get(f"/{path}/secret-token")
    requests = [record for record in caplog.records if record.name == "slipway.request"]
    assert len(requests) == 3
    assert "secret-token" not in "".join(record.getMessage() for record in requests)


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_one_sets_it(
    alice: User, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("accounts.hashers.MOST_WAITING", 100)
    token = asked(inbox, alice)
    outcomes = race(8, lambda n: reset_password(token=token, new_password=f"{NEW} {n}"))
    assert len([outcome for outcome in outcomes if isinstance(outcome, User)]) == 1
    others = {type(outcome) for outcome in outcomes if not isinstance(outcome, User)}
    assert others == {BadEmailToken}
    alice.refresh_from_db()
    assert alice.token_version == 1


def test_hashing_is_for_so_many_at_once_and_few_may_wait() -> None:
    permits, hold, most = Permits(2), threading.Event(), []

    def work(_: int) -> str:
        with permits.one():
            most.append(1)
            busy = len(most)
            hold.wait(10)
            most.pop()
            return f"{busy}"

    def let_go(number: int) -> Any:
        if number == 0:
            return None
        try:
            return work(number)
        except Unavailable as error:
            refused.append(error)
            if len(refused) == 20 - 2 - MOST_WAITING:
                hold.set()
            return error

    refused: list[Unavailable] = []
    outcomes = race(21, let_go)
    done = [outcome for outcome in outcomes if isinstance(outcome, str)]
    assert len(done) == 2 + MOST_WAITING
    assert set(done) <= {"1", "2"}
    assert {error.code for error in refused} == {"busy"}
    assert {error.retry_after for error in refused} == {1}
    with permits.one():
        pass
