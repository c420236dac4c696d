from django.urls import path, re_path

from inference.api import card_views, prediction_views, scoring_views, views
from registry.refs import REF_PATTERN

urlpatterns = [
    re_path(rf"^models/(?P<ref>{REF_PATTERN})/predict$", views.PredictView.as_view()),
    re_path(
        rf"^models/(?P<ref>{REF_PATTERN})/invocations$", scoring_views.InvocationsView.as_view()
    ),
    path("predictions", prediction_views.PredictionListView.as_view()),
    path("models/compare", card_views.CompareVersionsView.as_view()),
    re_path(rf"^models/(?P<ref>{REF_PATTERN})/card$", card_views.CardView.as_view()),
    path("predictions/compare", prediction_views.CompareView.as_view()),
    path("predictions/export", prediction_views.ExportView.as_view(), name="api-export"),
    path("predictions/feedback", prediction_views.ManyFeedbackView.as_view()),
    path(
        "predictions/<uuid:prediction_id>/feedback",
        prediction_views.FeedbackView.as_view(),
        name="api-feedback",
    ),
    path("predictions/<uuid:prediction_id>", prediction_views.PredictionView.as_view()),
]
