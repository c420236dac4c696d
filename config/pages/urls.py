from django.urls import path

from config.pages import errors, metrics, views

urlpatterns = [
    path("", views.home, name="home"),
    path("metrics", metrics.metrics, name="metrics"),
    path("docs/errors", errors.errors, name="errors"),
]
