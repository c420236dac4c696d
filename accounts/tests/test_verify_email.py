"""It verifies an address by a mail's link or code: once, in time, and tells strangers nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from accounts.actors import actor_for_user
from accounts.models import EmailToken, Invitation, SignUp, User
from accounts.selectors.places import invitations_to
from accounts.services import bind_token, create_organization, invite, register_user, verify_email
from accounts.tests.factories import PASSWORD
from accounts.tests.inbox import Inbox, deliver_all, serving
from accounts.tests.races import race
from common.models import EventRecord

DORA = "dora@example.org"
CREDENTIALS = {"email": DORA, "password": PASSWORD}
LINK = r"/verify-email/(\S+)"
CODE = r"\n(\d{8})\n"


@pytest.fixture
def inbox(settings: Any) -> Iterator[Inbox]:
    with serving(settings) as inbox:
        yield inbox


@pytest.fixture
def strict(settings: Any, inbox: Inbox) -> Inbox:
    """Nobody gets in before their address is verified."""
    settings.REQUIRE_EMAIL_VERIFICATION = True
    return inbox


def post(client: APIClient, action: str, **body: Any) -> Any:
    return client.post(f"/api/v1/auth/{action}", body)


def signed_up(client: APIClient) -> User:
    assert post(client, "register", **CREDENTIALS).status_code == 202
    deliver_all()
    return User.objects.get(email=DORA)


@pytest.mark.parametrize("by", ["link", "code"])
def test_who_reads_the_mail_gets_in(anonymous: APIClient, strict: Inbox, by: str) -> None:
    user = signed_up(anonymous)
    assert (user.status, user.is_active) == ("pending", False)
    given = (
        {"token": strict.found(LINK)}
        if by == "link"
        else {"email": "Dora@Example.org", "code": strict.found(CODE)}
    )
    answer = post(anonymous, "verify-email", **given)
    assert answer.status_code == 200, answer.content
    assert answer.json()["email"] == DORA
    user.refresh_from_db()
    assert (user.status, user.is_active) == ("active", True)
    assert user.email_verified_at is not None
    change = user.status_changes.get()
    assert (change.before, change.after, change.actor_id) == ("pending", "active", user.id)
    assert EventRecord.objects.get(type="user.email_verified").subject_id == user.id
    assert post(anonymous, "login", **CREDENTIALS).status_code == 200
    assert post(anonymous, "verify-email", **given).json()["code"] == "invalid_token"


def test_who_knows_the_password_is_told_to_verify(anonymous: APIClient, strict: Inbox) -> None:
    signed_up(anonymous)
    right = post(anonymous, "login", **CREDENTIALS)
    wrong = post(anonymous, "login", email=DORA, password="not the password")
    assert (right.status_code, right.json()["code"]) == (403, "email_not_verified")
    assert (wrong.status_code, wrong.json()["code"]) == (401, "invalid_credentials")


def test_a_pending_account_has_no_key_and_no_token_that_works(
    anonymous: APIClient, strict: Inbox, client_for: Any, key_for: Any
) -> None:
    user = signed_up(anonymous)
    assert client_for(user).get("/api/v1/auth/me").status_code == 401
    assert APIClient(headers={"X-API-Key": key_for(user)}).get("/api/v1/models").status_code == 401


def test_registering_tells_nobody_who_is_known(
    anonymous: APIClient, strict: Inbox, alice: User
) -> None:
    known = post(anonymous, "register", email=alice.email, password=PASSWORD)
    new = post(anonymous, "register", **CREDENTIALS)
    assert known.status_code == new.status_code == 202
    assert known.json() == new.json()
    assert User.objects.count() == 1
    assert set(SignUp.objects.values_list("password", flat=True)) != {""}
    deliver_all()
    assert [mail["To"] for mail in strict.messages] == [alice.email, DORA]
    assert "have a Slipway account already" in strict.messages[0]["Subject"]
    assert User.objects.count() == 2
    assert not SignUp.objects.exists()


def test_registering_again_while_pending_brings_the_mail_again(
    anonymous: APIClient, strict: Inbox
) -> None:
    before = signed_up(anonymous).password
    post(anonymous, "register", email=DORA, password="somebody else's words")
    deliver_all()
    assert User.objects.get().password == before
    assert len(strict.messages) == 2
    assert post(anonymous, "verify-email", token=strict.found(LINK)).status_code == 200


def test_asking_again_tells_nobody_who_is_known(anonymous: APIClient, strict: Inbox) -> None:
    signed_up(anonymous)
    answers = [
        post(anonymous, "resend-verification", email=email)
        for email in (DORA, "nobody@example.org", "no address", "ǆ" * 250)
    ]
    assert {answer.status_code for answer in answers} == {202}
    assert {answer.content for answer in answers} == {answers[0].content}
    deliver_all()
    assert len(strict.messages) == 2
    assert EmailToken.objects.filter(user=None).count() == 0


def test_nobody_is_buried_in_mail(anonymous: APIClient, strict: Inbox, clock: Any) -> None:
    signed_up(anonymous)
    for _ in range(8):
        post(anonymous, "resend-verification", email=DORA)
        deliver_all()
    assert len(strict.messages) == 5
    clock.advance(timedelta(hours=25))
    post(anonymous, "resend-verification", email=DORA)
    deliver_all()
    assert len(strict.messages) == 6


def test_opening_the_link_uses_nothing_up(anonymous: APIClient, strict: Inbox) -> None:
    user = signed_up(anonymous)
    path = f"/verify-email/{strict.found(LINK)}"
    browser = Client()
    for _ in range(3):
        assert browser.get(path).status_code == browser.head(path).status_code == 200
    user.refresh_from_db()
    assert user.status == "pending"
    assert browser.post(path).status_code == 302
    user.refresh_from_db()
    assert user.status == "active"
    assert browser.post(path).status_code == 400


def test_a_forged_host_changes_no_link(anonymous: APIClient, strict: Inbox, settings: Any) -> None:
    settings.PUBLIC_URL = "https://models.example.org"
    settings.ALLOWED_HOSTS = ["*"]
    headers = {"Host": "evil.example", "X-Forwarded-Host": "evil.example"}
    anonymous.post("/api/v1/auth/register", CREDENTIALS, headers=headers)
    deliver_all()
    assert "evil.example" not in strict.text()
    strict.found(r"(https://models\.example\.org/verify-email/)")


def test_five_wrong_codes_void_the_code(anonymous: APIClient, strict: Inbox) -> None:
    signed_up(anonymous)
    code = strict.found(CODE)
    wrong = f"{(int(code) + 1) % 10**8:08}"
    for _ in range(5):
        answer = post(anonymous, "verify-email", email=DORA, code=wrong)
        assert answer.status_code == 400
    assert post(anonymous, "verify-email", email=DORA, code=code).status_code == 400
    # Nobody can guess the link: it goes on.
    assert post(anonymous, "verify-email", token=strict.found(LINK)).status_code == 200


def test_a_mail_is_good_for_a_day(anonymous: APIClient, strict: Inbox, clock: Any) -> None:
    signed_up(anonymous)
    clock.advance(timedelta(hours=24))
    assert post(anonymous, "verify-email", token=strict.found(LINK)).status_code == 400
    code = strict.found(CODE)
    assert post(anonymous, "verify-email", email=DORA, code=code).status_code == 400


def test_a_mail_proves_the_address_it_went_to(anonymous: APIClient, strict: Inbox) -> None:
    user = signed_up(anonymous)
    user.email = user.email_key = "other@example.org"
    user.save()
    assert post(anonymous, "verify-email", token=strict.found(LINK)).status_code == 400


@pytest.mark.parametrize(
    "body",
    [{}, {"token": "x"}, {"token": "x", "code": "1"}, {"email": DORA}, {"email": DORA, "code": "1"},
     {"token": f"{'0' * 32}.{'A' * 43}"}, {"token": 1}],
)  # fmt: skip
@pytest.mark.django_db
def test_what_is_no_proof_is_refused(anonymous: APIClient, body: dict[str, Any]) -> None:
    assert post(anonymous, "verify-email", **body).status_code == 400


def test_no_table_and_no_event_holds_link_or_code(anonymous: APIClient, strict: Inbox) -> None:
    signed_up(anonymous)
    link, code = strict.found(LINK), strict.found(CODE)
    rows = [*EmailToken.objects.values(), *EventRecord.objects.values()]
    kept = " ".join(str(value) for row in rows for value in row.values())
    assert link not in kept
    assert link.partition(".")[2] not in kept
    assert code not in kept
    assert DORA not in " ".join(str(row["payload"]) for row in EventRecord.objects.values())


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_one_verifies(strict: Inbox, anonymous: APIClient) -> None:
    signed_up(anonymous)
    token = strict.found(LINK)
    outcomes = race(8, lambda _: verify_email(token=token))
    assert len([outcome for outcome in outcomes if isinstance(outcome, User)]) == 1
    assert EventRecord.objects.filter(type="user.email_verified").count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_many_guesses_at_once_five_count(strict: Inbox, anonymous: APIClient) -> None:
    signed_up(anonymous)
    race(12, lambda _: verify_email(email=DORA, code="nothing"))
    assert EmailToken.objects.get().tries == 5


def test_without_the_duty_one_is_in_at_once_and_may_verify(
    anonymous: APIClient, inbox: Inbox
) -> None:
    made = post(anonymous, "register", **CREDENTIALS)
    assert made.status_code == 201
    assert made.json()["email_verified_at"] is None
    deliver_all()
    assert post(anonymous, "login", **CREDENTIALS).status_code == 200
    assert post(anonymous, "verify-email", token=inbox.found(LINK)).status_code == 200


@pytest.mark.django_db
def test_without_mail_nothing_is_mailed(anonymous: APIClient, mailoutbox: list[Any]) -> None:
    post(anonymous, "register", **CREDENTIALS)
    deliver_all()
    assert mailoutbox == []


def test_whom_an_operator_vouches_for_gets_no_mail(strict: Inbox, db: None) -> None:
    user = register_user(email=DORA, password=PASSWORD, vouched=True)
    deliver_all()
    assert (user.status, strict.messages) == ("active", [])
    assert user.email_verified_at is not None


def test_a_mail_that_could_not_leave_is_sent_later(anonymous: APIClient, strict: Inbox) -> None:
    signed_up(anonymous)
    row = EmailToken.objects.get()
    assert bind_token(row.id) == row
    verify_email(token=strict.found(LINK))
    assert bind_token(row.id) is None


def test_an_address_shows_its_invitations_once_it_is_verified(inbox: Inbox, alice: User) -> None:
    acme = create_organization(actor=actor_for_user(alice), name="Acme")
    invite(acme, actor=actor_for_user(alice), email=DORA, role="member")
    squatter = register_user(email=DORA, password=PASSWORD)
    assert list(invitations_to(actor_for_user(squatter))) == []
    deliver_all()
    user = verify_email(token=inbox.found(LINK))
    assert list(invitations_to(actor_for_user(user))) == [Invitation.objects.get()]


def test_pages_lead_through_it(strict: Inbox, db: None) -> None:
    browser = Client()
    assert 'value="dora@example.org"' in browser.get(f"/signup?email={DORA}").content.decode()
    sent = browser.post("/signup", {**CREDENTIALS, "full_name": ""}, follow=True)
    assert "Check your mail" in sent.content.decode()
    deliver_all()
    refused = browser.post("/login", CREDENTIALS, follow=True)
    assert refused.redirect_chain == [("/verify-email", 302)]
    wrong = browser.post("/verify-email", {"email": DORA, "code": "00"})
    assert wrong.status_code == 400
    code = strict.found(CODE)
    done = browser.post("/verify-email", {"email": DORA, "code": code}, follow=True)
    assert "Your e-mail address is verified" in done.content.decode()
    inside = browser.post("/login", CREDENTIALS, follow=True)
    assert inside.redirect_chain == [("/models", 302)]


def test_the_profile_offers_another_mail_until_it_is_verified(inbox: Inbox, alice: User) -> None:
    browser = Client()
    browser.force_login(alice)
    assert "Send a verification mail" in browser.get("/profile").content.decode()
    asked = browser.post("/verify-email/resend", {"email": alice.email})
    assert asked["Location"] == "/profile"
    deliver_all()
    done = browser.post(f"/verify-email/{inbox.found(LINK)}", follow=True)
    assert "verified</small>" in done.content.decode()
    assert "Send a verification mail" not in done.content.decode()
