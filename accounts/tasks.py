"""What accounts do by the clock."""

from __future__ import annotations

from celery import shared_task

from accounts import services


@shared_task
def sweep_email_tokens() -> int:
    """Delete what is left of mails whose links are too old to use."""
    return services.sweep_email_tokens()


@shared_task
def sweep_sessions() -> int:
    """Delete what is left of sessions that ended a month ago."""
    return services.sweep_sessions()
