"""Files of rows, going in, and jobs, going out."""

from __future__ import annotations

from typing import cast

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from rest_framework import serializers
from rest_framework.request import Request

from accounts.api import actor
from common.api.serializers import Input
from inference.models import BatchJob, BatchStatus, FileFormat, Keep
from inference.selectors import batches_of


class BatchInput(Input):
    """A file of rows, and what is wanted of it."""

    file = serializers.FileField(
        allow_empty_file=True,
        help_text="CSV with a line of names, a JSON document on each line, or Parquet.",
    )
    format = serializers.ChoiceField(
        choices=FileFormat.choices,
        required=False,
        help_text="What the file is; its name says it otherwise.",
    )
    keep = serializers.ChoiceField(
        choices=Keep.choices,
        default=Keep.OTHERS,
        help_text="Which of the file's columns the result has too: those that the model does not "
        "take, all, or none.",
    )
    probabilities = serializers.BooleanField(
        default=True, help_text="Whether the result has a column for each class."
    )


class BatchJobOutput(serializers.ModelSerializer[BatchJob]):
    """A batch job."""

    model = serializers.CharField(
        source="version.model.reference", help_text="The model, as `owner/name`."
    )
    version = serializers.IntegerField(
        source="version.number", help_text="The version that answers; set when the file came."
    )
    progress = serializers.FloatField(help_text="How much is done, from 0 to 1.")

    class Meta:
        model = BatchJob
        fields = (
            "id", "model", "version", "status", "format", "keep", "probabilities", "filename",
            "input_sha256", "input_bytes", "rows", "rows_done", "rows_failed", "progress",
            "result_sha256", "result_bytes", "code", "reason", "created_at", "started_at",
            "finished_at",
        )  # fmt: skip
        extra_kwargs = {
            "id": {"help_text": "The job's id."},
            "status": {"help_text": "How far it is."},
            "format": {"help_text": "What the file is, and the result will be."},
            "keep": {"help_text": "Which of the file's columns the result has too."},
            "probabilities": {"help_text": "Whether the result has a column for each class."},
            "filename": {"help_text": "What the file was called."},
            "input_sha256": {"help_text": "The file's SHA-256."},
            "input_bytes": {"help_text": "The file's size."},
            "rows": {"help_text": "How many rows it has; null until it has been looked through."},
            "rows_done": {"help_text": "Rows that have an answer or an error."},
            "rows_failed": {"help_text": "Those of them with an error."},
            "result_sha256": {"help_text": "The result's SHA-256; empty until there is one."},
            "result_bytes": {"help_text": "The result's size; null until there is one."},
            "code": {"help_text": "Why it failed, for programs."},
            "reason": {"help_text": "Why it failed or waits, for people."},
            "created_at": {"help_text": "When the file came."},
            "started_at": {"help_text": "When a worker had looked through the file."},
            "finished_at": {"help_text": "When it was over, one way or another."},
        }


class BatchJobFilter(filters.FilterSet):
    """Which jobs."""

    status = filters.ChoiceFilter(choices=BatchStatus.choices, help_text="How far they are.")
    model = filters.CharFilter(
        method="of_model", help_text="The model: `name`, `owner/name`, with a version or alias."
    )

    class Meta:
        model = BatchJob
        fields = ("status", "model")

    def of_model(self, rows: QuerySet[BatchJob], _name: str, value: str) -> QuerySet[BatchJob]:
        """Those of one model or version. Raises what looking that up raises."""
        return batches_of(actor(cast("Request", self.request)), rows, value)
