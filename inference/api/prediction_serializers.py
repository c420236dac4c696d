"""What the routes of past predictions take and give."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from common.api.serializers import Input, Output
from inference.models import DoorName, Prediction
from inference.selectors import Wanted

STATUSES = ["ok", "failed"]
DOORS = {door.label: door.value for door in DoorName}
DEFAULT_LIMIT = 20
MAX_LIMIT = 200


class PredictionFilter(Input):
    """Which predictions, from the address."""

    model = serializers.CharField(required=False, help_text="Of this model: any reference.")
    version = serializers.IntegerField(
        required=False, min_value=1, max_value=2**31 - 1, help_text="Of this version."
    )
    status = serializers.ChoiceField(
        STATUSES, required=False, help_text="`ok` (answered) or `failed`."
    )
    door = serializers.ChoiceField(list(DOORS), required=False, help_text="Where the call came in.")
    correlation_id = serializers.CharField(
        required=False, max_length=128, help_text="With this id of yours."
    )
    cursor = serializers.UUIDField(required=False, help_text="From the page before, in `next`.")
    limit = serializers.IntegerField(
        default=DEFAULT_LIMIT, min_value=1, max_value=MAX_LIMIT, help_text="Rows a page."
    )

    def get_fields(self) -> dict[str, Any]:
        # `from` is no name that a class can have.
        since = serializers.DateTimeField(
            required=False, source="since", help_text="Not older than this time."
        )
        until = serializers.DateTimeField(
            required=False, source="until", help_text="Older than this time."
        )
        return super().get_fields() | {"from": since, "to": until}

    def wanted(self) -> tuple[Wanted, int]:
        """The valid filter, and how many rows."""
        given: dict[str, Any] = dict(self.validated_data)
        limit: int = given.pop("limit")
        if "door" in given:
            given["door"] = DOORS[given["door"]]
        return Wanted(**given), limit


class PredictionRowOutput(Output):
    id = serializers.UUIDField(help_text="The prediction's id; row i is `{id}:{i}`.")
    model = serializers.SerializerMethodField(help_text="`owner/name`.")
    version = serializers.IntegerField(source="version.number", help_text="Which version answered.")
    created_at = serializers.DateTimeField(help_text="When it was asked.")
    door = serializers.SerializerMethodField(help_text="Where the call came in.")
    status = serializers.IntegerField(help_text="The HTTP status of the answer.")
    code = serializers.CharField(help_text="What went wrong; empty where it was answered.")
    rows = serializers.IntegerField(help_text="Rows that were asked.")
    inference_ms = serializers.FloatField(help_text="Milliseconds spent in the model.")
    duration_ms = serializers.FloatField(help_text="Milliseconds of the whole call.")
    cache_hit = serializers.BooleanField(help_text="Whether the model was loaded already.")
    request_id = serializers.CharField(help_text="Find the request in the logs by it.")
    correlation_id = serializers.CharField(help_text="Your own id, or empty.")

    @extend_schema_field(OpenApiTypes.STR)
    def get_model(self, row: Prediction) -> str:
        return row.version.model.reference

    @extend_schema_field(serializers.ChoiceField(list(DOORS)))
    def get_door(self, row: Prediction) -> str:
        return row.get_door_display()


class PredictionDetailOutput(PredictionRowOutput):
    inputs = serializers.JSONField(
        allow_null=True, help_text="As they were sent; null where they were not kept."
    )
    inputs_kept = serializers.BooleanField(help_text="False where they were too large to keep.")
    outputs = serializers.JSONField(
        allow_null=True,
        help_text="The whole answer; null where there was none or it was too large.",
    )


class PredictionPageOutput(Output):
    next = serializers.CharField(allow_null=True, help_text="The address of older ones, or null.")
    results = PredictionRowOutput(many=True, help_text="Predictions, newest first.")
