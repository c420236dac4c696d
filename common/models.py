"""The outbox, and what every table of ours has."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from common import clock
from common.ids import uuid7


class Record(models.Model):
    """A row with a UUIDv7 key and the two times every resource shows."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    updated_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        abstract = True

    def touch(self, *fields: str) -> None:
        """Write the named fields and `updated_at`, and nothing else."""
        self.updated_at = clock.now()
        self.save(update_fields=[*fields, "updated_at"])


class EventRecord(models.Model):
    """One thing that happened, written in the transaction that made it happen.

    The row is the outbox: a worker hands it to the subscribers after the commit, and a sweeper
    finds those a crash left. It is also the audit trail, so rows are not changed but for
    `dispatched_at`.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    type = models.CharField(max_length=100)
    organization_id = models.UUIDField(null=True, blank=True)
    actor_id = models.UUIDField(null=True, blank=True)
    subject_id = models.UUIDField(null=True, blank=True, help_text="What it happened to.")
    payload = models.JSONField(default=dict)
    via = models.CharField(max_length=10, blank=True, help_text="By which kind of credential.")
    key_id = models.UUIDField(null=True, blank=True)
    address = models.GenericIPAddressField(null=True, blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(default=clock.now)
    dispatched_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveIntegerField(default=0)

    objects: ClassVar[models.Manager[EventRecord]] = models.Manager()

    class Meta:
        verbose_name = "event"
        ordering = ("-id",)
        indexes = [
            models.Index(fields=["organization_id", "-id"], name="event_by_organization"),
            models.Index(fields=["actor_id", "-id"], name="event_by_actor"),
            models.Index(fields=["subject_id", "-id"], name="event_by_subject"),
            models.Index(
                fields=["id"],
                name="event_undispatched",
                condition=models.Q(dispatched_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.id}"
