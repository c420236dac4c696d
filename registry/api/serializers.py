"""What the registry's routes take and give."""

from __future__ import annotations

from typing import Any

from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from common import strict_json
from common.api.serializers import Input, Output
from common.errors import Invalid
from registry.models import (
    MOST_CACHE_SECONDS,
    MOST_CONCURRENCY,
    MOST_TIMEOUT_S,
    Model,
    ModelQuerySet,
    State,
    Status,
    StoreInputs,
)
from registry.permissions import permission_of
from registry.selectors import search_models

STEP_STATES = ["waiting", "running", "done", "failed", "skipped"]
MAX_TAGS = 50
MAX_PARENTS = 20
MAX_METADATA = 64 * 1024


class StepOutput(Output):
    name = serializers.CharField(help_text="The step of the pipeline.")
    state = serializers.ChoiceField(STEP_STATES, help_text="How far it is.")
    started_at = serializers.DateTimeField(allow_null=True, help_text="When it began.")
    ms = serializers.FloatField(allow_null=True, help_text="How long it took, in milliseconds.")
    detail = serializers.CharField(help_text="What was found, or why it failed.")


class ParityOutput(Output):
    rows = serializers.IntegerField(help_text="Rows on which both forms were asked.")
    labels_equal = serializers.BooleanField(help_text="Whether every label agreed, ties aside.")
    ties = serializers.IntegerField(help_text="Rows where the original itself was undecided.")
    max_abs_diff = serializers.FloatField(
        allow_null=True, help_text="The largest difference in probability (or relative value)."
    )


class OriginOutput(Output):
    dataset = serializers.CharField(default="", help_text="The data it was trained on.")
    dataset_digest = serializers.CharField(default="", help_text="Which state of that.")
    run = serializers.CharField(default="", help_text="The training run, or its address.")
    commit = serializers.CharField(default="", help_text="The code that trained it.")


class VersionOutput(Output):
    id = serializers.UUIDField(help_text="The version's id.")
    model = serializers.SerializerMethodField(help_text="`owner/name` of its model.")
    version = serializers.IntegerField(source="number", help_text="1, 2, 3, … within the model.")
    state = serializers.ChoiceField(State.choices, help_text="How far the pipeline is.")
    status = serializers.ChoiceField(Status.choices, help_text="The life cycle, set by people.")
    steps = StepOutput(many=True, help_text="The pipeline, step by step.")
    reason = serializers.CharField(help_text="Why it was rejected; empty otherwise.")
    code = serializers.CharField(help_text="The stable code of the reason.")
    filename = serializers.CharField(help_text="The uploaded file's name.")
    framework = serializers.CharField(help_text="What the model was made with.")
    format = serializers.CharField(help_text="The file's format, found from its content.")
    libraries = serializers.JSONField(help_text="Library versions the file was written with.")
    sha256 = serializers.CharField(help_text="SHA-256 of the file.")
    size = serializers.IntegerField(help_text="Bytes of the file.")
    runtime = serializers.CharField(help_text="`onnx` (compiled) or `native` (jailed original).")
    runtime_reason = serializers.CharField(help_text="Why this runtime serves.")
    parity = serializers.SerializerMethodField(help_text="How the compiled form compared.")
    latency = serializers.JSONField(help_text="Microseconds for one row, by runtime, at upload.")
    signature = serializers.JSONField(help_text="Inputs, outputs and classes.")
    created_at = serializers.DateTimeField(help_text="When it was uploaded.")
    updated_at = serializers.DateTimeField(help_text="When it last changed.")
    ready_at = serializers.DateTimeField(allow_null=True, help_text="When it went live.")
    purge_at = serializers.DateTimeField(
        allow_null=True, help_text="When the file of a deleted version goes."
    )
    purged_at = serializers.DateTimeField(
        allow_null=True, help_text="Since when a deleted version has no file."
    )

    @extend_schema_field(OpenApiTypes.STR)
    def get_model(self, version: Any) -> str:
        return str(version.model.reference)

    @extend_schema_field(ParityOutput(allow_null=True))
    def get_parity(self, version: Any) -> dict[str, Any] | None:
        if version.parity is None:
            return None
        return {str(name): version.parity.get(name) for name in ParityOutput().fields}


