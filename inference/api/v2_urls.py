from django.urls import path, re_path

from inference.api import v2_views
from registry.refs import REF_PATTERN

urlpatterns = [
    path("v2", v2_views.ServerView.as_view()),
    path("v2/health/live", v2_views.LiveView.as_view()),
    path("v2/health/ready", v2_views.ReadyView.as_view()),
    path("v2/models", v2_views.ModelsView.as_view()),
    path("v2/models/stats", v2_views.AllStatsView.as_view()),
    path("v2/repository/index", v2_views.IndexView.as_view()),
    re_path(rf"^v2/models/(?P<ref>{REF_PATTERN})$", v2_views.ModelView.as_view()),
    re_path(rf"^v2/models/(?P<ref>{REF_PATTERN})/ready$", v2_views.ModelReadyView.as_view()),
    re_path(rf"^v2/models/(?P<ref>{REF_PATTERN})/stats$", v2_views.StatsView.as_view()),
    re_path(rf"^v2/models/(?P<ref>{REF_PATTERN})/infer$", v2_views.InferView.as_view()),
]
