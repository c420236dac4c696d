"""It mails figures as CSV and PDF, each period once, to whoever asked for them."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from pypdf import PdfReader
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts.actors import Actor, actor_for_user
from accounts.errors import OperatorsOnly
from accounts.models import User
from accounts.tests.inbox import Inbox, serving
from analytics import documents, services
from analytics.documents import Document
from analytics.errors import BadReport
from analytics.models import Report
from analytics.periods import BadPeriod
from analytics.services import reports
from analytics.tests.conftest import Count
from conftest import FrozenClock
from registry.models import ModelVersion
from registry.tests.factories import make_model, make_version

# A Sunday.
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def inbox(settings: Settings) -> Iterator[Inbox]:
    with serving(settings) as inbox:
        yield inbox


@pytest.fixture
def version(alice: User) -> ModelVersion:
    return make_version(make_model(alice, "churn"))


@pytest.fixture
def actor(alice: User, inbox: Inbox, clock: FrozenClock) -> Actor:
    return actor_for_user(alice, via="jwt")


def attachments(inbox: Inbox) -> dict[str, bytes]:
    return {
        str(part.get_filename()): part.get_payload(decode=True)  # type: ignore[misc]  # bytes, as asked
        for part in inbox.last.iter_attachments()
    }


def test_a_week_is_mailed_on_monday_morning(
    actor: Actor,
    alice: User,
    version: ModelVersion,
    count: Count,
    inbox: Inbox,
    clock: FrozenClock,
) -> None:
    count(version, alice, NOON, NOON - timedelta(days=3), labels=["<b>yes</b>"])
    count(version, alice, NOON - timedelta(days=8))
    report = services.create_report(actor=actor, about="model", every="week", model="churn")
    assert report.due_at == datetime(2026, 3, 2, 6, tzinfo=UTC)
    clock.now = datetime(2026, 3, 2, 5, 59, tzinfo=UTC)
    assert services.send_due_reports() == 0
    clock.advance(timedelta(minutes=2))
    assert services.send_due_reports() == 1
    assert services.send_due_reports() == 0
    assert inbox.last["To"] == alice.email
    assert "alice/churn" in inbox.last["Subject"]
    assert "2026-02-23 to 2026-03-01" in inbox.last["Subject"]
    files = attachments(inbox)
    assert set(files) == {"alicechurn-2026-02-23.csv", "alicechurn-2026-02-23.pdf"}
    rows = list(csv.DictReader(io.StringIO(files["alicechurn-2026-02-23.csv"].decode())))
    assert [row["total"] for row in rows] == ["0", "0", "0", "1", "0", "0", "1"]
    pages = PdfReader(io.BytesIO(files["alicechurn-2026-02-23.pdf"])).pages
    text = pages[0].extract_text()
    assert len(pages) == 1
    assert "alice/churn" in text
    assert "<b>yes</b>" in text
    report.refresh_from_db()
    assert report.due_at == datetime(2026, 3, 9, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    ("every", "tz", "due", "first"),
    [
        ("day", "UTC", "2026-03-02T06:00Z", "2026-03-01"),
        ("day", "+05:45", "2026-03-02T00:15Z", "2026-03-01"),
        ("month", "UTC", "2026-04-01T06:00Z", "2026-03-01"),
    ],
)
def test_a_period_ends_where_the_zone_has_it(
    actor: Actor, inbox: Inbox, clock: FrozenClock, every: str, tz: str, due: str, first: str
) -> None:
    report = services.create_report(actor=actor, about="dashboard", every=every, tz=tz)
    assert report.due_at == datetime.fromisoformat(due)
    clock.now = report.due_at
    assert services.send_due_reports() == 1
    assert f"{first} to" in inbox.last["Subject"]


def test_a_report_of_what_may_not_be_seen_any_more_says_so(
    actor: Actor, version: ModelVersion, charlie: User, inbox: Inbox, clock: FrozenClock
) -> None:
    report = services.create_report(actor=actor, about="model", every="day", model="churn")
    version.model.organization = actor_for_user(charlie).organization
    version.model.save()
    clock.now = report.due_at
    assert services.send_due_reports() == 1
    report.refresh_from_db()
    assert "no model" in report.last_error
    assert report.due_at > clock.now
    assert inbox.messages == []


def test_one_that_can_not_be_made_holds_up_no_other(
    actor: Actor, inbox: Inbox, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = services.create_report(actor=actor, about="dashboard", every="day")
    sound = services.create_report(actor=actor, about="dashboard", every="day")

    def document(report: Report, *given: Any) -> Document:
        if report.id == broken.id:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 / 0")
        return documents.document(report, *given)

    monkeypatch.setattr(reports, "document", document)
    clock.now = broken.due_at
    assert services.send_due_reports() == 2
    broken.refresh_from_db()
    sound.refresh_from_db()
    assert broken.last_error == "The report could not be made."
    assert broken.due_at > clock.now
    assert sound.last_sent_at == clock.now
    assert len(inbox.messages) == 1


def test_a_mail_server_that_is_away_is_tried_again(
    actor: Actor, clock: FrozenClock, settings: Settings
) -> None:
    report = services.create_report(actor=actor, about="dashboard", every="day")
    clock.now = report.due_at
    settings.EMAIL_PORT = 1
    assert services.send_due_reports() == 1
    report.refresh_from_db()
    assert report.due_at == clock.now + timedelta(minutes=10)
    assert report.last_sent_at is None


def test_what_can_not_be_mailed_is_refused(
    actor: Actor, version: ModelVersion, settings: Settings
) -> None:
    def create(**given: Any) -> Report:
        return services.create_report(actor=actor, **{"about": "dashboard", "every": "day"} | given)

    with pytest.raises(BadPeriod):
        create(tz="Mars/Olympus")
    with pytest.raises(BadReport):
        create(about="model")
    with pytest.raises(BadReport):
        create(model="churn")
    for ref in ("churn/versions/1", "churn@champion"):
        with pytest.raises(BadReport, match="all of its versions"):
            create(about="model", model=ref)
    with pytest.raises(OperatorsOnly):
        create(about="platform")
    settings.EMAIL_CONFIGURED = False
    with pytest.raises(BadReport, match="EMAIL_URL"):
        create()
    assert not Report.objects.exists()


def test_an_operator_gets_the_platform(olga: User, inbox: Inbox, clock: FrozenClock) -> None:
    report = services.create_report(
        actor=actor_for_user(olga, via="jwt"), about="platform", every="day"
    )
    clock.now = report.due_at
    services.send_due_reports()
    assert "the platform" in inbox.last["Subject"]


def test_reports_are_listed_sent_and_cancelled_by_the_api(
    actor: Actor, alice: User, client_for: Callable[[User], APIClient], inbox: Inbox
) -> None:
    client = client_for(alice)
    made = client.post("/api/v1/reports", {"about": "dashboard", "every": "month"})
    assert made.status_code == 201, made.json()
    address = f"/api/v1/reports/{made.json()['id']}"
    assert client.get("/api/v1/reports").json()["count"] == 1
    assert client.post(f"{address}/send").status_code == 202
    assert services.send_due_reports() == 1
    assert len(inbox.messages) == 1
    assert client.delete(address).status_code == 204
    assert client.get(address).status_code == 404
