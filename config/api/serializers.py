"""What the operators' routes of the platform give."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from rest_framework import serializers

from accounts.api.admin_serializers import AuditStateOutput
from common import clock
from common.api.serializers import Input, Output

MOST_SAMPLES = 1500
SPANS = {"minute": timedelta(hours=3), "hour": timedelta(days=7)}
LENGTHS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1)}


class MetricsFilter(Input):
    """Which figures, from the address."""

    resolution = serializers.ChoiceField(
        list(SPANS), default="minute", help_text="Single minutes, or hours."
    )

    def get_fields(self) -> dict[str, Any]:
        # `from` is no name that a class can have.
        since = serializers.DateTimeField(
            required=False,
            source="since",
            help_text="Not older than this time; three hours or seven days back if absent.",
        )
        until = serializers.DateTimeField(
            required=False, source="until", help_text="Older than this time."
        )
        return super().get_fields() | {"from": since, "to": until}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        until: datetime = attrs.get("until") or clock.now()
        since: datetime = attrs.get("since") or until - SPANS[attrs["resolution"]]
        if (until - since) / LENGTHS[attrs["resolution"]] > MOST_SAMPLES:
            raise serializers.ValidationError(
                {"from": f"{MOST_SAMPLES} {attrs['resolution']}s are the most at once."}
            )
        return {"resolution": attrs["resolution"], "since": since, "until": until}


class SampleOutput(Output):
    at = serializers.DateTimeField(help_text="The minute's or hour's beginning.")
    values = serializers.JSONField(
        help_text="Figures by name; of hours each as `mean`, `min` and `max`."
    )


class MetricsOutput(Output):
    resolution = serializers.ChoiceField(list(SPANS), help_text="What each sample stands for.")
    samples = SampleOutput(many=True, help_text="Oldest first.")


class HealthOutput(Output):
    status = serializers.ChoiceField(["ok", "degraded"], help_text="Whether all parts work.")
    version = serializers.CharField(help_text="Slipway's version.")
    checks = serializers.JSONField(help_text="Each part with `ok` and what else is known of it.")


class TotalsOutput(Output):
    requests = serializers.IntegerField(help_text="Calls that reached a model.")
    rows = serializers.IntegerField(help_text="Rows in them.")
    failed = serializers.IntegerField(help_text="Calls that were not answered.")
    codes = serializers.DictField(
        source="errors",
        child=serializers.IntegerField(),
        help_text="The most frequent error codes, with their number.",
    )


class DashboardOutput(Output):
    users = serializers.DictField(
        child=serializers.IntegerField(), help_text="People, by where their account stands."
    )
    models = serializers.IntegerField(help_text="Models, archived ones too.")
    versions = serializers.DictField(
        child=serializers.IntegerField(), help_text="Versions, by state."
    )
    last_day = TotalsOutput(help_text="Predictions of the last 24 hours.")
    last_week = TotalsOutput(help_text="Predictions of the last 7 days.")
    queues = serializers.DictField(
        child=serializers.IntegerField(), help_text="Tasks that wait, by queue."
    )
    alarms = serializers.DictField(
        child=serializers.IntegerField(),
        help_text="Events of the last 24 hours that people are warned of, by type.",
    )
    audit = AuditStateOutput(help_text="Where the audit trail stands.")
