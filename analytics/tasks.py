"""Analytics' Celery tasks."""

from __future__ import annotations

from celery import shared_task

from analytics import services


@shared_task
def send_reports() -> int:
    """Send the reports that are due; returns how many."""
    return services.send_due_reports()
