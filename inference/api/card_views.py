"""What there is to know of versions: one as a card, several side by side."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.template.loader import render_to_string
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import actor
from common.api.conditional import ConditionalMixin
from common.errors import Fault, Invalid
from inference import cards
from inference.api.lineage_serializers import LineageOutput
from inference.api.serializers import CardOutput, VersionComparisonOutput, shown
from inference.lineage import lineage

FORMATS = ("json", "markdown")


class CardView(ConditionalMixin):
    """A model card, filled from the file and from traffic."""

    scopes = "models:read"

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        """`format` is ours here."""
        renderer = self.get_renderers()[0]
        return renderer, renderer.media_type

    @extend_schema(
        parameters=[OpenApiParameter("format", str, enum=FORMATS, description="As what.")],
        responses={(200, "application/json"): CardOutput, (200, "text/markdown"): str},
        operation_id="models_card",
    )
    def get(self, request: Request, ref: str) -> Any:
        """What a version takes and gives, what it was made with, and how it does."""
        kind = request.query_params.get("format") or "json"
        if kind not in FORMATS:
            message = f"format is one of {', '.join(FORMATS)}."
            raise Invalid(message, errors=[Fault("?format", message, "invalid_choice")])
        found = cards.card(actor(request), ref)
        if kind == "json":
            return Response(shown([found])[0])
        text = render_to_string("inference/card.md", {"card": found, "days": cards.LIVE_DAYS})
        return HttpResponse(text, content_type="text/markdown; charset=utf-8")


class LineageView(ConditionalMixin):
    """Where a version comes from, and what came of it."""

    scopes = "models:read"

    @extend_schema(responses=LineageOutput, operation_id="models_lineage")
    def get(self, request: Request, ref: str) -> Response:
        """The file, dataset, run and versions it was made from; its predictions; what it became."""
        return Response(LineageOutput(lineage(actor(request), ref)).data)


class CompareVersionsView(ConditionalMixin):
    """Several versions side by side."""

    scopes = "models:read"

    @extend_schema(
        parameters=[
            OpenApiParameter(
                "refs", str, required=True, description="Two to ten references, with commas."
            )
        ],
        responses=VersionComparisonOutput,
        operation_id="models_compare",
    )
    def get(self, request: Request) -> Response:
        """Compare versions of one model, or of several: signature, size, speed, live figures."""
        refs = [ref for ref in request.query_params.get("refs", "").split(",") if ref]
        found = cards.compare(actor(request), refs)
        return Response({"differs": found.differs, "versions": shown(found.cards)})
