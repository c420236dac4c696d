"""Every route, from the root. Routes carry no trailing slash; `SlashMiddleware` takes both."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView
from drf_spectacular.views import (
    SpectacularJSONAPIView,
    SpectacularRedocView,
    SpectacularSwaggerView,
)

from accounts.pages.session_views import console_login
from common.http import health

handler400 = "common.http.views.bad_request"
handler403 = "common.http.views.permission_denied"
handler404 = "common.http.views.not_found"
handler500 = "common.http.views.server_error"

api = [
    path("", include("accounts.api.urls")),
    path("", include("analytics.api.urls")),
    path("", include("webhooks.api.urls")),
    path("", include("inference.api.urls")),
    path("", include("registry.api.urls")),
    path("", include("config.api.urls")),
]

urlpatterns = [
    path("health", health.health, name="health"),
    path("health/db", health.health_database, name="health-database"),
    path("ready", health.ready, name="ready"),
    path("live", health.live, name="live"),
    path("openapi.json", SpectacularJSONAPIView.as_view(), name="openapi"),
    path("docs", SpectacularSwaggerView.as_view(url_name="openapi"), name="docs"),
    path("redoc", SpectacularRedocView.as_view(url_name="openapi"), name="redoc"),
    # The console's own form would change a password without ending the tokens from before.
    path("admin/password_change/", RedirectView.as_view(pattern_name="profile")),
    path("admin/login/", console_login),
    path("admin/", admin.site.urls),
    path("api/v1/", include(api)),
    path("", include("inference.api.door_urls")),
    path("", include("registry.api.mlflow.urls")),
    path("", include("config.pages.urls")),
    path("", include("accounts.pages.urls")),
    path("", include("analytics.pages.urls")),
    path("", include("webhooks.pages.urls")),
    path("", include("inference.pages.urls")),
    path("", include("registry.pages.urls")),
]
