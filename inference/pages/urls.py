from django.urls import path, re_path

from inference.pages import predictions, views
from registry.refs import MODEL_PATH

urlpatterns = [
    re_path(rf"^models/{MODEL_PATH}/playground$", views.playground, name="playground"),
    path("predictions", predictions.predictions, name="predictions"),
    path("predictions/export", predictions.predictions_export, name="predictions-export"),
    path("predictions/<uuid:prediction_id>", predictions.prediction, name="prediction"),
]
