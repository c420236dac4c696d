"""It lists where one is logged in, and ends it here, there or everywhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from accounts import services
from accounts.actors import actor_for_user
from accounts.devices import describe_agent
from accounts.models import Session, User
from accounts.services import issue_tokens
from accounts.tests.factories import PASSWORD

pytestmark = pytest.mark.django_db
URL = "/api/v1/auth/sessions"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def by_token(access: str) -> APIClient:
    return APIClient(headers={"Authorization": f"Bearer {access}"})


def browser(email: str = "alice@example.org") -> Client:
    client = Client(headers={"User-Agent": FIREFOX})
    client.post("/login", {"email": email, "password": PASSWORD})
    return client


def is_in(client: Client) -> bool:
    return client.get("/profile").status_code == 200


def test_both_kinds_are_listed_and_the_current_marked(alice: User) -> None:
    browser()
    client = by_token(issue_tokens(alice).access)
    listed = client.get(URL).json()["results"]
    assert {(row["kind"], row["device"], row["current"]) for row in listed} == {
        ("jwt", "Unknown program", True),
        ("browser", "Firefox on Linux", False),
    }


def test_nobody_sees_or_ends_anothers(alice: User, bob: User) -> None:
    issue_tokens(alice)
    theirs = f"{URL}/{Session.objects.get().id}"
    client = by_token(issue_tokens(bob).access)
    assert client.get(URL).json()["count"] == 1
    assert client.get(theirs).status_code == client.delete(theirs).status_code == 404
    assert Session.objects.alive().count() == 2


def test_ending_one_leaves_the_others(alice: User) -> None:
    mine, other = issue_tokens(alice), issue_tokens(alice)
    client = by_token(mine.access)
    listed = client.get(URL).json()["results"]
    ended = next(row["id"] for row in listed if not row["current"])
    assert client.delete(f"{URL}/{ended}").status_code == 204
    assert by_token(other.access).get("/api/v1/auth/me").status_code == 401
    assert client.post("/api/v1/auth/refresh", {"refresh": other.refresh}).status_code == 401
    assert client.get("/api/v1/auth/me").status_code == 200


@pytest.mark.django_db(transaction=True)  # a cookie ends when the change commits
@pytest.mark.parametrize(("query", "left"), [("", 1), ("?all=true", 0)])
def test_logging_out_everywhere(alice: User, query: str, left: int) -> None:
    page = browser()
    tokens = [issue_tokens(alice) for _ in range(3)]
    assert by_token(tokens[0].access).delete(URL + query).status_code == 204
    assert Session.objects.alive().count() == left
    assert [by_token(each.access).get(URL).status_code for each in tokens] == [
        200 if left else 401, 401, 401,
    ]  # fmt: skip
    assert not is_in(page)


def test_logging_out_by_either_token(alice: User, anonymous: APIClient) -> None:
    first, second = issue_tokens(alice), issue_tokens(alice)
    assert by_token(first.access).post("/api/v1/auth/logout").status_code == 204
    assert anonymous.post("/api/v1/auth/logout", {"refresh": second.refresh}).status_code == 204
    assert not Session.objects.alive().exists()
    assert anonymous.post("/api/v1/auth/logout", {"refresh": "nonsense"}).status_code == 204
    assert anonymous.post("/api/v1/auth/logout", {}).status_code == 401


def test_a_key_has_no_session(key_for: Callable[..., str], alice: User) -> None:
    client = APIClient(headers={"X-API-Key": key_for(alice, scopes=["account:write"])})
    answer = client.post("/api/v1/auth/logout")
    assert (answer.status_code, answer.json()["code"]) == (400, "no_session")


@pytest.mark.django_db(transaction=True)  # a cookie ends when the change commits
def test_a_browser_ended_elsewhere_is_logged_out(alice: User) -> None:
    here, there = browser(), browser()
    assert is_in(there)
    ended = Session.objects.exclude(browser_key=here.session.session_key).get()
    assert here.post(f"/profile/sessions/{ended.id}/end").status_code == 302
    assert not is_in(there)
    assert is_in(here)
    another = browser()
    here.post("/profile/sessions/end")
    assert not is_in(another)
    assert is_in(here)


def test_an_old_session_stays_dead_after_coming_back(alice: User, olga: User) -> None:
    page, operator = browser(), actor_for_user(olga)
    services.suspend_user(alice, actor=operator)
    assert not is_in(page)
    services.activate_user(alice, actor=operator)
    assert not is_in(page)
    assert is_in(browser())


@pytest.mark.django_db(transaction=True)  # a cookie ends when the change commits
def test_a_new_password_ends_every_other_session(alice: User) -> None:
    here, there = browser(), browser()
    program = by_token(issue_tokens(alice).access)
    form = {"current_password": PASSWORD, "new_password": "a wholly new phrase"}
    assert here.post("/profile/password", form).status_code == 302
    assert is_in(here)
    assert not is_in(there)
    assert program.get("/api/v1/auth/me").status_code == 401
    assert [row.browser_key for row in Session.objects.alive()] == [here.session.session_key]


def test_leaving_the_page_ends_the_session(alice: User) -> None:
    page = browser()
    page.post("/logout")
    assert not Session.objects.alive().exists()
    assert Session.objects.get().end_reason == "logged_out"


def test_the_page_says_which_is_this_one(alice: User) -> None:
    page = browser()
    text = page.get("/profile/sessions").content.decode()
    assert "Firefox on Linux" in text
    assert text.count(">this one<") == 1


def test_the_list_costs_the_same_however_long(
    alice: User, django_assert_max_num_queries: Any
) -> None:
    tokens = [issue_tokens(alice) for _ in range(25)]
    with django_assert_max_num_queries(4):
        assert by_token(tokens[0].access).get(URL).json()["count"] == 25


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (FIREFOX, "Firefox on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/140.0 Safari/537.36", "Chrome on Windows"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/140.0 Safari/537.36 Edg/140.0", "Edge on Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 19_0) Version/19.0 Safari/604.1", "Safari on iPhone"),
        ("curl/8.5.0", "curl"),
        ("python-requests/2.32", "python-requests"),
        ("Mozilla/5.0", "Browser"),
        ("", "Unknown program"),
    ],
)  # fmt: skip
def test_agents_are_told_apart(agent: str, words: str) -> None:
    assert describe_agent(agent) == words
