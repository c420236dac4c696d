"""The platform's own Celery tasks: measuring itself."""

from __future__ import annotations

from celery import shared_task

from config import heartbeat, metrics


@shared_task
def sample_metrics() -> None:
    """Keep this minute's figures."""
    metrics.sample()


@shared_task
def roll_up_metrics() -> int:
    """Sum up the hours that are over; returns how many."""
    return metrics.roll_up()


@shared_task
def send_heartbeat() -> bool:
    """Tell HEARTBEAT_URL that this installation lives; whether it was heard."""
    return heartbeat.ping()
