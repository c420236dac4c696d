"""What the prediction routes take and give."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from common.api.serializers import Input, Output
from inference.cards import Card
from registry.api.serializers import VersionOutput
from registry.models import ModelVersion


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


class PredictLaterInput(PredictInput):
    callback_url = serializers.CharField(
        required=False,
        max_length=2000,
        help_text="Where the job is sent (POST) once it is done; http or https.",
    )


class PredictionJobOutput(Output):
    id = serializers.UUIDField(help_text="The job's id.")
    model = serializers.CharField(help_text="`owner/name`.")
    version = serializers.IntegerField(help_text="The version that answers; set by the call.")
    status = serializers.ChoiceField(
        choices=("queued", "running", "succeeded", "failed"), help_text="How far it is."
    )
    prediction = PredictionOutput(
        allow_null=True, help_text="As `predict` would have answered; null until then."
    )
    problem = serializers.DictField(
        allow_null=True, help_text="What `predict` would have refused with (RFC 9457)."
    )
    correlation_id = serializers.CharField(allow_null=True, help_text="As it was given.")
    callback_url = serializers.CharField(allow_null=True, help_text="As it was given.")
    callback_error = serializers.CharField(
        allow_blank=True, help_text="Why the last try to call back failed."
    )
    created_at = serializers.DateTimeField(help_text="When the call came.")
    finished_at = serializers.DateTimeField(allow_null=True, help_text="When it was done.")


class QualityOutput(Output):
    rows = serializers.IntegerField(help_text="Rows whose truth is known, by feedback.")
    accuracy = serializers.FloatField(
        allow_null=True, help_text="Share of right labels; null for numbers, or without feedback."
    )
    f1_macro = serializers.FloatField(
        allow_null=True, help_text="The mean of each label's F1, unweighted."
    )
    rmse = serializers.FloatField(
        allow_null=True, help_text="Root of the mean squared error, in the target's unit."
    )
    mae = serializers.FloatField(allow_null=True, help_text="Mean absolute error, likewise.")
    confusion = serializers.DictField(
        child=serializers.DictField(child=serializers.IntegerField()),
        help_text="How often each true label was answered with which.",
    )


class LiveOutput(Output):
    requests = serializers.IntegerField(help_text="Calls in the last thirty days.")
    rows = serializers.IntegerField(help_text="Rows of them.")
    failed = serializers.IntegerField(help_text="Calls that got no answer.")
    error_rate = serializers.FloatField(allow_null=True, help_text="From 0 to 1; null of no call.")
    mean_ms = serializers.FloatField(allow_null=True, help_text="Mean milliseconds of a call.")
    quality = QualityOutput(help_text="How right it was, as far as feedback says.")


class CardOutput(VersionOutput):
    description = serializers.CharField(source="model.description", help_text="The model's.")
    tags = serializers.ListField(
        source="model.tags", child=serializers.CharField(), help_text="The model's."
    )
    aliases = serializers.SerializerMethodField(help_text="Names that lead to this version.")
    live = serializers.SerializerMethodField(
        help_text="Its traffic; null for whom the model is only shared with."
    )

    def get_aliases(self, version: ModelVersion) -> list[str]:
        return [alias.name for alias in self._card(version).aliases]

    @extend_schema_field(LiveOutput(allow_null=True))
    def get_live(self, version: ModelVersion) -> Any:
        live = self._card(version).live
        return None if live is None else LiveOutput(live).data

    def _card(self, version: ModelVersion) -> Card:
        found: Card = self.context["cards"][version.id]
        return found


class VersionComparisonOutput(Output):
    differs = serializers.ListField(
        child=serializers.CharField(), help_text="In what they differ, by field."
    )
    versions = CardOutput(many=True, help_text="In the order they were named.")


def shown(cards: Sequence[Card]) -> list[Any]:
    """Cards as the API tells them."""
    context = {"cards": {card.version.id: card for card in cards}}
    return list(CardOutput([card.version for card in cards], many=True, context=context).data)
