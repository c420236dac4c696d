"""What the routes of webhooks take and give."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from accounts.api.serializers import PlainText
from common.api.pagination import CursorInput, CursorPageOutput
from common.api.serializers import Input, Output
from webhooks.models import (
    MAX_ATTEMPTS,
    MAX_CONCURRENCY,
    MAX_DELAY_S,
    MAX_TIMEOUT_S,
    DeliveryState,
    Status,
    Webhook,
)
from webhooks.models.webhooks import MAX_BATCH_S
from webhooks.selectors import WantedDeliveries

MIN_BATCH_S = 5
MAX_OVERLAP_S = 7 * 86_400


class PolicyInput(Input):
    """How patiently a webhook is served; each has a default."""

    description = PlainText(
        max_length=500, required=False, allow_blank=True, help_text="For people to read."
    )
    timeout_s = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=MAX_TIMEOUT_S,
        help_text="Seconds for one attempt, all told. Default 15.",
    )
    max_attempts = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=MAX_ATTEMPTS,
        help_text="Tries at a message before it counts as failed. Default 10.",
    )
    retry_delays_s = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=MAX_DELAY_S),
        required=False,
        max_length=MAX_ATTEMPTS,
        help_text="Seconds to wait after each failed attempt, the last one repeating; each is "
        "spread by a fifth. Default 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h.",
    )
    concurrency = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=MAX_CONCURRENCY,
        help_text="Connections to the receiver at once. Default 4.",
    )
    batch_s = serializers.IntegerField(
        required=False,
        min_value=MIN_BATCH_S,
        max_value=MAX_BATCH_S,
        help_text="Predictions come as one message in so many seconds at most. Default 10.",
    )
    sample_percent = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=100,
        help_text="Of so many percent of the predictions a batch tells; all are counted. "
        "Default 100.",
    )


class WebhookInput(PolicyInput):
    url = serializers.CharField(
        max_length=2048, help_text="Where to send to: https://example.org/hook."
    )
    events = serializers.ListField(
        child=serializers.CharField(max_length=100),
        min_length=1,
        max_length=200,
        help_text='Types of GET /webhooks/event-types, or `["*"]` for every one.',
    )
    model = serializers.CharField(
        required=False,
        allow_null=True,
        allow_blank=True,
        max_length=200,
        default="",
        help_text="A model's reference: what concerns this model alone.",
    )
    organization = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=100,
        default="",
        help_text="Whose events, by slug or id. Default: the model's, else the caller's.",
    )

    def validate_model(self, value: str | None) -> str:
        return value or ""


class WebhookUpdateInput(PolicyInput):
    url = serializers.CharField(max_length=2048, required=False, help_text="Where to send to.")
    events = serializers.ListField(
        child=serializers.CharField(max_length=100),
        required=False,
        min_length=1,
        max_length=200,
        help_text="All the types to tell of.",
    )
    model = serializers.CharField(
        required=False, allow_null=True, max_length=200, help_text="One model, or null for all."
    )
    active = serializers.BooleanField(
        required=False, help_text="False pauses it; true turns it on, also after it was disabled."
    )


class WebhookOutput(Output):
    id = serializers.UUIDField(help_text="The webhook's id.")
    organization = serializers.CharField(source="organization.slug", help_text="Whose it is.")
    url = serializers.CharField(help_text="Where it leads.")
    description = serializers.CharField(help_text="For people to read.")
    events = serializers.ListField(
        child=serializers.CharField(), help_text="What it is told of; `*` for everything."
    )
    model = serializers.SerializerMethodField(help_text="The one model it is about, or null.")
    status = serializers.ChoiceField(
        Status.choices, help_text="`active`, `paused` by a person or `disabled` by itself."
    )
    disabled_reason = serializers.CharField(help_text="Why it was turned off by itself.")
    timeout_s = serializers.IntegerField(help_text="Seconds for one attempt.")
    max_attempts = serializers.IntegerField(help_text="Tries at a message.")
    retry_delays_s = serializers.ListField(
        child=serializers.IntegerField(), help_text="Its own schedule; empty for the usual one."
    )
    concurrency = serializers.IntegerField(help_text="Connections at once.")
    batch_s = serializers.IntegerField(help_text="Seconds from one batch to the next.")
    sample_percent = serializers.IntegerField(help_text="Share of predictions told of.")
    previous_secret_until = serializers.DateTimeField(
        source="previous_until", allow_null=True, help_text="Until when the old secret signs too."
    )
    health = serializers.SerializerMethodField(
        help_text="`ok`, `failing` since its last attempt, or `resting`: after ten failures in a "
        "row one delivery a minute goes out on trial."
    )
    last_triggered_at = serializers.DateTimeField(
        source="channel.last_triggered_at", allow_null=True, help_text="The latest attempt."
    )
    last_succeeded_at = serializers.DateTimeField(
        source="channel.last_succeeded_at", allow_null=True, help_text="The latest success."
    )
    last_error = serializers.CharField(
        source="channel.last_error", help_text="What went wrong last; empty when all is well."
    )
    created_at = serializers.DateTimeField(help_text="When it was set up.")
    updated_at = serializers.DateTimeField(help_text="When it was changed last.")

    def get_model(self, row: Webhook) -> str | None:
        model = row.model
        return f"{model.organization.slug}/{model.name}" if model is not None else None

    def get_health(self, row: Webhook) -> str:
        return row.channel.health


class NewWebhookOutput(WebhookOutput):
    secret = serializers.CharField(
        help_text="Verifies signatures (Standard Webhooks). Shown this once."
    )


class NoInput(Input):
    """Nothing: a field that is given is refused by its name."""


class RotateInput(Input):
    overlap_seconds = serializers.IntegerField(
        default=86_400,
        min_value=0,
        max_value=MAX_OVERLAP_S,
        help_text="For how long the old secret signs too. Default: a day.",
    )


class NewSecretOutput(Output):
    secret = serializers.CharField(help_text="The new secret. Shown this once.")
    previous_secret_until = serializers.DateTimeField(
        allow_null=True, help_text="Until when the old one signs too."
    )


class EventTypeOutput(Output):
    name = serializers.CharField(help_text="The type, as in `events`.")
    description = serializers.CharField(help_text="What it tells.")
    schema: Any = serializers.JSONField(help_text="JSON Schema of the message's `data`.")
    example: Any = serializers.JSONField(help_text="A `data` as it may come.")


class DeliveryOutput(Output):
    id = serializers.UUIDField(help_text="The delivery's id.")
    message_id = serializers.UUIDField(help_text="`webhook-id`: the same with every attempt.")
    type = serializers.CharField(source="message.type", help_text="What it tells of.")
    state = serializers.ChoiceField(
        DeliveryState.choices,
        help_text="`waiting`, `sending`, `delivered`, `failed` when no try is left, `cancelled`.",
    )
    attempts = serializers.IntegerField(help_text="Tries so far.")
    attempts_allowed = serializers.IntegerField(help_text="Where trying ends.")
    status = serializers.IntegerField(allow_null=True, help_text="The last answer's HTTP status.")
    error = serializers.CharField(help_text="Why the last attempt failed.")
    due_at = serializers.DateTimeField(help_text="When it is tried next, while it waits.")
    created_at = serializers.DateTimeField(help_text="When it was made.")
    finished_at = serializers.DateTimeField(allow_null=True, help_text="When it was over.")


class AttemptOutput(Output):
    number = serializers.IntegerField(help_text="From 1 up.")
    at = serializers.DateTimeField(help_text="When it began.")
    duration_ms = serializers.FloatField(help_text="Milliseconds until its end.")
    request_headers: Any = serializers.JSONField(help_text="What was sent along.")
    status = serializers.IntegerField(allow_null=True, help_text="The answer's HTTP status.")
    code = serializers.CharField(help_text="Why there was no answer; stable.")
    error = serializers.CharField(help_text="What went wrong, in words.")
    response_headers: Any = serializers.JSONField(help_text="What came back along.")
    response_body = serializers.CharField(help_text="The answer's beginning.")
    response_hidden = serializers.BooleanField(
        help_text="It came from an address that is not public, and is not shown."
    )


class DeliveryDetailOutput(DeliveryOutput):
    body = serializers.CharField(source="message.body", help_text="What is sent, byte for byte.")
    tries = AttemptOutput(many=True, source="recent", help_text="Its attempts, latest first.")


class DeliveryPageOutput(CursorPageOutput):
    results = DeliveryOutput(many=True, help_text="Newest first.")


class DeliveriesFilter(CursorInput):
    state = serializers.ChoiceField(
        DeliveryState.choices, required=False, help_text="Those in this state."
    )
    type = serializers.CharField(required=False, max_length=100, help_text="Those of this type.")

    def wanted(self) -> WantedDeliveries:
        """The parameters, checked. Raises ValidationError."""
        self.is_valid(raise_exception=True)
        data = self.validated_data
        return WantedDeliveries(
            state=data.get("state", ""),
            type=data.get("type", ""),
            cursor=data.get("cursor"),
            limit=data["limit"],
        )


class ReplayInput(Input):
    delivery = serializers.UUIDField(required=False, help_text="One delivery, by its id.")
    since = serializers.DateTimeField(required=False, help_text="From this moment on.")
    until = serializers.DateTimeField(
        required=False, help_text="Up to, not including, this moment. Default: now."
    )
    failed_only = serializers.BooleanField(
        default=True, help_text="False sends again what was delivered, too."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("delivery" in attrs) == ("since" in attrs):
            raise serializers.ValidationError(
                {"delivery": "Name a delivery, or the time since when."}, code="one_of"
            )
        return attrs


class ReplayOutput(Output):
    count = serializers.IntegerField(help_text="Deliveries that are sent again.")
