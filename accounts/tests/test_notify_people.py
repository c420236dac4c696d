"""The notification centre: who is told, of what, where, and never twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from rest_framework.test import APIClient

from accounts import services, tasks
from accounts.actors import actor_for_user
from accounts.events import PartFailing
from accounts.models import Digest, DigestChoice, Membership, Notification, User
from accounts.services import Channels, digests
from accounts.tests.mailbox import Mailbox, mail_server
from accounts.tests.races import race
from common import events
from common.models import EventRecord
from common.tasks import dispatch_event
from conftest import FrozenClock

ClientFor = Callable[[User], APIClient]
pytestmark = pytest.mark.django_db
API = "/api/v1/notifications"


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with mail_server() as box:
        yield box


def deliver() -> None:
    """What the worker does: hand out every event, then send the e-mails that were asked for."""
    for row in EventRecord.objects.filter(dispatched_at=None).order_by("id"):
        dispatch_event(str(row.id))
    for note in Notification.objects.to_be_mailed().filter(mail="off").order_by("id"):
        tasks.mail_notification(str(note.id))


def texts(user: User) -> list[str]:
    return list(
        Notification.objects.filter(user=user).order_by("id").values_list("text", flat=True)
    )


def test_a_person_hears_of_their_account(alice: User, olga: User, mailbox: Mailbox) -> None:
    services.set_password(alice, actor=actor_for_user(olga), new_password="a wholly new phrase")
    deliver()
    assert texts(alice) == ["Your password was changed"]
    assert mailbox.letters[0]["To"] == "alice@example.org"
    assert "Your password was changed" in mailbox.text()
    assert "/notifications" in mailbox.text()
    assert texts(olga) == []


def test_who_was_shut_out_is_told_so(alice: User, olga: User, mailbox: Mailbox) -> None:
    services.suspend_user(alice, actor=actor_for_user(olga))
    deliver()
    assert mailbox.subjects == ["Slipway: Your account was suspended"]


def test_who_is_deleted_gets_nothing(alice: User, olga: User, mailbox: Mailbox) -> None:
    services.suspend_user(alice, actor=actor_for_user(olga))
    services.delete_user(alice, actor=actor_for_user(olga))
    deliver()
    assert mailbox.letters == []


def test_what_they_were_told_goes_with_who_is_deleted(alice: User, olga: User) -> None:
    services.create_api_key(actor=actor_for_user(alice), name="robot")
    services.set_preferences(actor=actor_for_user(alice), digest="daily")
    deliver()
    services.delete_user(alice, actor=actor_for_user(olga))
    deliver()
    assert texts(alice) == []
    assert not DigestChoice.objects.filter(user=alice).exists()


def test_old_notifications_go(alice: User, clock: FrozenClock) -> None:
    services.create_api_key(actor=actor_for_user(alice), name="robot")
    deliver()
    clock.advance(timedelta(days=399))
    assert tasks.retain_notifications() == 0
    clock.advance(timedelta(days=2))
    assert tasks.retain_notifications() == 1


def test_an_event_that_comes_twice_is_told_once(alice: User, mailbox: Mailbox) -> None:
    services.create_api_key(actor=actor_for_user(alice), name="robot")
    deliver()
    EventRecord.objects.update(dispatched_at=None)
    deliver()
    assert texts(alice) == ["The API key robot was made"]
    assert len(mailbox.letters) == 1


def test_admins_hear_of_who_joins_and_not_of_themselves(
    alice: User, bob: User, charlie: User
) -> None:
    place = services.create_organization(actor=actor_for_user(alice), name="Acme")
    Membership.objects.create(organization=place, user=bob, role="admin")
    Membership.objects.create(organization=place, user=charlie, role="member")
    from accounts.events import MemberJoined

    joined = MemberJoined(organization_id=place.id, user_id=bob.id, role="admin")
    events.publish(joined, actor_id=bob.id, organization_id=place.id)
    deliver()
    assert texts(alice) == ["Somebody joined your organization as admin"]
    assert texts(bob) == texts(charlie) == []


def test_operators_hear_of_the_platform(
    alice: User, olga: User, mailbox: Mailbox, client_for: ClientFor
) -> None:
    events.publish(PartFailing(part="jail", detail="It does not hold."))
    deliver()
    assert texts(olga) == ["jail does not work: It does not hold."]
    assert texts(alice) == []
    assert len(mailbox.letters) == 1
    path = "/api/v1/admin/notifications"
    assert client_for(olga).get(path).json()["count"] == 1
    assert client_for(alice).get(path).status_code == 403


def test_a_registration_is_told_to_operators_who_ask_for_it(olga: User, db: None) -> None:
    services.register_user(email="dora@example.org", password="a wholly new phrase")
    deliver()
    assert texts(olga) == []
    wanted = {"user.registered": Channels(in_app=True, email=False)}
    services.set_preferences(actor=actor_for_user(olga), channels=wanted)
    services.register_user(email="emil@example.org", password="a wholly new phrase")
    deliver()
    assert texts(olga) == ["emil has signed up"]


# E-mails.


def test_a_mail_server_that_refuses_is_asked_again(
    alice: User, mailbox: Mailbox, clock: FrozenClock
) -> None:
    services.create_api_key(actor=actor_for_user(alice), name="robot")
    mailbox.refuses = True
    deliver()
    assert digests.unsent(older_than=tasks.SWEEP_AFTER) == []
    clock.advance(timedelta(minutes=1))
    mailbox.refuses = False
    left = digests.unsent(older_than=tasks.SWEEP_AFTER)
    assert [tasks.mail_notification(str(id_)) for id_ in left] == [True]
    assert digests.unsent(older_than=tasks.SWEEP_AFTER) == []
    assert len(mailbox.letters) == 1


def test_an_email_turned_off_is_not_sent(alice: User, mailbox: Mailbox) -> None:
    wanted = {"api_key.created": Channels(in_app=True, email=False)}
    services.set_preferences(actor=actor_for_user(alice), channels=wanted)
    services.create_api_key(actor=actor_for_user(alice), name="robot")
    deliver()
    assert texts(alice) == ["The API key robot was made"]
    assert mailbox.letters == []


def test_a_notification_turned_off_is_mailed_alone(
    alice: User, mailbox: Mailbox, client_for: ClientFor
) -> None:
    wanted = {"api_key.created": Channels(in_app=False, email=True)}
    services.set_preferences(actor=actor_for_user(alice), channels=wanted)
    services.create_api_key(actor=actor_for_user(alice), name="robot")
    deliver()
    assert client_for(alice).get(API).json()["count"] == 0
    assert len(mailbox.letters) == 1


@pytest.mark.parametrize(("kind", "days"), [("daily", 1), ("weekly", 7)])
def test_what_can_wait_comes_in_one_email_a_period(
    alice: User, mailbox: Mailbox, clock: FrozenClock, kind: str, days: int
) -> None:
    services.set_preferences(actor=actor_for_user(alice), digest=kind)
    for name in ("one", "two"):
        services.create_api_key(actor=actor_for_user(alice), name=name)
    deliver()
    assert mailbox.letters == []
    assert digests.due_digests(kind) == [alice.id]
    assert digests.mail_digest(alice.id, kind) == 2
    assert "The API key one was made" in mailbox.text()
    assert "The API key two was made" in mailbox.text()
    services.create_api_key(actor=actor_for_user(alice), name="three")
    deliver()
    assert digests.due_digests(kind) == []
    assert digests.mail_digest(alice.id, kind) == 0
    clock.advance(timedelta(days=days))
    assert digests.mail_digest(alice.id, kind) == 1
    assert len(mailbox.letters) == 2


def test_no_digest_leaves_in_the_night(alice: User, clock: FrozenClock) -> None:
    services.set_preferences(actor=actor_for_user(alice), digest="daily")
    services.create_api_key(actor=actor_for_user(alice), name="robot")
    deliver()
    clock.advance(timedelta(hours=14))  # from noon
    assert digests.due_digests("daily") == []


def test_what_keeps_an_account_safe_does_not_wait(alice: User, mailbox: Mailbox) -> None:
    actor = actor_for_user(alice)
    services.set_preferences(actor=actor, digest="weekly")
    events.publish(
        events.types["user.password_changed"](user_id=alice.id),  # type: ignore[call-arg]
        actor_id=alice.id,
    )
    deliver()
    assert mailbox.subjects == ["Slipway: Your password was changed"]


def test_a_digest_that_fails_comes_whole_in_the_next_period(
    alice: User, mailbox: Mailbox, clock: FrozenClock
) -> None:
    services.set_preferences(actor=actor_for_user(alice), digest="daily")
    services.create_api_key(actor=actor_for_user(alice), name="robot")
    deliver()
    mailbox.refuses = True
    assert tasks.mail_digest(str(alice.id), "daily") == 0
    mailbox.refuses = False
    assert digests.mail_digest(alice.id, "daily") == 0
    clock.advance(timedelta(days=1))
    assert digests.mail_digest(alice.id, "daily") == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_workers_one_sends_the_digest(alice: User, mailbox: Mailbox) -> None:
    services.set_preferences(actor=actor_for_user(alice), digest="daily")
    services.create_api_key(actor=actor_for_user(alice), name="robot")
    deliver()
    counts = race(8, lambda _: digests.mail_digest(alice.id, "daily"))
    assert sorted(counts) == [0] * 7 + [1]
    assert len(mailbox.letters) == 1
    assert Digest.objects.count() == 1


# The routes.


def test_notifications_are_read(alice: User, bob: User, client_for: ClientFor) -> None:
    for name in ("one", "two"):
        services.create_api_key(actor=actor_for_user(alice), name=name)
    deliver()
    client = client_for(alice)
    rows = client.get(API).json()["results"]
    assert [row["text"] for row in rows] == ["The API key two was made", "The API key one was made"]
    first = rows[0]["id"]
    assert client_for(bob).post(f"{API}/{first}/read").status_code == 404
    read = client.post(f"{API}/{first}/read").json()["read_at"]
    assert read is not None
    assert client.post(f"{API}/{first}/read").json()["read_at"] == read
    assert client.get(f"{API}?unread=true").json()["count"] == 1
    assert client.post(f"{API}/read-all").json() == {"read": 1}
    assert client.get(f"{API}?unread=true").json()["count"] == 0
    assert client.post(f"{API}/{uuid4()}/read").status_code == 404


def test_preferences_are_kept(alice: User, olga: User, client_for: ClientFor) -> None:
    client = client_for(alice)
    before = client.get(f"{API}/preferences").json()
    assert before["digest"] == "off"
    types = {row["type"]: row for row in before["types"]}
    assert types["api_key.created"]["email"] is True
    assert "user.registered" not in types
    change = {"digest": "daily", "types": {"api_key.created": {"in_app": True, "email": False}}}
    assert client.put(f"{API}/preferences", change).status_code == 200
    after = client.get(f"{API}/preferences").json()
    types = {row["type"]: row for row in after["types"]}
    assert after["digest"] == "daily"
    assert types["api_key.created"]["email"] is False
    assert EventRecord.objects.get().payload["changed"] == ["digest", "api_key.created"]
    assert client.put(f"{API}/preferences", change).status_code == 200
    assert EventRecord.objects.count() == 1
    operators = client_for(olga).get(f"{API}/preferences").json()["types"]
    assert "user.registered" in {row["type"] for row in operators}


@pytest.mark.parametrize(
    ("types", "pointer"),
    [
        ({"user.logged_in": {"in_app": True, "email": True}}, "/types/user.logged_in"),
        (
            {"user.password_changed": {"in_app": False, "email": False}},
            "/types/user.password_changed/email",
        ),
        ({"api_key.created": {"in_app": True}}, "/types/api_key.created/email"),
    ],
)
def test_a_choice_that_is_none_is_refused(
    alice: User, client_for: ClientFor, types: Any, pointer: str
) -> None:
    response = client_for(alice).put(f"{API}/preferences", {"types": types})
    assert response.status_code == 400
    assert response.json()["errors"][0]["pointer"] == pointer


def test_a_key_of_an_organization_sees_what_is_told_of_it(
    alice: User, key_for: Callable[..., str]
) -> None:
    place = services.create_organization(actor=actor_for_user(alice), name="Acme")
    services.create_api_key(actor=actor_for_user(alice), name="robot")
    deliver()
    secret = key_for(alice, scopes=["account:read"], organization=place)
    assert APIClient(headers={"X-API-Key": secret}).get(API).json()["count"] == 0


def test_a_list_costs_few_queries(
    alice: User, client_for: ClientFor, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    rows = [
        Notification(user=alice, event_id=uuid4(), type="x", audience="person", text=str(i))
        for i in range(50)
    ]
    Notification.objects.bulk_create(rows)
    client = client_for(alice)
    with django_assert_max_num_queries(4):
        assert len(client.get(f"{API}?page_size=50").json()["results"]) == 50


# Pages.


def test_the_bell_counts_what_was_not_read(
    client: Client, alice: User, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    services.create_api_key(actor=actor_for_user(alice), name="robot")
    deliver()
    client.force_login(alice)
    page = client.get("/notifications").content.decode()
    assert "Notifications, 1 unread" in page
    assert "The API key robot was made" in page
    note = Notification.objects.get()
    assert client.post(f"/notifications/{note.id}/read").status_code == 302
    assert "1 unread" not in client.get("/notifications").content.decode()
    assert "All read" in client.get("/notifications?unread=1").content.decode()
    client.post("/notifications/read-all")
    with django_assert_max_num_queries(6):
        client.get("/notifications")


def test_preferences_are_set_by_form(client: Client, alice: User) -> None:
    client.force_login(alice)
    assert 'name="api_key.created"' in client.get("/notifications/preferences").content.decode()
    sent = {"digest": "weekly", "api_key.created": ["in_app"], "user.password_changed": ["in_app"]}
    assert client.post("/notifications/preferences", sent).status_code == 302
    page = client.get("/notifications/preferences").content.decode()
    assert '<option value="weekly" selected>' in page
