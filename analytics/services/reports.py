"""Reports: asked for, and sent when they are due."""

from __future__ import annotations

import smtplib
from datetime import datetime, timedelta
from typing import Final

import structlog
from django.conf import settings
from django.db import transaction

from accounts.actors import Actor, actor_for_user
from accounts.mail import Attachment, send_mail_to
from accounts.permissions import check_operator
from analytics.documents import Document, document
from analytics.errors import BadReport
from analytics.events import ReportCreated, ReportDeleted
from analytics.models import About, Every, Report
from analytics.periods import Period, parse_period
from common import clock
from common.errors import DomainError, Fault
from common.events import publish
from registry.models import Model
from registry.refs import parse_ref
from registry.selectors import get_model

logger = structlog.get_logger(__name__)

MOST_REPORTS: Final = 20  # of one person
# The morning after: at midnight the last calls of the day may still be on their way.
HOUR: Final = 6
AGAIN: Final = timedelta(minutes=10)


@transaction.atomic
def create_report(
    *, actor: Actor, about: str, every: str, tz: str = "UTC", model: str = ""
) -> Report:
    """Mail figures to the actor's own address at the end of every day, week or month.

    Raises BadReport, BadPeriod for a zone there is not, ModelNotFound, OperatorsOnly.
    """
    if not settings.EMAIL_CONFIGURED:
        raise BadReport("This installation sends no mail: an operator can set EMAIL_URL.")
    if (about == About.MODEL) != bool(model):
        message = "Name a model for a report of a model, and none for another."
        raise BadReport(message, errors=[Fault("/model", message, "one_of")])
    if about == About.PLATFORM:
        check_operator(actor)
    if Report.objects.filter(user=actor.user).count() >= MOST_REPORTS:
        raise BadReport(f"A person has at most {MOST_REPORTS} reports.")
    subject = _subject(actor, model) if model else None
    report = Report(user=actor.user, about=about, every=every, tz=tz, model=subject)
    document(report, actor, _period(report, clock.now()))  # refuses what would be refused later
    report.due_at = _next(report, clock.now())
    report.save(force_insert=True)
    publish(
        ReportCreated(report_id=report.id, about=about, every=every),
        actor_id=actor.id,
        organization_id=actor.organization.id,
    )
    return report


@transaction.atomic
def delete_report(report: Report, *, actor: Actor) -> None:
    """Send it no more."""
    publish(
        ReportDeleted(report_id=report.id, about=report.about),
        actor_id=actor.id,
        organization_id=actor.organization.id,
    )
    report.delete()


@transaction.atomic
def send_report_now(report: Report, *, actor: Actor) -> None:
    """Have it sent within a minute, whatever its turn."""
    Report.objects.filter(id=report.id, user_id=actor.id).update(due_at=clock.now())


def send_due_reports() -> int:
    """Send what is due; returns how many. Each is locked while it is sent.

    A worker that is killed between sending and noting it sends that one again.
    """
    sent = 0
    while _send_one():
        sent += 1
    return sent


@transaction.atomic
def _send_one() -> bool:
    due = Report.objects.select_for_update(skip_locked=True, of=("self",)).filter(
        due_at__lte=clock.now()
    )
    report = due.select_related("user", "model__organization").order_by("due_at").first()
    if report is None:
        return False
    now = clock.now()
    try:
        with transaction.atomic():
            actor = actor_for_user(report.user)
            _mail(report, document(report, actor, _period(report, now)))
    except (DomainError, TypeError) as error:
        # It may not be seen any more, or whoever wanted it is gone.
        report.last_error, report.due_at = str(error)[:500], _next(report, now)
    except (OSError, smtplib.SMTPException) as error:
        logger.warning("report_not_sent", report_id=str(report.id), error=str(error))
        report.last_error, report.due_at = "The mail could not be sent.", now + AGAIN
    except Exception:  # a fault of ours in one report must not hold up everybody's
        logger.exception("report_failed", report_id=str(report.id))
        report.last_error, report.due_at = "The report could not be made.", _next(report, now)
    else:
        report.last_error, report.last_sent_at, report.due_at = "", now, _next(report, now)
    report.touch("last_error", "last_sent_at", "due_at")
    return True


def _mail(report: Report, made: Document) -> None:
    send_mail_to(
        report.user.email,
        "analytics/mail/report",
        {"report": report, "made": made},
        attachments=[
            Attachment(f"{made.name}.csv", made.csv, "text/csv"),
            Attachment(f"{made.name}.pdf", made.pdf, "application/pdf"),
        ],
    )


def _period(report: Report, now: datetime) -> Period:
    """The last whole day, week (from Monday) or month, in the report's zone."""
    zone = parse_period({"tz": report.tz}).zone
    today = now.astimezone(zone).date()
    if report.every == Every.DAY:
        first, last = today - timedelta(days=1), today - timedelta(days=1)
    elif report.every == Every.WEEK:
        first = today - timedelta(days=today.weekday() + 7)
        last = first + timedelta(days=6)
    else:
        last = today.replace(day=1) - timedelta(days=1)
        first = last.replace(day=1)
    resolution = "hour" if report.every == Every.DAY else "day"
    return parse_period(
        {
            "from": first.isoformat(), "to": last.isoformat(), "tz": report.tz,
            "resolution": resolution,
        }
    )  # fmt: skip


def _next(report: Report, now: datetime) -> datetime:
    """The next morning after a day, week or month of the report's zone has ended."""
    zone = parse_period({"tz": report.tz}).zone
    local = now.astimezone(zone)
    day = local.date()
    while True:
        day += timedelta(days=1)
        begins = (
            report.every == Every.DAY
            or (report.every == Every.WEEK and day.weekday() == 0)
            or (report.every == Every.MONTH and day.day == 1)
        )
        if begins:
            return datetime(day.year, day.month, day.day, HOUR, tzinfo=zone)


def _subject(actor: Actor, ref: str) -> Model:
    parsed = parse_ref(ref)
    if parsed.number is not None or parsed.alias:
        message = "A report is about a model with all of its versions; it lists each of them."
        raise BadReport(message, errors=[Fault("/model", message, "whole_model")])
    return get_model(actor, parsed)
