from django.urls import path, re_path

from analytics.pages import reports, views
from registry.refs import MODEL_PATH

urlpatterns = [
    path("analytics", views.dashboard, name="analytics"),
    path("analytics/compare", views.compare, name="analytics-compare"),
    path("analytics/platform", views.platform, name="analytics-platform"),
    path("analytics/reports", reports.reports, name="reports"),
    path("analytics/reports/<uuid:report_id>/send", reports.send, name="report-send"),
    path("analytics/reports/<uuid:report_id>/delete", reports.delete, name="report-delete"),
    path("analytics/count-me", views.count_me, name="analytics-count-me"),
    re_path(rf"^analytics/models/{MODEL_PATH}$", views.model, name="analytics-model"),
]
