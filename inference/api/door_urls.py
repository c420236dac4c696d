from django.urls import path, re_path

from inference.api import scoring_views, v2_views
from registry.refs import REF_PATTERN

urlpatterns = [
    path("ping", scoring_views.PingView.as_view()),
    path("invocations", scoring_views.DefaultInvocationsView.as_view()),
    path("v1/models", scoring_views.V1ModelsView.as_view()),
    re_path(rf"^v1/models/(?P<ref>{REF_PATTERN})$", scoring_views.V1ModelView.as_view()),
    re_path(rf"^v1/models/(?P<ref>{REF_PATTERN}):predict$", scoring_views.V1PredictView.as_view()),
    path("v2", v2_views.ServerView.as_view()),
    path("v2/health/live", v2_views.LiveView.as_view()),
    path("v2/health/ready", v2_views.ReadyView.as_view()),
    path("v2/models", v2_views.ModelsView.as_view()),
    path("v2/models/stats", v2_views.AllStatsView.as_view()),
    path("v2/repository/index", v2_views.IndexView.as_view()),
    re_path(rf"^v2/models/(?P<ref>{REF_PATTERN})$", v2_views.ModelView.as_view()),
    re_path(rf"^v2/repository/models/(?P<ref>{REF_PATTERN})/load$", v2_views.LoadView.as_view()),
    re_path(
        rf"^v2/repository/models/(?P<ref>{REF_PATTERN})/unload$", v2_views.UnloadView.as_view()
    ),
    re_path(rf"^v2/models/(?P<ref>{REF_PATTERN})/config$", v2_views.ConfigView.as_view()),
    re_path(rf"^v2/models/(?P<ref>{REF_PATTERN})/ready$", v2_views.ModelReadyView.as_view()),
    re_path(rf"^v2/models/(?P<ref>{REF_PATTERN})/stats$", v2_views.StatsView.as_view()),
    re_path(rf"^v2/models/(?P<ref>{REF_PATTERN})/infer$", v2_views.InferView.as_view()),
]
