"""The operator's view of predictions."""

from __future__ import annotations

from django.contrib import admin

from common.admin import ReadOnlyAdmin
from inference.models import Feedback, Pin, Prediction, QualityRollUp, RollUp


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


@admin.register(Pin)
class PinAdmin(ReadOnlyAdmin):
    list_display = ("version", "pinned_by", "created_at")
    list_select_related = ("version__model", "pinned_by")
