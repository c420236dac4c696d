"""The routes of past predictions."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from accounts.api import actor
from common.api.conditional import ConditionalMixin
from inference import selectors
from inference.api.prediction_serializers import (
    PredictionDetailOutput,
    PredictionFilter,
    PredictionPageOutput,
)


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


class PredictionView(ConditionalMixin):
    """One prediction."""

    scopes = "predictions:read"

    @extend_schema(responses=PredictionDetailOutput, operation_id="predictions_get")
    def get(self, request: Request, prediction_id: UUID) -> Response:
        """A prediction with what went in and what came out."""
        found = selectors.get_prediction(actor(request), prediction_id)
        return Response(PredictionDetailOutput(found).data)
