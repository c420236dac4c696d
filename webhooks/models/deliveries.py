"""What is sent: messages, one delivery of each for every webhook that wants it, attempts at it."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q

from common import clock
from common.ids import uuid7


class Message(models.Model):
    """What is told, once for all who hear of it. `body` is sent byte for byte, every time."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(
        "accounts.Organization", on_delete=models.CASCADE, related_name="+", db_index=False
    )
    event_id = models.UUIDField(
        null=True, blank=True, help_text="The event it tells of; null for batches and tests."
    )
    type = models.CharField(max_length=100)
    body = models.TextField()
    request_id = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(default=clock.now)

    objects: ClassVar[models.Manager[Message]] = models.Manager()

    class Meta:
        ordering = ("-id",)
        constraints = [
            # One event is one message, however often it is fanned out.
            models.UniqueConstraint(fields=["event_id"], name="message_of_one_event")
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.id}"


class DeliveryState(models.TextChoices):
    WAITING = "waiting", "waiting"
    SENDING = "sending", "sending"
    DELIVERED = "delivered", "delivered"
    FAILED = "failed", "failed"  # no attempt is left
    CANCELLED = "cancelled", "cancelled"  # the webhook is gone, or its receiver said so


class Delivery(models.Model):
    """One message to one webhook. A sender holds it by `lane` until `lease_until`.

    `attempts` counts every try there ever was, so that it fences: a result is taken from the
    sender whose attempt it was, and from no other. `attempts_allowed` is where trying ends,
    `attempts_before` where the last replay began: waits begin anew with it.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="deliveries")
    webhook = models.ForeignKey(
        "webhooks.Webhook", on_delete=models.CASCADE, related_name="+", db_index=False
    )
    state = models.CharField(
        max_length=10, choices=DeliveryState.choices, default=DeliveryState.WAITING
    )
    due_at = models.DateTimeField(default=clock.now)
    attempts = models.PositiveIntegerField(default=0)
    attempts_before = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    attempts_allowed = models.PositiveIntegerField()
    lane = models.UUIDField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    status = models.PositiveSmallIntegerField(null=True, blank=True, help_text="The last answer's.")
    error = models.CharField(max_length=500, blank=True, help_text="Why the last attempt failed.")
    created_at = models.DateTimeField(default=clock.now)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[models.Manager[Delivery]] = models.Manager()

    class Meta:
        verbose_name_plural = "deliveries"
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(fields=["message", "webhook"], name="delivery_once"),
        ]
        indexes = [
            models.Index(fields=["webhook", "-id"], name="delivery_by_webhook"),
            models.Index(
                fields=["webhook", "due_at", "id"],
                name="delivery_waiting",
                condition=Q(state="waiting"),
            ),
            models.Index(
                fields=["webhook", "lease_until"],
                name="delivery_sending",
                condition=Q(state="sending"),
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)


class Attempt(models.Model):
    """One try: what was sent, and what came back."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="tries")
    number = models.PositiveIntegerField()
    at = models.DateTimeField()
    duration_ms = models.FloatField()
    request_headers: models.JSONField[dict[str, Any]] = models.JSONField(default=dict)
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    code = models.CharField(max_length=30, blank=True, help_text="Why there was no answer.")
    error = models.CharField(max_length=500, blank=True)
    response_headers: models.JSONField[dict[str, Any]] = models.JSONField(default=dict)
    response_body = models.TextField(blank=True)
    response_hidden = models.BooleanField(
        default=False, help_text="It came from an address that is not public."
    )

    objects: ClassVar[models.Manager[Attempt]] = models.Manager()

    class Meta:
        ordering = ("number",)
        constraints = [
            models.UniqueConstraint(fields=["delivery", "number"], name="attempt_numbered")
        ]

    def __str__(self) -> str:
        return f"{self.delivery_id} {self.number}"


class PredictionTray(models.Model):
    """Predictions on their way to one webhook, until the next batch of theirs is due."""

    webhook = models.ForeignKey(
        "webhooks.Webhook", on_delete=models.CASCADE, related_name="+", db_index=False
    )
    type = models.CharField(max_length=100)
    since = models.DateTimeField()
    first_at = models.DateTimeField(null=True, help_text="When the first of them was asked.")
    count = models.PositiveBigIntegerField(default=0, help_text="All of them.")
    chosen = models.PositiveBigIntegerField(default=0, help_text="Those in the sample.")
    items: models.JSONField[list[dict[str, Any]]] = models.JSONField(default=list)

    objects: ClassVar[models.Manager[PredictionTray]] = models.Manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["webhook", "type"], name="tray_of_one_type")]

    def __str__(self) -> str:
        return f"{self.type} {self.webhook_id}"
