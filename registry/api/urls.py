from django.urls import path, re_path

from registry.api import alias_views, share_views, views
from registry.refs import MODEL_PATTERN, NAME, REF_PATTERN

UUID = "[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"

urlpatterns = [
    path("models", views.ModelListView.as_view(), name="api-models"),
    path("models/shared-with-me", share_views.SharedWithMeView.as_view(), name="api-shared"),
    re_path(
        rf"^models/(?P<ref>{MODEL_PATTERN})/shares$",
        share_views.SharesView.as_view(),
        name="api-shares",
    ),
    re_path(
        rf"^models/(?P<ref>{MODEL_PATTERN})/shares/(?P<share_id>{UUID})$",
        share_views.ShareView.as_view(),
        name="api-share",
    ),
    re_path(
        rf"^models/(?P<ref>{MODEL_PATTERN})/aliases$",
        alias_views.AliasListView.as_view(),
        name="api-aliases",
    ),
    re_path(
        rf"^models/(?P<ref>{MODEL_PATTERN})/aliases/(?P<alias>{NAME})$",
        alias_views.AliasView.as_view(),
        name="api-alias",
    ),
    re_path(
        rf"^models/(?P<ref>{MODEL_PATTERN})/aliases/(?P<alias>{NAME})/history$",
        alias_views.AliasHistoryView.as_view(),
    ),
    re_path(
        rf"^models/(?P<ref>{MODEL_PATTERN})/aliases/(?P<alias>{NAME})/rollback$",
        alias_views.AliasRollbackView.as_view(),
    ),
    re_path(rf"^models/(?P<ref>{REF_PATTERN})/download$", views.DownloadView.as_view()),
    re_path(rf"^models/(?P<ref>{MODEL_PATTERN})/versions$", views.VersionListView.as_view()),
    re_path(
        rf"^models/(?P<ref>{MODEL_PATTERN})/versions/(?P<number>[0-9]{{1,9}})$",
        views.VersionView.as_view(),
    ),
    re_path(rf"^models/(?P<ref>{MODEL_PATTERN})$", views.ModelView.as_view(), name="api-model"),
]