class ModelOutput(Output):
    id = serializers.UUIDField(help_text="The model's id.")
    owner = serializers.CharField(source="organization.slug", help_text="The owner's slug.")
    name = serializers.CharField(help_text="Its name, unique for the owner.")
    reference = serializers.CharField(help_text="`owner/name`, good in every route.")
    description = serializers.CharField(help_text="Free text.")
    status = serializers.ChoiceField(Status.choices, help_text="The life cycle.")
    metadata = serializers.JSONField(help_text="Whatever its owner keeps there.")
    tags = serializers.ListField(child=serializers.CharField(), help_text="Labels to find it by.")
    store_inputs = serializers.ChoiceField(
        StoreInputs.choices, help_text="Which predictions' inputs the log keeps."
    )
    store_inputs_percent = serializers.IntegerField(
        help_text="How many of them, where they are sampled."
    )
    masked_features = serializers.ListField(
        child=serializers.CharField(), help_text="Features whose values the log never keeps."
    )
    cache_seconds = serializers.IntegerField(
        help_text="For how long the same rows get the same answer again; 0: never."
    )
    max_concurrency = serializers.IntegerField(
        allow_null=True, help_text="Calls that a web process answers at once; null: any number."
    )
    timeout_s = serializers.IntegerField(help_text="Seconds the model may take for one call.")
    latest_version = serializers.IntegerField(
        allow_null=True, help_text="The newest version's number."
    )
    latest_state = serializers.CharField(allow_null=True, help_text="The newest version's state.")
    latest_runtime = serializers.CharField(
        allow_null=True, help_text="The newest version's runtime."
    )
    permission = serializers.SerializerMethodField(
        help_text="What the caller may do: `view`, `use`, `edit` or `own`."
    )
    created_at = serializers.DateTimeField(help_text="When it was made.")
    updated_at = serializers.DateTimeField(help_text="When it last changed.")

    def get_permission(self, model: Model) -> str:
        return permission_of(self.context["request"].auth, model)


@extend_schema_field(OpenApiTypes.STR)
class JSONText(serializers.Field[Any, str, Any, Any]):
    """A form field that holds a JSON document."""

    def __init__(self, *, kind: type | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._kind = kind

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str):
            raise serializers.ValidationError("Must be a text that holds JSON.")
        try:
            value = strict_json.loads(data.encode(errors="surrogatepass"))
        except Invalid as error:
            raise serializers.ValidationError(error.message, code=error.code) from None
        if self._kind is not None and not isinstance(value, self._kind):
            raise serializers.ValidationError(f"Must be JSON of type {self._kind.__name__}.")
        return value

    def to_representation(self, value: Any) -> Any:
        return value


@extend_schema_field(OpenApiTypes.STR)
class TagsText(serializers.Field[list[str], str, Any, Any]):
    """Tags in a form: a JSON list, or words with commas between."""

    def to_internal_value(self, data: Any) -> list[str]:
        text = str(data).strip()
        found = JSONText(kind=list).to_internal_value(text) if text.startswith("[") else None
        return check_tags(found if found is not None else [t.strip() for t in text.split(",")])

    def to_representation(self, value: list[str]) -> Any:
        return value


def check_tags(tags: list[Any]) -> list[str]:
    """Distinct tags in the order given; a ValidationError names the first wrong one."""
    kept = list(dict.fromkeys(tag for tag in tags if tag != ""))
    for tag in kept:
        if not isinstance(tag, str) or len(tag) > 50:
            raise serializers.ValidationError(f"A tag is a text of at most 50 characters: {tag!r}")
    if len(kept) > MAX_TAGS:
        raise serializers.ValidationError(f"At most {MAX_TAGS} tags.")
    return kept


