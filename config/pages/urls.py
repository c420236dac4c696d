from django.urls import path

from config.pages import views

urlpatterns = [path("", views.home, name="home")]
