"""What the prediction routes take and give."""

from __future__ import annotations

from rest_framework import serializers

from common.api.serializers import Input, Output


class PredictInput(Input):
    """Documentation of the native body; `inference.decode` reads it, guided by the signature."""

    inputs = serializers.ListField(
        required=False,
        child=serializers.JSONField(),
        help_text="Rows by position: one list of values per row, or texts for a text model.",
    )
    records = serializers.ListField(
        required=False, child=serializers.DictField(), help_text="Rows by feature name."
    )
    correlation_id = serializers.CharField(
        required=False, max_length=128, help_text="Your own id, given back and kept."
    )
    explain = serializers.BooleanField(required=False, help_text="Not available yet.")


class PredictionOutput(Output):
    id = serializers.UUIDField(help_text="The prediction's id; row i is `{id}:{i}`.")
    model = serializers.CharField(help_text="`owner/name`.")
    version = serializers.IntegerField(help_text="The version that answered.")
    predictions = serializers.ListField(
        child=serializers.JSONField(), help_text="One value per row (a list for several outputs)."
    )
    probabilities = serializers.ListField(
        child=serializers.ListField(child=serializers.FloatField(allow_null=True)),
        allow_null=True,
        help_text="Rows x classes, in the order of `classes`; null where the model has none.",
    )
    classes = serializers.ListField(
        child=serializers.JSONField(), allow_null=True, help_text="The labels, in order."
    )
    confidence = serializers.ListField(
        child=serializers.FloatField(allow_null=True),
        allow_null=True,
        help_text="The top probability of each row.",
    )
    inference_ms = serializers.FloatField(help_text="Milliseconds spent in the model.")
    cache_hit = serializers.BooleanField(help_text="Whether the model was loaded already.")
    correlation_id = serializers.CharField(allow_null=True, help_text="As it was given.")
