from django.urls import path, re_path

from registry.pages import views
from registry.refs import MODEL_PATH

urlpatterns = [
    path("models", views.models, name="models"),
    path("models/upload", views.upload, name="model-upload"),
    re_path(rf"^models/{MODEL_PATH}$", views.model, name="model"),
    re_path(rf"^models/{MODEL_PATH}/history$", views.model_history, name="model-history"),
    re_path(
        rf"^models/{MODEL_PATH}/versions/(?P<number>[0-9]{{1,9}})$", views.version, name="version"
    ),
    re_path(
        rf"^models/{MODEL_PATH}/versions/(?P<number>[0-9]{{1,9}})/download$",
        views.download,
        name="version-download",
    ),
]
