"""It lets people sign up, log in and keep their keys with a browser, without any script."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.test import Client

from accounts import keys
from accounts.models import ApiKey, User
from accounts.tests.factories import PASSWORD, make_key

pytestmark = pytest.mark.django_db
ACCOUNT = {"email": "dora@example.org", "password": PASSWORD, "full_name": "Dora"}


@pytest.fixture
def visitor() -> Client:
    """A browser that knows nobody, and whose forms need their token."""
    return Client(enforce_csrf_checks=True)


@pytest.fixture
def browser(alice: User) -> Client:
    client = Client()
    client.force_login(alice)
    return client


def submit(client: Client, path: str, **fields: object) -> object:
    """Load the form, and send it with the token that it carries."""
    page = client.get(path).content.decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
    assert token, page
    return client.post(path, {**fields, "csrfmiddlewaretoken": token[1]})


def test_signing_up_logs_in(visitor: Client) -> None:
    response = submit(visitor, "/signup", **ACCOUNT)
    assert response.status_code == 302  # type: ignore[attr-defined]
    assert response["Location"] == "/models"  # type: ignore[index]
    page = visitor.get("/keys")
    assert page.status_code == 200
    assert "dora/…" in page.content.decode()  # the welcome
    assert User.objects.get().last_login is not None


def test_a_form_without_its_token_is_refused(visitor: Client) -> None:
    assert visitor.post("/signup", ACCOUNT).status_code == 403
    assert visitor.post("/logout").status_code == 403
    assert not User.objects.exists()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", "no address"),
        ("email", "alice@example.org"),
        ("password", "short"),
        ("password", "x" * 1025),
        ("full_name", "n" * 201),
        ("full_name", "nul\x00"),
    ],
)
def test_a_refusal_stands_at_its_field(
    visitor: Client, alice: User, field: str, value: str
) -> None:
    response = visitor.get("/signup")
    response = submit(visitor, "/signup", **(ACCOUNT | {field: value}))  # type: ignore[assignment]
    assert response.status_code == 400
    page = response.content.decode()
    assert f'id="id_{field}_error"' in page
    assert User.objects.count() == 1
    assert PASSWORD not in page


def test_logging_in_goes_where_one_was_going(visitor: Client, alice: User) -> None:
    gate = visitor.get("/keys")
    assert gate["Location"] == "/login?next=/keys"
    response = submit(visitor, "/login?next=/keys", email=alice.email, password=PASSWORD)
    assert response["Location"] == "/keys"  # type: ignore[index]
    assert visitor.get("/login")["Location"] == "/models"


@pytest.mark.parametrize(
    "away", ["https://evil.example/", "//evil.example", "javascript:alert(1)", "/\\evil.example"]
)
def test_logging_in_never_leads_away(visitor: Client, alice: User, away: str) -> None:
    path = f"/login?next={away}"
    response = submit(visitor, path, email=alice.email, password=PASSWORD, next=away)
    assert response["Location"] == "/models"  # type: ignore[index]


def test_a_wrong_password_says_no_more_than_that(visitor: Client, alice: User) -> None:
    pages = [
        submit(visitor, "/login", email=email, password="not the password")
        for email in (alice.email, "nobody@example.org")
    ]
    told = [re.search(r'<div class="errors-top".*?</div>', p.content.decode()) for p in pages]  # type: ignore[attr-defined]
    assert told[0]
    assert told[1]
    assert told[0][0] == told[1][0]


def test_logging_out_ends_the_session(browser: Client) -> None:
    assert browser.get("/logout").status_code == 405
    assert browser.post("/logout")["Location"] == "/"
    assert browser.get("/keys").status_code == 302


@pytest.mark.parametrize("path", ["/keys", "/profile", "/profile/password"])
def test_pages_are_for_who_is_logged_in(visitor: Client, browser: Client, path: str) -> None:
    assert visitor.get(path)["Location"] == f"/login?next={path}"
    page = browser.get(path)
    assert page.status_code == 200
    assert "no-store" in page["Cache-Control"]


def test_a_new_key_is_shown_this_once(browser: Client, alice: User) -> None:
    form = {"name": "laptop", "scopes": ["predict", "models:read"], "expires": "30"}
    page = browser.post("/keys", form).content.decode()
    shown = re.findall(r"slip_[0-9A-Za-z]{38}", page)
    assert len(shown) == 1
    assert keys.is_key(shown[0])
    key = ApiKey.objects.get()
    assert bytes(key.key_hash) == keys.hash_key(shown[0])
    assert key.scopes == ["models:read", "predict"]
    assert key.expires_at is not None
    again = browser.get("/keys").content.decode()
    assert "laptop" in again
    assert shown[0] not in again


def test_a_key_may_never_end(browser: Client) -> None:
    form = {"name": "laptop", "scopes": ["predict"], "expires": "never"}
    assert browser.post("/keys", form).status_code == 200
    assert ApiKey.objects.get().expires_at is None


@pytest.mark.parametrize(
    "wrong", [{"name": ""}, {"scopes": []}, {"scopes": ["fly"]}, {"expires": "7"}]
)
def test_a_wrong_key_form_comes_back(browser: Client, wrong: dict[str, object]) -> None:
    form = {"name": "laptop", "scopes": ["predict"], "expires": "never"} | wrong
    response = browser.post("/keys", form)
    assert response.status_code == 400
    assert 'role="alert"' in response.content.decode()
    assert not ApiKey.objects.exists()


def test_revoking_asks_first(browser: Client, alice: User) -> None:
    make_key(alice, name="laptop")
    key = ApiKey.objects.get()
    path = f"/keys/{key.id}/revoke"
    assert path in browser.get("/keys").content.decode()
    assert "laptop" in browser.get(path).content.decode()
    assert ApiKey.objects.get().state == "active"
    assert browser.post(path)["Location"] == "/keys"
    assert ApiKey.objects.get().state == "revoked"
    assert path not in browser.get("/keys").content.decode()


def test_a_strangers_key_is_not_found(browser: Client, bob: User) -> None:
    make_key(bob)
    path = f"/keys/{ApiKey.objects.get().id}/revoke"
    assert browser.get(path).status_code == browser.post(path).status_code == 404
    assert ApiKey.objects.get().revoked_at is None


def test_a_key_list_comes_in_pages(browser: Client, alice: User) -> None:
    for number in range(21):
        make_key(alice, name=f"key-{number}")
    assert "Page 1 of 2" in browser.get("/keys").content.decode()
    assert "key-0<" in browser.get("/keys?page=2").content.decode()
    assert browser.get("/keys?page=x").status_code == 200


def test_a_name_is_saved_and_escaped(browser: Client, alice: User) -> None:
    assert browser.post("/profile", {"full_name": "<b>Al</b>"}).status_code == 302
    page = browser.get("/profile").content.decode()
    assert "<b>Al</b>" not in page
    assert "&lt;b&gt;Al&lt;/b&gt;" in page


def test_a_new_password_ends_other_sessions_and_not_this(browser: Client, alice: User) -> None:
    other = Client()
    other.force_login(alice)
    form = {"current_password": PASSWORD, "new_password": "a wholly new phrase"}
    assert browser.post("/profile/password", form).status_code == 302
    assert browser.get("/profile").status_code == 200
    assert other.get("/profile").status_code == 302
    assert browser.post("/profile/password", form).status_code == 400


def test_who_is_shut_out_is_out_at_once(browser: Client, alice: User) -> None:
    alice.status, alice.is_active = "suspended", False
    alice.save()
    assert browser.get("/keys").status_code == 302


def test_pages_cost_few_queries(
    browser: Client, alice: User, django_assert_max_num_queries: Callable[..., object]
) -> None:
    for _ in range(20):
        make_key(alice)
    browser.get("/keys")
    with django_assert_max_num_queries(5):  # type: ignore[attr-defined]  # user, places, unread, count, page
        assert browser.get("/keys").status_code == 200
