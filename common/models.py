"""The outbox and its seals, and what every table of ours has."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.fields.json import KT

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
            # Whom it is about, where the subject is a thing of theirs, such as a key.
            models.Index(KT("payload__user_id"), models.F("id").desc(), name="event_by_person"),
            models.Index(
                fields=["id"],
                name="event_undispatched",
                condition=models.Q(dispatched_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.id}"


class AuditSeal(models.Model):
    """An event's place in its organization's chain; the platform's own where there is none.

    `hash` is over `prev_hash` and the event (`common.audit.canonical`). Rows are only ever added:
    the application's role in the database may do nothing else with them. The event is named, not
    referred to: a seal must outlive an event that somebody takes away, to tell of it.
    """

    event_id = models.UUIDField(unique=True)
    organization_id = models.UUIDField(null=True, blank=True)
    number = models.BigIntegerField(help_text="From 1 up, without a gap, in each chain.")
    prev_hash = models.BinaryField(max_length=32)
    hash = models.BinaryField(max_length=32, db_index=True)
    xact = models.BigIntegerField(help_text="The transaction that wrote the event.")
    sealed_at = models.DateTimeField()

    objects: ClassVar[models.Manager[AuditSeal]] = models.Manager()

    class Meta:
        verbose_name = "audit seal"
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(
                fields=["organization_id", "number"],
                nulls_distinct=False,
                name="audit_seal_number_unique",
            ),
            models.CheckConstraint(condition=models.Q(number__gte=1), name="audit_seal_numbered"),
        ]

    def __str__(self) -> str:
        return f"{self.organization_id or 'platform'} {self.number}"
