"""Webhooks as people set them up, and how each one's receiver fares."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q

from common import clock
from common.models import Record
from registry.models import Model
from webhooks.catalogue import model_types

if TYPE_CHECKING:
    from accounts.actors import Actor

MAX_WEBHOOKS: Final = 50  # of one organization
MAX_TIMEOUT_S: Final = 30
MAX_ATTEMPTS: Final = 20
MAX_CONCURRENCY: Final = 16
MAX_DELAY_S: Final = 86_400
MAX_BATCH_S: Final = 3600


class Status(models.TextChoices):
    ACTIVE = "active", "active"
    PAUSED = "paused", "paused"  # by a person
    DISABLED = "disabled", "disabled"  # by itself; `disabled_reason` says why


class WebhookQuerySet(models.QuerySet["Webhook"]):
    def visible_to(self, actor: Actor) -> WebhookQuerySet:
        """Those the actor may manage: a URL may be a secret, and so may be what is sent there.

        All of them for owners and admins; for members those that tell of models alone; for a key
        of some models, theirs.
        """
        members = [id_ for id_, role in actor.roles.items() if role == "member"]
        about_models_alone = Q(events__contained_by=model_types())
        rows = self.filter(
            Q(organization_id__in=actor.administered_ids)
            | Q(organization_id__in=members) & about_models_alone,
            deleted_at=None,
        )
        if not actor.model_refs:
            return rows
        return rows.filter(model_id__in=Model.objects.visible_to(actor).values("id"))

    def hearing(self, organization_id: UUID, type_: str) -> WebhookQuerySet:
        """The active ones of an organization that want this type."""
        wanted = Q(events__contains=[type_]) | Q(events__contains=["*"])
        return self.filter(
            wanted, organization_id=organization_id, status=Status.ACTIVE, deleted_at=None
        )


class Webhook(Record):
    """Where an organization wants to be told of what happens, of what, and how patiently."""

    organization = models.ForeignKey(
        "accounts.Organization", on_delete=models.CASCADE, related_name="+"
    )
    created_by = models.ForeignKey(
        "accounts.User", on_delete=models.SET_NULL, null=True, related_name="+"
    )
    url = models.CharField(max_length=2048)
    description = models.CharField(max_length=500, blank=True)
    events = ArrayField(models.CharField(max_length=100))
    model = models.ForeignKey(
        "registry.Model", on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.ACTIVE)
    disabled_reason = models.CharField(max_length=200, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)

    timeout_s = models.PositiveSmallIntegerField(default=15)
    max_attempts = models.PositiveSmallIntegerField(default=10)
    retry_delays_s = ArrayField(models.PositiveIntegerField(), default=list, blank=True)
    concurrency = models.PositiveSmallIntegerField(default=4)
    # Predictions come in batches: one at most in so many seconds, of so many percent of them.
    batch_s = models.PositiveSmallIntegerField(default=10)
    sample_percent = models.PositiveSmallIntegerField(default=100)

    signing_secret = models.BinaryField(editable=False)
    previous_secret = models.BinaryField(null=True, blank=True, editable=False)
    previous_until = models.DateTimeField(null=True, blank=True, editable=False)

    objects = WebhookQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        indexes = [
            models.Index(
                fields=["organization", "-id"],
                name="webhook_by_organization",
                condition=Q(deleted_at=None),
            ),
            GinIndex(
                fields=["events"],
                name="webhook_by_event",
                condition=Q(deleted_at=None, status="active"),
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(timeout_s__gte=1, timeout_s__lte=MAX_TIMEOUT_S),
                name="webhook_timeout_bounded",
            ),
            models.CheckConstraint(
                condition=Q(max_attempts__gte=1, max_attempts__lte=MAX_ATTEMPTS),
                name="webhook_attempts_bounded",
            ),
            models.CheckConstraint(
                condition=Q(concurrency__gte=1, concurrency__lte=MAX_CONCURRENCY),
                name="webhook_concurrency_bounded",
            ),
            models.CheckConstraint(
                condition=Q(sample_percent__gte=1, sample_percent__lte=100),
                name="webhook_sample_bounded",
            ),
            models.CheckConstraint(condition=~Q(events=[]), name="webhook_hears_something"),
        ]

    def __str__(self) -> str:
        return self.host

    @property
    def host(self) -> str:
        """What events, lists and operators see of the URL: its path may be a secret."""
        return urlsplit(self.url).hostname or ""


class Channel(models.Model):
    """How one webhook's receiver fares. Written with every turn of a sender; never by people.

    `due_at` is when something may be sent next; null where nothing waits. The breaker is open
    until `open_until`; after it one delivery goes out, on trial.
    """

    webhook = models.OneToOneField(
        Webhook, on_delete=models.CASCADE, primary_key=True, related_name="channel"
    )
    due_at = models.DateTimeField(null=True, blank=True)
    served_at = models.DateTimeField(null=True, blank=True)
    open_until = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveIntegerField(default=0, help_text="In a row.")
    failing_since = models.DateTimeField(null=True, blank=True)
    last_triggered_at = models.DateTimeField(null=True, blank=True)
    last_succeeded_at = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=500, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["due_at"], name="channel_due", condition=Q(due_at__isnull=False)),
            models.Index(
                fields=["failing_since"],
                name="channel_failing",
                condition=Q(failing_since__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return str(self.webhook_id)

    @property
    def health(self) -> str:
        """`ok`, `failing` since the last attempt, or `resting` while the breaker is open."""
        if self.failures == 0:
            return "ok"
        resting = self.open_until is not None and self.open_until > clock.now()
        return "resting" if resting else "failing"
