"""The operator's view of reports."""

from __future__ import annotations

from django.contrib import admin

from analytics.models import Report
from common.admin import ReadOnlyAdmin


@admin.register(Report)
class ReportAdmin(ReadOnlyAdmin):
    list_display = ("user", "about", "model", "every", "due_at", "last_sent_at", "last_error")
    list_filter = ("about", "every")
    list_select_related = ("user", "model")
