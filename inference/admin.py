"""The operator's view of predictions."""

from __future__ import annotations

from django.contrib import admin

from common.admin import ReadOnlyAdmin
from inference.models import Prediction, RollUp


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
