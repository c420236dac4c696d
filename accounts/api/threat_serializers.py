"""What the routes of rules about addresses take and give."""

from __future__ import annotations

from rest_framework import serializers

from accounts.api.serializers import PlainText
from accounts.models import Effect, Source
from common.api.serializers import Input, Output


class IpRuleInput(Input):
    effect = serializers.ChoiceField(Effect.choices, help_text="`block` it, or `allow` it.")
    network = PlainText(max_length=50, help_text="As `192.0.2.0/24`, or one address.")
    reason = PlainText(
        max_length=500,
        required=False,
        allow_blank=True,
        default="",
        help_text="For others to read.",
    )
    expires_at = serializers.DateTimeField(
        required=False, allow_null=True, default=None, help_text="When it ends; never, if absent."
    )


class IpRuleUpdateInput(Input):
    reason = PlainText(
        max_length=500, required=False, allow_blank=True, help_text="For others to read."
    )
    expires_at = serializers.DateTimeField(
        required=False, allow_null=True, help_text="When it ends; null for never."
    )


class IpRuleOutput(Output):
    id = serializers.UUIDField(help_text="The rule's id.")
    effect = serializers.ChoiceField(Effect.choices, help_text="What it does.")
    network = serializers.CharField(help_text="Whom it concerns.")
    organization = serializers.CharField(
        source="organization.slug", default=None, allow_null=True, help_text="Null: everywhere."
    )
    state = serializers.ChoiceField(
        ["active", "expired", "lifted"], help_text="Whether it holds at this moment."
    )
    source = serializers.ChoiceField(  # type: ignore[assignment]  # a field, which DRF takes away
        Source.choices, help_text="Who set it: a `person`, or a `threat` that was noticed."
    )
    signal = serializers.CharField(help_text="The sign that was noticed; empty for a person's.")
    counters = serializers.JSONField(help_text="The figures it was judged by.")
    reason = serializers.CharField(help_text="Why.")
    created_by = serializers.UUIDField(
        source="created_by_id", allow_null=True, help_text="Who made it; null for the system."
    )
    expires_at = serializers.DateTimeField(allow_null=True, help_text="When it ends by itself.")
    lifted_at = serializers.DateTimeField(allow_null=True, help_text="When it was undone.")
    lifted_by = serializers.UUIDField(
        source="lifted_by_id", allow_null=True, help_text="Who undid it."
    )
    created_at = serializers.DateTimeField(help_text="When it was made.")
    updated_at = serializers.DateTimeField(help_text="When it last changed.")


class HitOutput(Output):
    address = serializers.CharField(help_text="An address that was seen lately.")
    events = serializers.IntegerField(help_text="How many events came from it in seven days.")
    people = serializers.IntegerField(help_text="How many people they are of.")
    last_seen_at = serializers.DateTimeField(help_text="When the last one was.")


class DryRunOutput(Output):
    network = serializers.CharField(help_text="Whom the rule would concern, in one form.")
    would_be_hit = HitOutput(many=True, help_text="Addresses in it, the busiest first.")
