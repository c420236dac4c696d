"""One clock: a second beat waits until the first is gone."""

from __future__ import annotations

import time

import structlog
from django.db import OperationalError, connection

logger = structlog.get_logger(__name__)

LOCK = 0x511B_A2
RETRY_EVERY = 5.0  # seconds


def be_the_only_one() -> None:
    """Return once this process holds the lock; it keeps it as long as its connection lives.

    A beat that lost its database goes on ticking and may then not be alone; that does no harm,
    since what beat sends looks into the rows before it does anything.
    """
    while not take_lock():
        logger.info("beat_waits")
        time.sleep(RETRY_EVERY)


def take_lock() -> bool:
    """Take PostgreSQL's advisory lock for this session, if nobody has it."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK])
            return bool(cursor.fetchone()[0])
    except OperationalError as error:
        logger.warning("beat_without_database", error=str(error))
        connection.close()
        return False
