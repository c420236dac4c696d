"""The operator's view of predictions."""

from __future__ import annotations

from django.contrib import admin

from common.admin import ReadOnlyAdmin
from inference.models import (
    BatchJob,
    BatchStep,
    Feedback,
    Pin,
    Prediction,
    PredictionJob,
    QualityRollUp,
    RollUp,
)


@admin.register(Prediction)
class PredictionAdmin(ReadOnlyAdmin):
    list_display = ("id", "version", "organization", "door", "status", "code", "rows", "created_at")
    list_filter = ("door",)
    list_select_related = ("version__model", "organization")
    search_fields = ("=id",)
    ordering = ("-id",)
    # Counting the rows of so large a table for a pager takes longer than any page.
    show_full_result_count = False
    exclude = ("inputs", "outputs")


@admin.register(RollUp)
class RollUpAdmin(ReadOnlyAdmin):
    list_display = ("quarter", "version", "requests", "rows", "failed", "cache_hits", "last_at")
    list_select_related = ("version__model",)
    date_hierarchy = "quarter"


@admin.register(Feedback)
class FeedbackAdmin(ReadOnlyAdmin):
    list_display = ("prediction_id", "row", "version", "correct", "error", "given_by", "updated_at")
    list_select_related = ("version__model", "given_by")
    search_fields = ("=prediction_id",)
    ordering = ("-id",)
    show_full_result_count = False


@admin.register(QualityRollUp)
class QualityRollUpAdmin(ReadOnlyAdmin):
    list_display = ("day", "version", "user", "labelled", "correct", "measured")
    list_select_related = ("version__model", "user")
    date_hierarchy = "day"


@admin.register(BatchJob)
class BatchJobAdmin(ReadOnlyAdmin):
    list_display = ("id", "version", "user", "status", "format", "rows", "rows_done", "rows_failed",
                    "created_at")  # fmt: skip
    list_filter = ("status", "format")
    list_select_related = ("version__model", "user")
    search_fields = ("=id", "filename")


@admin.register(BatchStep)
class BatchStepAdmin(ReadOnlyAdmin):
    list_display = ("job", "kind", "number", "state", "attempts", "rows", "failed", "lease_until")
    list_filter = ("state", "kind")
    list_select_related = ("job",)
    search_fields = ("=job__id",)


@admin.register(PredictionJob)
class PredictionJobAdmin(ReadOnlyAdmin):
    list_display = ("id", "version", "user", "state", "attempts", "created_at", "finished_at",
                    "callback_attempts")  # fmt: skip
    list_filter = ("state",)
    list_select_related = ("version__model", "user")
    search_fields = ("=id",)
    exclude = ("body", "prediction")


@admin.register(Pin)
class PinAdmin(ReadOnlyAdmin):
    list_display = ("version", "pinned_by", "created_at")
    list_select_related = ("version__model", "pinned_by")
