"""The routes of MLflow's server: below `/mlflow` one's own organization, else the one named."""

from __future__ import annotations

from typing import Any, Final

from django.urls import re_path

from registry.api.mlflow import artifact_views, logged_calls, registry_calls, tracking_calls
from registry.api.mlflow.calls import calls, views_of

__all__ = ["logged_calls", "registry_calls", "tracking_calls", "urlpatterns"]

SLUG: Final = "[A-Za-z0-9][A-Za-z0-9._-]{0,62}"
ROOT: Final = rf"^mlflow(?:/(?P<organization>(?!api/){SLUG}))?"


def _route(path: str, view: Any) -> Any:
    return re_path(rf"{ROOT}/api/{path}$", view)


urlpatterns = [
    *(_route(rf"2\.0/mlflow/{path}", view) for path, view in views_of(calls)),
    _route(r"2\.0/mlflow-artifacts/artifacts", artifact_views.ArtifactListView.as_view()),
    _route(r"2\.0/mlflow-artifacts/artifacts/(?P<path>.+)", artifact_views.ArtifactView.as_view()),
    _route(r"3\.0/mlflow/server-info", artifact_views.ServerInfoView.as_view()),
]
