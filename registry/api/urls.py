from django.urls import path, re_path

from registry.api import views
from registry.refs import MODEL_PATTERN, REF_PATTERN

urlpatterns = [
    path("models", views.ModelListView.as_view(), name="api-models"),
    re_path(rf"^models/(?P<ref>{REF_PATTERN})/download$", views.DownloadView.as_view()),
    re_path(rf"^models/(?P<ref>{MODEL_PATTERN})/versions$", views.VersionListView.as_view()),
    re_path(
        rf"^models/(?P<ref>{MODEL_PATTERN})/versions/(?P<number>[0-9]{{1,9}})$",
        views.VersionView.as_view(),
    ),
    re_path(rf"^models/(?P<ref>{MODEL_PATTERN})$", views.ModelView.as_view(), name="api-model"),
]
