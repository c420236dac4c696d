"""Rows that are work: claimed in the database, renewed while one works, fenced when writing.

A queue message may come twice or never, and a worker may be killed at any moment or merely be
slow. So the row decides: who claimed it holds it until the lease runs out, and every write checks
that the fencing token is still the holder's own.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Generic, Self, TypeVar

import structlog
from django.db import DatabaseError, connection, models, transaction
from django.db.models import Q, QuerySet

from common import clock
from common.ids import uuid7

logger = structlog.get_logger(__name__)

LEASE = timedelta(seconds=15)
RENEW_EVERY = 4.0  # seconds


class LeaseLost(Exception):
    """Somebody else holds the row now; whoever sees this stops without a word."""


class Leased(models.Model):
    """A row that one worker holds at a time, by a lease it keeps renewing."""

    class State(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        DONE = "done"

    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    attempts = models.PositiveIntegerField(default=0)
    token = models.UUIDField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    not_before = models.DateTimeField(default=clock.now)

    class Meta:
        abstract = True

    def release(self, state: str, *, not_before: datetime | None = None) -> None:
        """Hold it no more. Within `Lease.write`."""
        self.state = state
        self.token = self.lease_until = None
        if not_before is not None:
            self.not_before = not_before


HAS_LEASE = ~Q(state="running") | (Q(token__isnull=False) & Q(lease_until__isnull=False))
"""For a table's constraint: what runs is held by somebody."""

Row = TypeVar("Row", bound=Leased)


def claimable() -> Q:
    """Rows that wait and whose time has come, or that were left by a holder that is gone."""
    now = clock.now()
    return Q(state=Leased.State.QUEUED, not_before__lte=now) | Q(
        state=Leased.State.RUNNING, lease_until__lt=now
    )


@transaction.atomic
def claim(rows: QuerySet[Row]) -> Row | None:
    """Take the first of these that can be claimed; None where there is none.

    Rows that somebody is just claiming are passed over, not waited for.
    """
    row = rows.filter(claimable()).select_for_update(skip_locked=True, of=("self",)).first()
    if row is None:
        return None
    row.state = Leased.State.RUNNING
    row.token = uuid7()
    row.lease_until = clock.now() + LEASE
    row.attempts += 1
    row.save(update_fields=["state", "token", "lease_until", "attempts"])
    return row


class Lease(Generic[Row]):
    """Keeps a claimed row claimed while the block runs, from a thread of its own."""

    def __init__(self, row: Row) -> None:
        self._rows: QuerySet[Row] = type(row)._default_manager.filter(pk=row.pk, token=row.token)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="lease", daemon=True)
        self._name = str(row.pk)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    @contextlib.contextmanager
    def write(self) -> Iterator[Row]:
        """A transaction that commits only while the row is ours; LeaseLost otherwise."""
        with transaction.atomic():
            row = self._rows.select_for_update().first()
            if row is None:
                raise LeaseLost
            yield row

    def _renew(self) -> None:
        try:
            while not self._over.wait(RENEW_EVERY):
                try:
                    self._rows.filter(state=Leased.State.RUNNING).update(
                        lease_until=clock.now() + LEASE
                    )
                except DatabaseError as error:
                    # The next renewal may do; if none does, the lease runs out and others go on.
                    logger.warning("lease_not_renewed", row=self._name, error=str(error))
                    connection.close()
        finally:
            connection.close()
