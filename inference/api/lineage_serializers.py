"""What a version's lineage looks like."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from rest_framework import serializers

from common.api.serializers import Output
from registry.api.serializers import OriginOutput


class RelatedOutput(Output):
    id = serializers.UUIDField(help_text="The version's id.")
    model = serializers.CharField(source="model.reference", help_text="`owner/name` of its model.")
    version = serializers.IntegerField(source="number", help_text="Its number.")
    status = serializers.CharField(help_text="Its life cycle.")
    created_at = serializers.DateTimeField(help_text="When it was uploaded.")


class FileOutput(Output):
    filename = serializers.CharField(help_text="The uploaded file's name.")
    sha256 = serializers.CharField(help_text="Its digest.")
    size = serializers.IntegerField(help_text="Its bytes.")
    purged_at = serializers.DateTimeField(allow_null=True, help_text="Since when it is gone.")


class MadeOutput(Output):
    requests = serializers.IntegerField(source="sums.requests", help_text="Calls, failed ones too.")
    rows = serializers.IntegerField(source="sums.rows", help_text="Rows of those.")
    failed = serializers.IntegerField(source="sums.failed", help_text="Calls without an answer.")
    labels = serializers.DictField(
        source="sums.labels", child=serializers.IntegerField(), help_text="How often each label."
    )
    last_at = serializers.DateTimeField(allow_null=True, help_text="When the last call came.")
    feedback = serializers.SerializerMethodField(help_text="Rows whose truth is known.")

    def get_feedback(self, made: Any) -> int:
        return int(made.quality.labelled + made.quality.measured)


class LineageOutput(Output):
    id = serializers.UUIDField(source="version.id", help_text="The version's id.")
    model = serializers.CharField(source="version.model.reference", help_text="`owner/name`.")
    version = serializers.IntegerField(source="version.number", help_text="Its number.")
    file = FileOutput(source="version", help_text="The file it is.")
    uploaded_at = serializers.DateTimeField(source="version.created_at", help_text="When.")
    uploaded_by = serializers.CharField(
        source="version.created_by.email", default=None, allow_null=True, help_text="By whom."
    )
    origin = OriginOutput(source="version.origin", help_text="What its uploader says.")
    parents = RelatedOutput(many=True, help_text="Versions it was made from.")
    children = RelatedOutput(many=True, help_text="Versions that were made from it.")
    same_file = RelatedOutput(many=True, help_text="Other versions with the very same file.")
    made = MadeOutput(
        allow_null=True,
        help_text="What it answered; null for whom the model is only shared with.",
    )
    predictions = serializers.SerializerMethodField(help_text="Where its predictions are listed.")

    def get_predictions(self, found: Any) -> str:
        version = found.version
        asked = urlencode({"model": version.model.reference, "version": version.number}, safe="/")
        return f"/api/v1/predictions?{asked}"
