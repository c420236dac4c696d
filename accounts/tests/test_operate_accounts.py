"""It gives operators, and nobody else, the console over accounts."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client
from django.urls import reverse

from accounts.actors import actor_for_user
from accounts.errors import OperatorsOnly
from accounts.models import ApiKey, Organization, User
from accounts.services import activate_user, deactivate_user, issue_tokens, set_password
from accounts.tests.factories import PASSWORD, make_key
from common.models import EventRecord

pytestmark = pytest.mark.django_db
TABLES = ("user", "organization", "membership", "apikey")


@pytest.fixture
def console(olga: User) -> Client:
    client = Client()
    client.force_login(olga)
    return client


def act(console: Client, table: str, action: str, *rows: object) -> None:
    path = reverse(f"admin:accounts_{table}_changelist")
    form = {"action": action, "_selected_action": [str(row) for row in rows]}
    assert console.post(path, form).status_code == 302


def test_the_console_asks_for_e_mail_and_password(olga: User) -> None:
    client = Client()
    asked = client.get("/admin/", follow=True)
    assert asked.request["PATH_INFO"] == "/login"
    form = {"email": olga.email, "password": PASSWORD, "next": "/admin/"}
    front = client.post("/login", form, follow=True)
    assert front.request["PATH_INFO"] == "/admin/"
    assert front.status_code == 200
    assert "Groups" not in front.content.decode()  # there is one right: to be an operator


@pytest.mark.parametrize("table", TABLES)
def test_every_table_has_its_pages_without_hashes(console: Client, alice: User, table: str) -> None:
    make_key(alice)
    rows = {
        "user": alice,
        "organization": alice.personal_organization,
        "membership": alice.memberships.get(),
        "apikey": ApiKey.objects.get(),
    }
    pages = [
        console.get(reverse(f"admin:accounts_{table}_changelist"), {"q": "alice"}),
        console.get(reverse(f"admin:accounts_{table}_change", args=[rows[table].pk])),
    ]
    for page in pages:
        assert page.status_code == 200
        text = page.content.decode()
        assert "alice" in text
        assert "argon2" not in text
        assert "key_hash" not in text
        assert alice.password not in text


@pytest.mark.parametrize("table", TABLES)
def test_others_have_no_console(alice: User, table: str) -> None:
    client = Client()
    client.force_login(alice)
    response = client.get(reverse(f"admin:accounts_{table}_changelist"))
    assert response.status_code == 302
    assert "/admin/login/" in response["Location"]


def test_an_account_made_there_is_whole(console: Client) -> None:
    path = reverse("admin:accounts_user_add")
    assert console.get(path).status_code == 200
    form = {"email": "dora@example.org", "full_name": "Dora", "password": PASSWORD}
    assert console.post(path, form).status_code == 302
    user = User.objects.get(email="dora@example.org")
    assert user.slug == "dora"
    assert user.check_password(PASSWORD)
    assert user.memberships.get().role == "owner"


@pytest.mark.parametrize(
    "wrong", [{"email": "no address"}, {"email": "OLGA@example.org"}, {"password": "short"}]
)
def test_a_wrong_account_comes_back(console: Client, wrong: dict[str, str]) -> None:
    form = {"email": "dora@example.org", "full_name": "", "password": PASSWORD} | wrong
    assert console.post(reverse("admin:accounts_user_add"), form).status_code == 200
    assert User.objects.count() == Organization.objects.count() == 1


def test_shutting_out_ends_every_credential(
    console: Client, alice: User, olga: User, client_for: Callable[..., Client]
) -> None:
    tokens = issue_tokens(alice)
    key = make_key(alice, scopes=["account:read"])
    act(console, "user", "deactivate", alice.id, olga.id)
    for headers in ({"Authorization": f"Bearer {tokens.access}"}, {"X-API-Key": key}):
        assert Client(headers=headers).get("/api/v1/auth/me").status_code == 401
    olga.refresh_from_db()
    assert olga.is_active  # nobody shuts themselves out
    row = EventRecord.objects.get(type="user.deactivated")
    assert row.actor_id == olga.id
    act(console, "user", "activate", alice.id)
    assert Client(headers={"X-API-Key": key}).get("/api/v1/auth/me").status_code == 200
    old = Client(headers={"Authorization": f"Bearer {tokens.access}"})
    assert old.get("/api/v1/auth/me").status_code == 401


def test_an_operator_sets_a_password(console: Client, alice: User) -> None:
    path = reverse("admin:accounts_user_password", args=[alice.id])
    assert (
        path in console.get(reverse("admin:accounts_user_change", args=[alice.id])).content.decode()
    )
    assert console.get(path).status_code == 200
    assert console.post(path, {"new_password": "short"}).status_code == 200
    assert console.post(path, {"new_password": "a wholly new phrase"}).status_code == 302
    alice.refresh_from_db()
    assert alice.check_password("a wholly new phrase")
    assert EventRecord.objects.filter(type="user.password_changed").count() == 1


def test_an_operator_revokes_a_key(console: Client, alice: User, olga: User) -> None:
    make_key(alice)
    key = ApiKey.objects.get()
    act(console, "apikey", "revoke", key.id)
    key.refresh_from_db()
    assert key.state == "revoked"
    assert EventRecord.objects.get(type="api_key.revoked").actor_id == olga.id


def test_an_operator_makes_another(console: Client, alice: User) -> None:
    act(console, "user", "appoint", alice.id)
    alice.refresh_from_db()
    assert alice.is_staff


def test_the_services_ask_who_acts(alice: User, bob: User) -> None:
    actor = actor_for_user(alice)
    with pytest.raises(OperatorsOnly):
        deactivate_user(bob, actor=actor)
    with pytest.raises(OperatorsOnly):
        activate_user(bob, actor=actor)
    with pytest.raises(OperatorsOnly):
        set_password(bob, actor=actor, new_password="a wholly new phrase")


def test_the_command_makes_the_first_operator(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIRST_PASSWORD", PASSWORD)
    told = StringIO()
    arguments = ["dora@example.org", "--password-variable", "FIRST_PASSWORD"]
    for _ in range(2):
        call_command("createsuperuser", *arguments, stdout=told)
    user = User.objects.get()
    assert user.is_staff
    assert user.email_verified_at is not None
    assert user.check_password(PASSWORD)
    assert "dora@example.org is an operator now." in told.getvalue()
    with pytest.raises(CommandError):
        call_command("createsuperuser", "no address", "--password-variable", "FIRST_PASSWORD")
