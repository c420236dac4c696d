"""The prediction route as a plain view."""

from __future__ import annotations

import dataclasses

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api import actor
from inference import predict
from inference.api.serializers import PredictInput, PredictionOutput
from inference.journal.record import Door


class PredictView(APIView):
    """Real-time predictions."""

    scopes = "predict"

    @extend_schema(request=PredictInput, responses=PredictionOutput, operation_id="models_predict")
    def post(self, request: Request, ref: str) -> Response:
        """Ask a model. Rows are checked against its signature, every fault named at once."""
        answer = predict.predict(ref, lambda: request.data, actor=actor(request), door=Door.NATIVE)
        return Response(dataclasses.asdict(answer.prediction), headers=dict(answer.notices))
