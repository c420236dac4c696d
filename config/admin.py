"""The operator's view of the platform's own figures."""

from __future__ import annotations

from django.contrib import admin

from common.admin import ReadOnlyAdmin
from config.models import MetricHour, MetricSample


@admin.register(MetricSample)
class MetricSampleAdmin(ReadOnlyAdmin):
    list_display = ("at", "values")
    date_hierarchy = "at"


@admin.register(MetricHour)
class MetricHourAdmin(ReadOnlyAdmin):
    list_display = ("at", "samples", "values")
    date_hierarchy = "at"
