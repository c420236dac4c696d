"""The Celery application: `celery -A config worker`, `celery -A config beat`."""

from __future__ import annotations

import os
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

from celery import Celery
from celery.signals import (
    beat_init,
    before_task_publish,
    setup_logging,
    task_postrun,
    task_prerun,
    worker_process_init,
)

NICE = 10

app = Celery("slipway")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def configure_logging(**_: Any) -> None:
    """Keep Celery's hands off logging: Django has set it up."""
    import logging.config

    from django.conf import settings

    logging.config.dictConfig(settings.LOGGING)


@task_prerun.connect
def check_connections(**_: Any) -> None:
    """Drop a database connection that died since the last task.

    CELERY_DB_REUSE_MAX keeps connections between tasks; without this, every task after a restart
    of PostgreSQL would fail.
    """
    from django.db import close_old_connections

    close_old_connections()


@beat_init.connect
def wait_for_the_clock(**_: Any) -> None:
    """Tick only while no other beat does."""
    from config.beat import be_the_only_one

    be_the_only_one()


@worker_process_init.connect
def die_with_the_main_process(**_: Any) -> None:
    """A pool process whose main process was killed must not go on alone."""
    from config.process import die_with_parent

    die_with_parent()
    from config.telemetry import start_telemetry

    start_telemetry("worker")
    # On a machine they share, answers come before what is done about them later.
    os.nice(NICE)


@before_task_publish.connect
def send_request_along(headers: dict[str, Any] | None = None, **_: Any) -> None:
    """Every message carries the id of the request it came of, and its trace."""
    if headers is not None:
        from common.tasking import headers_to_send

        headers |= headers_to_send()


@task_prerun.connect
def begin_task(task: Any = None, task_id: str = "", **_: Any) -> None:
    """What a task logs and publishes carries the id of the request that asked for it."""
    from common.tasking import begin

    begin(task, task_id)


@task_postrun.connect
def end_task(task: Any = None, task_id: str = "", state: str | None = None, **_: Any) -> None:
    """The task enters the figures."""
    from common.tasking import end

    end(task, task_id, state or "")
