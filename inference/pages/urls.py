from django.urls import path, re_path

from inference.pages import batches, cards, predictions, views
from registry.refs import MODEL_PATH

urlpatterns = [
    re_path(rf"^models/{MODEL_PATH}/playground$", views.playground, name="playground"),
    re_path(rf"^models/{MODEL_PATH}/predict/batch$", batches.submit, name="batch-submit"),
    re_path(rf"^models/{MODEL_PATH}/card$", cards.card, name="model-card"),
    re_path(rf"^models/{MODEL_PATH}/compare$", cards.compare, name="model-compare"),
    path("batch-jobs", batches.batch_jobs, name="batch-jobs"),
    path("batch-jobs/<uuid:job_id>", batches.batch_job, name="batch-job"),
    path("batch-jobs/<uuid:job_id>/result", batches.batch_result, name="batch-result"),
    path("batch-jobs/<uuid:job_id>/cancel", batches.batch_cancel, name="batch-cancel"),
    path("predictions", predictions.predictions, name="predictions"),
    path("predictions/export", predictions.predictions_export, name="predictions-export"),
    path("predictions/<uuid:prediction_id>", predictions.prediction, name="prediction"),
]
