"""What the routes of analytics take and give."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from common.api.serializers import Input, Output
from inference.api.serializers import QualityOutput


class PeriodOutput(Output):
    since = serializers.DateTimeField(help_text="The period's beginning.")
    until = serializers.DateTimeField(help_text="Its end, which does not belong to it.")
    tz = serializers.CharField(source="zone_name", help_text="The zone in which days begin.")
    resolution = serializers.CharField(help_text="How long a point of `daily` is.")


class PointOutput(Output):
    date = serializers.CharField(help_text="A day, or a moment where points are shorter.")
    total = serializers.IntegerField(help_text="Calls.")
    succeeded = serializers.IntegerField(help_text="Those that were answered.")
    failed = serializers.IntegerField(help_text="Those that failed.")
    rows = serializers.IntegerField(help_text="Rows of all calls.")
    mean_ms = serializers.FloatField(allow_null=True, help_text="Mean milliseconds of a call.")
    max_ms = serializers.FloatField(allow_null=True, help_text="The longest call.")


class LatencyOutput(Output):
    mean = serializers.FloatField(allow_null=True, help_text="Milliseconds.")
    min = serializers.FloatField(allow_null=True, help_text="The shortest call.")
    max = serializers.FloatField(allow_null=True, help_text="The longest call.")
    p50 = serializers.FloatField(allow_null=True, help_text="Half of the calls took less.")
    p95 = serializers.FloatField(allow_null=True, help_text="95 % of them did.")
    p99 = serializers.FloatField(allow_null=True, help_text="99 % of them did.")


class TrendOutput(Output):
    total = serializers.FloatField(
        allow_null=True, help_text="By what share calls grew over the period before; 0.1 is 10 %."
    )
    failed = serializers.FloatField(allow_null=True, help_text="By what share failures did.")


class HourOutput(Output):
    hour = serializers.IntegerField(help_text="Of the day, in the zone.")
    total = serializers.IntegerField(help_text="Calls.")


class WeekdayOutput(Output):
    weekday = serializers.CharField(help_text="Of the week, in the zone.")
    total = serializers.IntegerField(help_text="Calls.")


class CountsOutput(Output):
    total = serializers.IntegerField(source="counts.total", help_text="Calls.")
    rows = serializers.IntegerField(source="counts.rows", help_text="Rows of all calls.")
    succeeded = serializers.IntegerField(source="counts.succeeded", help_text="Answered.")
    failed = serializers.IntegerField(source="counts.failed", help_text="Failed.")
    success_rate = serializers.FloatField(
        source="counts.success_rate", allow_null=True, help_text="From 0 to 1; null of no call."
    )


class VersionFiguresOutput(CountsOutput):
    version = serializers.IntegerField(source="number", help_text="The version's number.")
    mean_ms = serializers.FloatField(help_text="Mean milliseconds of a call.")
    last_at = serializers.DateTimeField(help_text="The latest call.")
    quality = QualityOutput(help_text="How right it was, as far as feedback says.")


class RecentErrorOutput(Output):
    id = serializers.UUIDField(help_text="The prediction: GET /predictions/{id} has its inputs.")
    version = serializers.IntegerField(source="version_number", help_text="The version.")
    at = serializers.DateTimeField(source="created_at", help_text="When.")
    status = serializers.IntegerField(help_text="The HTTP status of the answer.")
    code = serializers.CharField(help_text="What went wrong; stable.")
    rows = serializers.IntegerField(help_text="Rows of the call.")
    request_id = serializers.CharField(help_text="Finds it in the logs.")
    correlation_id = serializers.CharField(help_text="The caller's own mark.")


class ConfidenceBucketOutput(Output):
    since = serializers.FloatField(source="from", help_text="From this top probability on.")
    count = serializers.IntegerField(help_text="Rows.")


class ConfidenceOutput(Output):
    mean = serializers.FloatField(allow_null=True, help_text="Of the top probabilities.")
    histogram = ConfidenceBucketOutput(many=True, help_text="Twenty shares of 0.05.")


class ModelFiguresOutput(CountsOutput):
    daily = PointOutput(many=True, help_text="The period's points, without gaps.")
    model = serializers.SerializerMethodField(help_text="`owner/name`.")
    version = serializers.IntegerField(allow_null=True, help_text="One version's, or all.")
    period = PeriodOutput(help_text="Which time this is about.")
    latency_ms = LatencyOutput(help_text="Milliseconds of whole calls.")
    inference_ms = LatencyOutput(help_text="Milliseconds of calls inside the model alone.")
    cache_hits = serializers.IntegerField(help_text="Calls that found the model loaded.")
    labels = serializers.SerializerMethodField(help_text="How often each label was answered.")
    errors = serializers.SerializerMethodField(  # type: ignore[assignment]  # a field, which DRF takes away
        help_text="Failures by code."
    )
    confidence = ConfidenceOutput(help_text="How sure the model was.")
    trend = TrendOutput(help_text="Against the period of the same length before.")
    hours = HourOutput(many=True, help_text="By hour of the day.")
    weekdays = WeekdayOutput(many=True, help_text="By day of the week.")
    versions = VersionFiguresOutput(many=True, help_text="Those that were called.")
    recent_errors = RecentErrorOutput(many=True, help_text="The latest failures.")
    quality = QualityOutput(help_text="How right the answers were; by whole days (UTC).")

    def get_model(self, row: Any) -> str:
        return f"{row.model.organization.slug}/{row.model.name}"

    def get_labels(self, row: Any) -> dict[str, int]:
        return dict(row.labels)

    def get_errors(self, row: Any) -> dict[str, int]:
        return dict(row.errors)


class ComparisonOutput(Output):
    models = ModelFiguresOutput(many=True, help_text="In the order they were named.")


class ModelLineOutput(CountsOutput):
    model = serializers.CharField(help_text="`owner/name`.")
    mean_ms = serializers.FloatField(allow_null=True, help_text="Mean milliseconds of a call.")


class DashboardFiguresOutput(CountsOutput):
    daily = PointOutput(many=True, help_text="The period's points, without gaps.")
    period = PeriodOutput(help_text="Which time this is about.")
    models = ModelLineOutput(many=True, help_text="The most called first, fifty at most.")
    labels = serializers.SerializerMethodField(help_text="The most frequent labels of all models.")
    trend = TrendOutput(help_text="Against the period before.")
    hours = HourOutput(many=True, help_text="By hour of the day.")
    weekdays = WeekdayOutput(many=True, help_text="By day of the week.")

    def get_labels(self, row: Any) -> dict[str, int]:
        return dict(row.labels)


class PersonFiguresOutput(CountsOutput):
    daily = PointOutput(many=True, help_text="The period's points, without gaps.")
    period = PeriodOutput(help_text="Which time this is about.")
    accuracy = serializers.FloatField(
        source="quality.accuracy",
        allow_null=True,
        help_text="Share of right answers; null until there is feedback.",
    )
    models = ModelLineOutput(many=True, help_text="The most called first.")
    labels = serializers.SerializerMethodField(help_text="The labels that one got most often.")
    trend = TrendOutput(help_text="Against the period before.")
    hours = HourOutput(many=True, help_text="By hour of the day.")
    weekdays = WeekdayOutput(many=True, help_text="By day of the week.")

    def get_labels(self, row: Any) -> dict[str, int]:
        return dict(row.labels)


class StatisticsOutput(Output):
    predictions = PersonFiguresOutput(source="figures", help_text="What one asked.")
    logins = serializers.IntegerField(help_text="Log-ins in the period.")
    uploads = serializers.IntegerField(help_text="Versions uploaded in the period.")
    models = serializers.IntegerField(help_text="Models of one's organizations.")
    storage_bytes = serializers.IntegerField(help_text="What their files take.")
    counted = serializers.BooleanField(
        help_text="Whether operators' figures of feature use count this person."
    )


class PreferenceInput(Input):
    counted = serializers.BooleanField(
        help_text="False leaves one out of operators' figures of feature use."
    )


class CountingOutput(Output):
    counted = serializers.BooleanField(help_text="Whether one is counted.")


class FeatureOutput(Output):
    type = serializers.CharField(help_text="What was done: a type of event.")
    count = serializers.IntegerField(help_text="How often.")
    people = serializers.IntegerField(help_text="By how many.")


class FunnelOutput(Output):
    signed_up = serializers.IntegerField(help_text="New accounts in the period.")
    uploaded = serializers.IntegerField(help_text="Of these, those that uploaded a model.")
    predicted = serializers.IntegerField(help_text="Of these, those that made a prediction.")


class PlatformFiguresOutput(CountsOutput):
    daily = PointOutput(many=True, help_text="The period's points, without gaps.")
    period = PeriodOutput(help_text="Which time this is about.")
    trend = TrendOutput(help_text="Against the period before.")
    users: Any = serializers.JSONField(help_text="People by the state of their account.")
    active_users = serializers.IntegerField(help_text="People who made a prediction.")
    models = serializers.IntegerField(help_text="Models.")
    storage_bytes = serializers.IntegerField(help_text="What all files take.")
    health: Any = serializers.JSONField(help_text="Whether each part works.")
    features = FeatureOutput(many=True, help_text="What people did, most frequent first.")
    funnel = FunnelOutput(help_text="From sign-up to the first prediction.")
    opted_out = serializers.IntegerField(help_text="People who are not counted in the last two.")
