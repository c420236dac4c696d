from django.urls import re_path

from inference.api import views
from registry.refs import REF_PATTERN

urlpatterns = [
    re_path(rf"^models/(?P<ref>{REF_PATTERN})/predict$", views.PredictView.as_view()),
]
