from django.urls import path

from config.pages import errors, metrics, status, views

urlpatterns = [
    path("", views.home, name="home"),
    path("status", status.status, name="status"),
    path("metrics", metrics.metrics, name="metrics"),
    path("docs/errors", errors.errors, name="errors"),
]
