from django.urls import path, re_path

from inference.api import batch_views, card_views, prediction_views, scoring_views, views
from registry.refs import REF_PATTERN

urlpatterns = [
    re_path(rf"^models/(?P<ref>{REF_PATTERN})/predict$", views.PredictView.as_view()),
    re_path(
        rf"^models/(?P<ref>{REF_PATTERN})/invocations$", scoring_views.InvocationsView.as_view()
    ),
    re_path(
        rf"^models/(?P<ref>{REF_PATTERN})/predict/batch$", batch_views.SubmitBatchView.as_view()
    ),
    re_path(rf"^models/(?P<ref>{REF_PATTERN})/predict/async$", views.PredictLaterView.as_view()),
    path("prediction-jobs/<uuid:job_id>", views.PredictionJobView.as_view()),
    path("batch-jobs", batch_views.BatchJobListView.as_view()),
    path("batch-jobs/<uuid:job_id>", batch_views.BatchJobView.as_view()),
    path("batch-jobs/<uuid:job_id>/result", batch_views.BatchResultView.as_view()),
    path("batch-jobs/<uuid:job_id>/cancel", batch_views.CancelBatchView.as_view()),
    path("predictions", prediction_views.PredictionListView.as_view()),
    path("models/compare", card_views.CompareVersionsView.as_view()),
    re_path(rf"^models/(?P<ref>{REF_PATTERN})/card$", card_views.CardView.as_view()),
    re_path(rf"^models/(?P<ref>{REF_PATTERN})/lineage$", card_views.LineageView.as_view()),
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
