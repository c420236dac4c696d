"""Webhooks' Celery tasks: sending, and what the clock does."""

from __future__ import annotations

from celery import shared_task

from webhooks import services
from webhooks.sender import Sender
from webhooks.waking import start_sender


@shared_task
def send_due() -> int:
    """Send what is due, until nothing is; returns the attempts made."""
    return Sender().send()


@shared_task
def sweep_deliveries() -> None:
    """Put back what dead senders held, and start a sender where something is due."""
    services.reclaim()
    if services.wake_overdue():
        start_sender()


@shared_task
def send_prediction_batches() -> int:
    """Send the batches of predictions that are due; returns how many."""
    return services.send_prediction_batches()


@shared_task
def disable_failing() -> int:
    """Turn off webhooks whose receivers have failed for days; returns how many."""
    return services.disable_failing()


@shared_task
def retain_messages() -> int:
    """Drop messages that are too old; returns how many."""
    return services.drop_old()
