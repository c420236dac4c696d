"""The Celery tasks of accounts: mails, sweeping sessions, the check of the audit trail."""

from __future__ import annotations

from datetime import timedelta
from smtplib import SMTPException
from uuid import UUID

import structlog
from celery import shared_task
from kombu.exceptions import OperationalError

from accounts import services
from accounts.models import DigestKind
from accounts.services import audit, digests

logger = structlog.get_logger(__name__)

SWEEP_AFTER = timedelta(seconds=30)


def send_mail_of(notification_id: UUID) -> None:
    """Ask a worker to mail a notification. A broker that is away is the sweeper's to make good."""
    try:
        mail_notification.apply_async(args=(str(notification_id),), retry=False)
    except OperationalError as error:
        logger.warning("mail_not_asked_for", notification=str(notification_id), error=str(error))


@shared_task
def mail_notification(notification_id: str) -> bool:
    """Send the e-mail of one notification; the sweeper tries again where no server takes it."""
    try:
        return digests.mail_notification(UUID(notification_id))
    except (SMTPException, OSError) as error:
        logger.warning("mail_not_sent", notification=notification_id, error=str(error))
        return False


@shared_task
def sweep_mails() -> int:
    """Ask again for e-mails that did not leave; returns how many."""
    left = digests.unsent(older_than=SWEEP_AFTER)
    for notification_id in left:
        send_mail_of(notification_id)
    return len(left)


@shared_task
def send_digests() -> int:
    """Ask for the digests that are due; returns how many."""
    due = [
        (user_id, kind)
        for kind in (DigestKind.DAILY, DigestKind.WEEKLY)
        for user_id in digests.due_digests(kind)
    ]
    for user_id, kind in due:
        mail_digest.delay(str(user_id), str(kind))
    return len(due)


@shared_task
def mail_digest(user_id: str, kind: str) -> int:
    """Send one person's digest; where no server takes it, all waits for the next period."""
    try:
        return digests.mail_digest(UUID(user_id), kind)
    except (SMTPException, OSError) as error:
        logger.warning("digest_not_sent", user=user_id, kind=kind, error=str(error))
        return 0


@shared_task
def check_audit() -> int:
    """Verify the audit trail; returns how many breaks there are."""
    return audit.check_audit().broken


@shared_task
def retain_notifications() -> int:
    """Drop old notifications; returns how many."""
    return services.drop_old_notifications()


@shared_task
def sweep_email_tokens() -> int:
    """Delete what is left of mails whose links are too old to use."""
    return services.sweep_email_tokens()


@shared_task
def sweep_sessions() -> int:
    """Delete what is left of sessions that ended a month ago."""
    return services.sweep_sessions()


@shared_task
def judge_failed_log_in(email_key: str, address: str, tries: int) -> None:
    """Look at a wrong password: tell its person, and see whether it is one of very many."""
    services.judge_failed_log_in(email_key, address, tries)


@shared_task
def judge_key_scan(address: str, keys: int, seconds: int) -> None:
    """Look at an address that tries keys."""
    services.judge_key_scan(address, keys, seconds)