def check_metadata(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise serializers.ValidationError("Must be a JSON object.")
    if len(str(value)) > MAX_METADATA:
        raise serializers.ValidationError("Must be smaller than 64 KiB.")
    return value


class UploadInput(Input):
    file = serializers.FileField(
        allow_empty_file=True,
        max_length=255,
        help_text="The model: .pkl, .joblib, .skops, .onnx, or a zip of an MLflow model folder.",
    )
    name = serializers.CharField(
        max_length=127,
        help_text="The model's name, or `owner/name`. A known name gets its next version.",
    )
    description = serializers.CharField(
        required=False, allow_blank=True, max_length=10_000, help_text="Free text."
    )
    framework = serializers.ChoiceField(
        ["scikit-learn", "onnx"],
        required=False,
        help_text="What it was made with; found if absent.",
    )
    metadata = JSONText(kind=dict, required=False, help_text="A JSON object to keep with it.")
    tags = TagsText(required=False, help_text="A JSON list, or words with commas between.")
    signature = JSONText(
        kind=dict, required=False, help_text="An edited signature; must fit the artifact's."
    )
    example = JSONText(required=False, help_text="An example input, JSON; part of the parity test.")
    origin = JSONText(
        kind=dict,
        required=False,
        help_text="JSON: `dataset`, `dataset_digest`, `run`, `commit`, each a text of up to 500.",
    )
    parents = JSONText(
        kind=list,
        required=False,
        help_text="A JSON list of up to 20 references to versions it was made from.",
    )

    def validate_metadata(self, value: Any) -> dict[str, Any]:
        return check_metadata(value)

    def validate_origin(self, value: dict[str, Any]) -> dict[str, str]:
        form = OriginInput(data=value)
        form.is_valid(raise_exception=True)
        return {name: text for name, text in form.validated_data.items() if text}

    def validate_parents(self, value: list[Any]) -> list[str]:
        if len(value) > MAX_PARENTS or not all(isinstance(ref, str) for ref in value):
            raise serializers.ValidationError(f"Must be at most {MAX_PARENTS} references.")
        return list(dict.fromkeys(value))


class OriginInput(Input):
    dataset = serializers.CharField(required=False, allow_blank=True, max_length=500)
    dataset_digest = serializers.CharField(required=False, allow_blank=True, max_length=500)
    run = serializers.CharField(required=False, allow_blank=True, max_length=500)
    commit = serializers.CharField(required=False, allow_blank=True, max_length=500)


class ModelUpdateInput(Input):
    description = serializers.CharField(
        required=False, allow_blank=True, max_length=10_000, help_text="Free text."
    )
    status = serializers.ChoiceField(
        Status.choices, required=False, help_text="Goes for every version as well."
    )
    metadata = serializers.JSONField(required=False, help_text="Replaces what was there.")
    tags = serializers.ListField(
        child=serializers.CharField(max_length=50), required=False, help_text="Replaces the tags."
    )
    store_inputs = serializers.ChoiceField(
        StoreInputs.choices, required=False, help_text="Which predictions' inputs the log keeps."
    )
    store_inputs_percent = serializers.IntegerField(
        required=False, min_value=1, max_value=100, help_text="How many, where they are sampled."
    )
    masked_features = serializers.ListField(
        child=serializers.CharField(max_length=200),
        required=False,
        max_length=1000,
        help_text="Features whose values the log never keeps; replaces those that were.",
    )
    cache_seconds = serializers.IntegerField(
        required=False,
        min_value=0,
        max_value=MOST_CACHE_SECONDS,
        help_text="For how long the same rows get the same answer again; 0: never.",
    )
    max_concurrency = serializers.IntegerField(
        required=False,
        allow_null=True,
        min_value=1,
        max_value=MOST_CONCURRENCY,
        help_text="Calls that a web process answers at once; null: any number.",
    )
    timeout_s = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=MOST_TIMEOUT_S,
        help_text="Seconds the model may take for one call.",
    )

    def validate_metadata(self, value: Any) -> dict[str, Any]:
        return check_metadata(value)

    def validate_tags(self, value: list[str]) -> list[str]:
        return check_tags(value)

    def validate_masked_features(self, value: list[str]) -> list[str]:
        return sorted(set(value))


class VersionUpdateInput(Input):
    status = serializers.ChoiceField(Status.choices, required=False, help_text="The life cycle.")
    signature = serializers.JSONField(
        required=False, help_text="The whole signature, edited: names, descriptions, ranges."
    )


class ModelFilter(filters.FilterSet):
    search = filters.CharFilter(
        method="by_text", help_text="Words to find in name, description and tags."
    )
    status = filters.ChoiceFilter(choices=Status.choices, help_text="The life cycle.")
    state = filters.ChoiceFilter(
        field_name="latest_state", choices=State.choices, help_text="The newest version's state."
    )
    framework = filters.CharFilter(method="by_framework", help_text="What it was made with.")
    tag = filters.CharFilter(
        field_name="tags", lookup_expr="contains", method="by_tag", help_text="One tag."
    )
    owner = filters.CharFilter(field_name="organization__slug", help_text="The owner's slug.")
    ordering = filters.OrderingFilter(
        fields=[("name", "name"), ("created_at", "created_at"), ("updated_at", "updated_at")],
        help_text="`name`, `created_at`, `updated_at`; with `-` in front, descending.",
    )

    class Meta:
        model = Model
        fields: list[str] = []

    def by_text(self, models: ModelQuerySet, name: str, value: str) -> ModelQuerySet:
        return search_models(models, value)

    def by_tag(self, models: ModelQuerySet, name: str, value: str) -> ModelQuerySet:
        return models.filter(tags__contains=[value])

    def by_framework(self, models: ModelQuerySet, name: str, value: str) -> ModelQuerySet:
        return models.filter(versions__framework=value).distinct()
