"""Single predictions: the native route as a plain view, and calls that are answered later."""

from __future__ import annotations

import dataclasses
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api import actor
from common.api.conditional import ConditionalMixin
from common.api.queries import IDEMPOTENCY_KEY, idempotency_key
from inference import predict, selectors, services
from inference.api.serializers import (
    PredictInput,
    PredictionJobOutput,
    PredictionOutput,
    PredictLaterInput,
)
from inference.journal.record import Door
from inference.prediction_jobs import told


class PredictView(APIView):
    """Real-time predictions."""

    scopes = "predict"

    @extend_schema(request=PredictInput, responses=PredictionOutput, operation_id="models_predict")
    def post(self, request: Request, ref: str) -> Response:
        """Ask a model. Rows are checked against its signature, every fault named at once."""
        answer = predict.predict(ref, lambda: request.data, actor=actor(request), door=Door.NATIVE)
        return Response(dataclasses.asdict(answer.prediction), headers=dict(answer.notices))


class PredictLaterView(APIView):
    """Predictions that nobody waits for."""

    scopes = "predict"

    @extend_schema(
        parameters=[IDEMPOTENCY_KEY],
        request=PredictLaterInput,
        responses={202: PredictionJobOutput},
        operation_id="models_predict_async",
    )
    def post(self, request: Request, ref: str) -> Response:
        """Ask a model, and fetch the answer later, or be told of it.

        What does not fit the signature is refused here. Follow the job at `prediction-jobs/{id}`,
        give a `callback_url`, or have a webhook told of `prediction_job.succeeded` and `.failed`.
        """
        key = idempotency_key(request)
        job = services.submit_prediction(
            ref, request.data, actor=actor(request), idempotency_key=key
        )
        return Response(
            told(job),
            status=status.HTTP_202_ACCEPTED,
            headers={"Location": f"/api/v1/prediction-jobs/{job.id}"},
        )


class PredictionJobView(ConditionalMixin):
    """One of them."""

    scopes = "predictions:read"

    @extend_schema(responses=PredictionJobOutput, operation_id="prediction_jobs_get")
    def get(self, request: Request, job_id: UUID) -> Response:
        """What became of a call: its answer, or the problem it met. Kept for seven days."""
        return Response(told(selectors.get_prediction_job(actor(request), job_id)))
