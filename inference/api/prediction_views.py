"""The routes of past predictions."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import StreamingHttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param
from rest_framework.views import APIView

from accounts.api import actor
from common.api.conditional import ConditionalMixin
from inference import selectors, services
from inference.api.prediction_serializers import (
    CompareInput,
    CompareOutput,
    ExportInput,
    FeedbackInput,
    FeedbackOutput,
    ManyFeedbackInput,
    ManyFeedbackOutput,
    PredictionDetailOutput,
    PredictionFilter,
    PredictionPageOutput,
)
from inference.exports import export
from inference.services import Truth

CONTENT_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "json": "application/json",
    "parquet": "application/vnd.apache.parquet",
}
COMPARED = ("model", "version", "door", "status", "code", "rows", "inputs", "outputs")


class PredictionListView(ConditionalMixin):
    """What was asked."""

    scopes = "predictions:read"

    @extend_schema(
        parameters=[PredictionFilter],
        responses=PredictionPageOutput,
        operation_id="predictions_list",
    )
    def get(self, request: Request) -> Response:
        """List predictions, newest first. They appear within a second or so of the answer."""
        form = PredictionFilter(data=request.query_params)
        form.is_valid(raise_exception=True)
        wanted, limit = form.wanted()
        page = selectors.list_predictions(actor(request), wanted, limit=limit)
        following: Any = None
        if page.next_cursor:
            address = request.build_absolute_uri()
            following = replace_query_param(address, "cursor", str(page.next_cursor))
        return Response(PredictionPageOutput({"next": following, "results": page.rows}).data)


class ExportView(APIView):
    """The log as a file."""

    scopes = "predictions:read"

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        """`format` is ours here; an error is a problem in JSON."""
        renderer = self.get_renderers()[0]
        return renderer, renderer.media_type

    @extend_schema(
        parameters=[ExportInput],
        responses={
            (200, "text/csv"): bytes,
            (200, "application/json"): PredictionDetailOutput(many=True),
            (200, "application/vnd.apache.parquet"): bytes,
        },
        operation_id="predictions_export",
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        """Download all predictions that fit, newest first, however many there are."""
        form = ExportInput(data=request.query_params)
        form.is_valid(raise_exception=True)
        kind = form.validated_data["format"]
        wanted, _ = form.wanted()
        pieces = export(actor(request), wanted, kind)
        response = StreamingHttpResponse(pieces, content_type=CONTENT_TYPES[kind])
        response["Content-Disposition"] = f'attachment; filename="predictions.{kind}"'
        return response


class CompareView(ConditionalMixin):
    """Several predictions side by side."""

    scopes = "predictions:read"

    @extend_schema(
        parameters=[CompareInput], responses=CompareOutput, operation_id="predictions_compare"
    )
    def get(self, request: Request) -> Response:
        """Compare two to ten predictions."""
        form = CompareInput(data=request.query_params)
        form.is_valid(raise_exception=True)
        found = selectors.get_predictions(actor(request), form.validated_data["ids"])
        shown = PredictionDetailOutput(found, many=True).data
        differs = [name for name in COMPARED if any(row[name] != shown[0][name] for row in shown)]
        return Response({"differs": differs, "predictions": shown})


class FeedbackView(APIView):
    """What turned out to be true of one prediction."""

    scopes = {"get": "predictions:read", "post": "predictions:write"}

    @extend_schema(responses=FeedbackOutput(many=True), operation_id="predictions_feedback_list")
    def get(self, request: Request, prediction_id: UUID) -> Response:
        """List what was said, row by row."""
        found = selectors.get_prediction(actor(request), prediction_id)
        return Response(FeedbackOutput(selectors.list_feedback(found), many=True).data)

    @extend_schema(
        request=FeedbackInput, responses=FeedbackOutput, operation_id="predictions_feedback_create"
    )
    def post(self, request: Request, prediction_id: UUID) -> Response:
        """Say what was true of a row. Said again, the last word counts.

        It counts in the model's live accuracy at once. A prediction is there a second or so after
        its answer; until then this is a 404 with Retry-After.
        """
        form = FeedbackInput(data=request.data)
        form.is_valid(raise_exception=True)
        truth = Truth(prediction=prediction_id, **form.validated_data)
        (told,) = services.give_feedback([truth], actor=actor(request))
        if told.error is not None:
            raise told.error
        return Response(FeedbackOutput(told.feedback).data)


class ManyFeedbackView(APIView):
    """The same for many at once."""

    scopes = "predictions:write"

    @extend_schema(
        request=ManyFeedbackInput,
        responses=ManyFeedbackOutput,
        operation_id="predictions_feedback_many",
    )
    def post(self, request: Request) -> Response:
        """Say what was true of up to 1,000 rows, by prediction or by your own correlation id.

        Each is judged by itself: `results` says what became of which.
        """
        form = ManyFeedbackInput(data=request.data)
        form.is_valid(raise_exception=True)
        truths = [Truth(**item) for item in form.validated_data["items"]]
        told = services.give_feedback(truths, actor=actor(request))
        accepted = sum(one.feedback is not None for one in told)
        return Response(ManyFeedbackOutput({"accepted": accepted, "results": told}).data)


class PredictionView(ConditionalMixin):
    """One prediction."""

    scopes = "predictions:read"

    @extend_schema(responses=PredictionDetailOutput, operation_id="predictions_get")
    def get(self, request: Request, prediction_id: UUID) -> Response:
        """A prediction with what went in and what came out."""
        found = selectors.get_prediction(actor(request), prediction_id)
        return Response(PredictionDetailOutput(found).data)
