"""What the routes of past predictions take and give."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from common.api.serializers import Input, Output
from inference.exports import FORMATS
from inference.models import DoorName, Prediction
from inference.selectors import Wanted
from inference.services import MAX_ITEMS, Told

STATUSES = ["ok", "failed"]
DOORS = {door.label: door.value for door in DoorName}
DEFAULT_LIMIT = 20
MAX_LIMIT = 200
MOST_COMPARED = 10
MAX_TARGETS = 1000
MAX_LABEL_TEXT = 10_000


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
    label = serializers.CharField(  # type: ignore[assignment]  # DRF takes it off the class
        required=False, max_length=200, help_text="Where some row was answered so."
    )
    confidence_min = serializers.FloatField(
        required=False, min_value=0, max_value=1, help_text="Where some row's is at least this."
    )
    confidence_max = serializers.FloatField(
        required=False, min_value=0, max_value=1, help_text="Where some row's is at most this."
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

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        for name, least, most in (
            ("to", attrs.get("since"), attrs.get("until")),
            ("confidence_max", attrs.get("confidence_min"), attrs.get("confidence_max")),
        ):
            if least is not None and most is not None and most < least:
                raise serializers.ValidationError({name: "Lies before the other end."})
        return attrs

    def wanted(self) -> tuple[Wanted, int]:
        """The valid filter, and how many rows."""
        given: dict[str, Any] = dict(self.validated_data)
        limit: int = given.pop("limit", DEFAULT_LIMIT)
        if "door" in given:
            given["door"] = DOORS[given["door"]]
        return Wanted(**given), limit


class ExportInput(PredictionFilter):
    """Which predictions, and as what."""

    format = serializers.ChoiceField(
        FORMATS, default="csv", help_text="`csv`, `json` or `parquet`."
    )

    def get_fields(self) -> dict[str, Any]:
        # A file has no pages.
        return {name: one for name, one in super().get_fields().items() if name != "limit"}

    def wanted(self) -> tuple[Wanted, int]:
        self.validated_data.pop("format")
        return super().wanted()


class CompareInput(Input):
    ids = serializers.CharField(help_text="Two to ten predictions, with commas between.")

    def validate_ids(self, value: str) -> list[UUID]:
        try:
            ids = [UUID(part.strip()) for part in value.split(",")]
        except ValueError:
            raise serializers.ValidationError("Must be ids, with commas between.") from None
        if not 2 <= len(ids) <= MOST_COMPARED or len(set(ids)) < len(ids):
            raise serializers.ValidationError(f"Must be two to {MOST_COMPARED} different ids.")
        return ids


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
    inputs_kept = serializers.BooleanField(
        help_text="False where they were too large, or the model keeps none or a sample."
    )
    outputs = serializers.JSONField(
        allow_null=True,
        help_text="The whole answer; null where there was none or it was too large.",
    )


class CompareOutput(Output):
    differs = serializers.ListField(
        child=serializers.CharField(),
        help_text="In what they differ: `inputs`, `outputs`, `version`, `status`, …",
    )
    predictions = PredictionDetailOutput(many=True, help_text="In the order they were named.")


class FeedbackInput(Input):
    label = serializers.JSONField(  # type: ignore[assignment]  # DRF takes it off the class
        help_text="What was true: a label, a number, or a list of them for several targets."
    )
    row = serializers.IntegerField(
        default=0, min_value=0, max_value=2**31 - 1, help_text="Which row, from 0."
    )

    def validate_label(self, value: Any) -> Any:
        parts = value if isinstance(value, list) else [value]
        if not 0 < len(parts) <= MAX_TARGETS or not all(
            isinstance(part, (str, int, float)) for part in parts
        ):
            raise serializers.ValidationError("Must be a label or a number, or a list of them.")
        if len(str(value)) > MAX_LABEL_TEXT:
            raise serializers.ValidationError(f"Must be shorter than {MAX_LABEL_TEXT} characters.")
        return value


class FeedbackItemInput(FeedbackInput):
    prediction = serializers.UUIDField(required=False, help_text="Its id; or `correlation_id`.")
    correlation_id = serializers.CharField(
        required=False, max_length=128, help_text="Your own id; the latest prediction that has it."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("prediction" in attrs) == ("correlation_id" in attrs):
            raise serializers.ValidationError("Give `prediction` or `correlation_id`, one of them.")
        return attrs


class ManyFeedbackInput(Input):
    items = serializers.ListField(
        child=FeedbackItemInput(), min_length=1, max_length=MAX_ITEMS, help_text="At most 1,000."
    )


class FeedbackOutput(Output):
    prediction = serializers.UUIDField(source="prediction_id", help_text="Of which prediction.")
    row = serializers.IntegerField(help_text="Of which row, from 0.")
    label = serializers.JSONField(help_text="What was true.")  # type: ignore[assignment]  # as above
    predicted = serializers.JSONField(help_text="What was answered; null where it was not kept.")
    correct = serializers.BooleanField(
        allow_null=True, help_text="Whether the label was right; null for numbers."
    )
    error = serializers.FloatField(
        allow_null=True, help_text="Answer less truth, in the target's unit; null for labels."
    )
    created_at = serializers.DateTimeField(help_text="When it was first said.")
    updated_at = serializers.DateTimeField(help_text="When it was last said.")


class FeedbackToldOutput(Output):
    accepted = serializers.SerializerMethodField(help_text="Whether it was noted.")
    feedback = FeedbackOutput(allow_null=True, help_text="As noted, or null.")
    code = serializers.SerializerMethodField(help_text="Why it was not; empty where it was.")
    detail = serializers.SerializerMethodField(help_text="The same in words.")

    def get_accepted(self, told: Told) -> bool:
        return told.feedback is not None

    def get_code(self, told: Told) -> str:
        return told.error.code if told.error else ""

    def get_detail(self, told: Told) -> str:
        return told.error.message if told.error else ""


class ManyFeedbackOutput(Output):
    accepted = serializers.IntegerField(help_text="How many were noted.")
    results = FeedbackToldOutput(many=True, help_text="What became of each, in their order.")


class PredictionPageOutput(Output):
    next = serializers.CharField(allow_null=True, help_text="The address of older ones, or null.")
    results = PredictionRowOutput(many=True, help_text="Predictions, newest first.")
