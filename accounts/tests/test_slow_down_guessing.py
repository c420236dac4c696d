"""It slows whoever guesses passwords, locks nobody out, and blocks who tries many accounts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from accounts import attempts, scans, services
from accounts.attempts import FREE, Attempt
from accounts.errors import TooManyAttempts
from accounts.keys import make_key
from accounts.models import IpRule, User
from accounts.services.signals import MOST_ACCOUNTS, is_told
from accounts.tests.factories import PASSWORD
from common.models import EventRecord

pytestmark = pytest.mark.django_db
URL = "/api/v1/auth/login"
HERE, THERE = "203.0.113.9", "198.51.100.9"


def log_in(
    password: str = PASSWORD, *, address: str = HERE, email: str = "alice@example.org"
) -> Any:
    return APIClient().post(URL, {"email": email, "password": password}, REMOTE_ADDR=address)


def guess(count: int, **where: str) -> list[int]:
    return [log_in("wrong password", **where).status_code for _ in range(count)]


@pytest.mark.parametrize("email", ["alice@example.org", "nobody@example.org"])
def test_wrong_passwords_make_wait_whether_or_not_there_is_an_account(
    alice: User, email: str
) -> None:
    assert guess(4, email=email) == [401] * 4
    for _ in range(3):  # from one second to eight: a busy machine takes its time
        Attempt(email, HERE, is_known_device=False).failed()
    waits = log_in(email=email)
    assert (waits.status_code, waits.json()["code"]) == (429, "too_many_attempts")
    assert int(waits["Retry-After"]) >= 1


def test_the_right_password_from_elsewhere_need_not_wait(alice: User) -> None:
    guess(5)
    assert log_in(address=HERE).status_code == 429
    assert log_in(address=THERE).status_code == 200


def test_waiting_helps(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    guess(4)
    monkeypatch.setattr(attempts, "LONGEST", 0)  # the next failure asks for no time
    assert log_in().status_code == 429
    attempt = Attempt("alice@example.org", HERE, is_known_device=False)
    attempt.failed()
    assert log_in().status_code == 200


def test_the_wait_doubles_up_to_a_minute(alice: User) -> None:
    attempt, waits = Attempt("alice@example.org", HERE, is_known_device=True), []
    for _ in range(12):
        attempt.failed()
        try:
            attempt.check()
        except TooManyAttempts as error:
            waits.append(error.retry_after)
        else:
            waits.append(0.0)
    assert waits == [0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_a_right_password_starts_afresh(alice: User) -> None:
    guess(3)
    assert log_in().status_code == 200
    assert guess(3) == [401] * 3
    assert log_in().status_code == 200


def test_many_who_guess_do_not_lock_out_a_known_device(alice: User) -> None:
    browser = Client()
    form = {"email": alice.email, "password": PASSWORD}
    assert browser.post("/login", form, REMOTE_ADDR=THERE).status_code == 302
    browser.post("/logout", REMOTE_ADDR=THERE)
    for number in range(FREE["account"] + 3):
        guess(1, address=f"192.0.2.{number}")
    # A stranger waits, wherever they are; the browser with its proof does not, wherever it is.
    assert log_in(address="198.18.0.1").status_code == 429
    again = browser.post("/login", form, REMOTE_ADDR="198.18.0.2")
    assert again.status_code == 302
    # A program is known by its agent and its network.
    assert log_in(address=THERE).status_code == 200


def test_an_office_may_forget_more_passwords_than_a_person(
    alice: User, make_user: Callable[..., User]
) -> None:
    for number in range(FREE["address"]):
        assert guess(1, email=f"colleague{number}@example.org") == [401]
    assert log_in().status_code == 200
    guess(2, email="one-more@example.org")
    assert log_in().status_code == 429


def test_the_person_is_told_of_some_of_them(alice: User) -> None:
    for tries in range(1, 20):
        services.judge_failed_log_in(alice.email_key, HERE, tries)
    told = EventRecord.objects.filter(type="user.login_failed").order_by("id")
    assert [row.payload["tries"] for row in told] == [1, 4, 8, 16]
    assert {row.address for row in told} == {HERE}
    services.judge_failed_log_in("nobody@example.org", HERE, 1)
    assert told.count() == 4
    assert not is_told(0)


def test_one_address_at_many_accounts_is_blocked_and_it_is_said_why(
    olga: User, client_for: Callable[[User], APIClient], anonymous: APIClient
) -> None:
    for number in range(MOST_ACCOUNTS):
        services.judge_failed_log_in(f"a{number}@example.org", HERE, 1)
    assert anonymous.get("/login", REMOTE_ADDR=HERE).status_code == 403
    operator = client_for(olga)
    listed = operator.get("/api/v1/admin/threats?state=open").json()["results"]
    assert [(row["network"], row["signal"]) for row in listed] == [
        ("203.0.113.9/32", "credential_stuffing")
    ]
    assert listed[0]["counters"]["accounts"] == MOST_ACCOUNTS
    assert listed[0]["expires_at"] is not None
    undone = operator.post(f"/api/v1/admin/threats/{listed[0]['id']}/undo")
    assert undone.json()["state"] == "lifted"
    assert anonymous.get("/login", REMOTE_ADDR=HERE).status_code == 200
    assert EventRecord.objects.filter(type="threat.detected").count() == 1


def test_one_account_tried_often_is_no_stuffing(alice: User) -> None:
    for tries in range(MOST_ACCOUNTS + 5):
        services.judge_failed_log_in(alice.email_key, HERE, tries)
    assert not IpRule.objects.exists()


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "10.0.0.7", ""])
def test_what_everybody_comes_through_is_never_blocked(settings: Any, address: str) -> None:
    from ipaddress import ip_network

    settings.TRUSTED_PROXIES = (ip_network("10.0.0.0/8"),)
    assert services.block_threat(address, signal="key_scan", counters={}) is None


def test_a_second_block_lasts_longer(clock: Any) -> None:
    lasted = []
    for _ in range(6):
        rule = services.block_threat(HERE, signal="key_scan", counters={})
        assert rule is not None
        assert rule.expires_at is not None
        lasted.append((rule.expires_at - clock.now).total_seconds() / 3600)
        assert services.block_threat(HERE, signal="key_scan", counters={}) is None
        clock.advance(rule.expires_at - clock.now)
    assert lasted == [1, 2, 4, 8, 16, 24]


def test_unknown_keys_cost_a_bounded_number_of_queries(
    alice: User, django_assert_num_queries: Any
) -> None:
    def send(key: str) -> int:
        client = APIClient(headers={"X-API-Key": key})
        return int(client.get("/api/v1/models", REMOTE_ADDR=HERE).status_code)

    with django_assert_num_queries(scans.MOST):
        statuses = [send(make_key()) for _ in range(scans.MOST + 20)]
    assert statuses == [401] * scans.MOST + [429] * 20
    with django_assert_num_queries(0):
        assert send("slip_" + "x" * 38) == 401
        assert send("slip_" + "x" * 65_536) == 401


def test_a_new_device_is_told_of_and_a_known_one_is_not(alice: User) -> None:
    log_in(address=HERE)
    log_in(address=HERE)
    assert not EventRecord.objects.filter(type="user.new_device").exists()  # the first is no news
    log_in(address=THERE)
    log_in(address=THERE)
    told = EventRecord.objects.get(type="user.new_device")
    assert (told.payload["device"], told.address) == ("Unknown program", THERE)


@pytest.mark.parametrize("name", ["access_token", "api_key", "Access_Token", "X-API-Key"])
def test_a_credential_in_the_address_is_refused_unread(
    alice: User, key_for: Callable[..., str], name: str
) -> None:
    key = key_for(alice)
    for client in (APIClient(), APIClient(headers={"X-API-Key": key})):
        answer = client.get(f"/api/v1/models?{name}={key}")
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
        assert 'error="invalid_request"' in answer["WWW-Authenticate"]
        assert key not in answer.content.decode()


def test_public_routes_are_counted_by_address(anonymous: APIClient) -> None:
    def ask(address: str) -> int:
        body = {"refresh": "x"}
        return int(anonymous.post("/api/v1/auth/refresh", body, REMOTE_ADDR=address).status_code)

    statuses = [ask(HERE) for _ in range(70)]
    assert statuses[:50] == [401] * 50
    assert statuses[-1] == 429
    assert ask(THERE) == 401
