"""A job's steps in a process that is not ours: a Dask worker, which knows nothing of Django."""

from __future__ import annotations


def work(job_id: str) -> None:
    """Do steps of a job. Wants Slipway's environment: its settings, database and files."""
    import os

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django
    from django.apps import apps

    if not apps.ready:
        django.setup()
    from uuid import UUID

    from django.db import close_old_connections, connection

    from inference.bulk.work import work_off

    close_old_connections()
    try:
        work_off(UUID(job_id))
    finally:
        connection.close()  # this thread may never come again
