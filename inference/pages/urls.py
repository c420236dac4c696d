from django.urls import re_path

from inference.pages import views
from registry.refs import MODEL_PATH

urlpatterns = [
    re_path(rf"^models/{MODEL_PATH}/playground$", views.playground, name="playground"),
]
