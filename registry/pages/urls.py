from django.urls import path, re_path

from registry.pages import alias_views, share_views, views
from registry.refs import MODEL_PATH, NAME

urlpatterns = [
    path("models", views.models, name="models"),
    path("models/upload", views.upload, name="model-upload"),
    path("models/shared-with-me", share_views.shared_with_me, name="models-shared"),
    re_path(rf"^models/{MODEL_PATH}/share$", share_views.share, name="model-share"),
    re_path(
        rf"^models/{MODEL_PATH}/share/(?P<share_id>[0-9a-f-]{{36}})$",
        share_views.change_share,
        name="model-share-change",
    ),
    re_path(rf"^models/{MODEL_PATH}$", views.model, name="model"),
    re_path(rf"^models/{MODEL_PATH}/aliases$", alias_views.aliases, name="model-aliases"),
    re_path(
        rf"^models/{MODEL_PATH}/aliases/(?P<alias>{NAME})/rollback$",
        alias_views.rollback,
        name="model-alias-rollback",
    ),
    re_path(
        rf"^models/{MODEL_PATH}/aliases/(?P<alias>{NAME})/remove$",
        alias_views.remove,
        name="model-alias-remove",
    ),
    re_path(rf"^models/{MODEL_PATH}/history$", views.model_history, name="model-history"),
    re_path(
        rf"^models/{MODEL_PATH}/versions/(?P<number>[0-9]{{1,9}})$", views.version, name="version"
    ),
    re_path(
        rf"^models/{MODEL_PATH}/versions/(?P<number>[0-9]{{1,9}})/delete$",
        views.delete_version,
        name="version-delete",
    ),
    re_path(
        rf"^models/{MODEL_PATH}/versions/(?P<number>[0-9]{{1,9}})/restore$",
        views.restore_version,
        name="version-restore",
    ),
    re_path(
        rf"^models/{MODEL_PATH}/versions/(?P<number>[0-9]{{1,9}})/download$",
        views.download,
        name="version-download",
    ),
]
