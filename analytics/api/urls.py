from django.urls import path, re_path

from analytics.api import report_views, views
from registry.refs import REF_PATTERN

urlpatterns = [
    path("analytics/models/compare", views.CompareView.as_view(), name="api-analytics-compare"),
    re_path(
        rf"^analytics/models/(?P<ref>{REF_PATTERN})$",
        views.ModelFiguresView.as_view(),
        name="api-analytics-model",
    ),
    path("analytics/user-dashboard", views.UserDashboardView.as_view(), name="api-analytics-user"),
    path(
        "analytics/platform-overview",
        views.PlatformOverviewView.as_view(),
        name="api-analytics-platform",
    ),
    path("reports", report_views.ReportListView.as_view(), name="api-reports"),
    path("reports/<uuid:report_id>", report_views.ReportView.as_view(), name="api-report"),
    path(
        "reports/<uuid:report_id>/send",
        report_views.SendReportView.as_view(),
        name="api-report-send",
    ),
    path("users/me/statistics", views.OwnStatisticsView.as_view(), name="api-statistics"),
    path(
        "users/me/predictions/analytics",
        views.OwnPredictionsView.as_view(),
        name="api-own-predictions",
    ),
]
