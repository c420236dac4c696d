from django.urls import path, re_path

from analytics.api import views
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
    path("users/me/statistics", views.OwnStatisticsView.as_view(), name="api-statistics"),
    path(
        "users/me/predictions/analytics",
        views.OwnPredictionsView.as_view(),
        name="api-own-predictions",
    ),
]
