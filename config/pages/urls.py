from django.urls import path

from config.pages import errors, views

urlpatterns = [
    path("", views.home, name="home"),
    path("docs/errors", errors.errors, name="errors"),
]
