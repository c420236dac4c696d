"""Figures of models, people and the platform."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import actor
from analytics import selectors, services
from analytics.api.renderers import CSVRenderer, parts, table
from analytics.api.serializers import (
    ComparisonOutput,
    CountingOutput,
    DashboardFiguresOutput,
    ModelFiguresOutput,
    PersonFiguresOutput,
    PlatformFiguresOutput,
    PreferenceInput,
    StatisticsOutput,
)
from analytics.periods import MOST_DAYS, Period, Resolution, parse_period
from common.api.conditional import ConditionalMixin
from common.api.queries import only
from common.api.renderers import JSONRenderer

READ = "analytics:read"
PERIOD = [
    OpenApiParameter("days", int, description=f"The last days, today included; to {MOST_DAYS}."),
    OpenApiParameter("from", str, description="The first day, or a moment (RFC 3339)."),
    OpenApiParameter("to", str, description="The last day, or a moment. Default: now."),
    OpenApiParameter("tz", str, description="The zone in which days begin: a name, or +05:45."),
    OpenApiParameter(
        "resolution", str, enum=[str(one) for one in Resolution],
        description="How long a point of `daily` is. At most 2,000 points.",
    ),
    OpenApiParameter("format", str, enum=["json", "csv"], description="CSV is one table:"),
    OpenApiParameter("part", str, description="which one, by the field's name, or `summary`."),
]  # fmt: skip


class FiguresView(ConditionalMixin):
    """Figures of a period, as JSON or CSV."""

    scopes: Any = READ
    renderer_classes = [JSONRenderer, CSVRenderer]
    parameters = frozenset(one.name for one in PERIOD)

    def period(self, request: Request) -> Period:
        only(request, self.parameters)
        return parse_period(request.query_params)

    def answer(self, body: dict[str, Any], name: str, request: Request) -> Response:
        if request.accepted_renderer.format != CSVRenderer.format:
            return Response(body)
        part = request.query_params.get("part", "")
        safe = "".join(c if c.isalnum() or c in "-_." else "-" for c in f"{name}-{part}".strip("-"))
        return Response(
            table(parts(body), part),
            headers={"Content-Disposition": f'attachment; filename="{safe}.csv"'},
        )


class ModelFiguresView(FiguresView):
    """One model's figures."""

    @extend_schema(parameters=PERIOD, responses=ModelFiguresOutput, operation_id="analytics_model")
    def get(self, request: Request, ref: str) -> Response:
        """How a model, or one version of it, does. For the people of its organization."""
        found = selectors.model_figures(actor(request), ref, self.period(request))
        return self.answer(ModelFiguresOutput(found).data, ref, request)


class CompareView(FiguresView):
    """Several models side by side."""

    parameters = FiguresView.parameters | {"refs"}

    @extend_schema(
        parameters=[
            OpenApiParameter("refs", str, required=True, description="References, with commas."),
            *PERIOD,
        ],
        responses=ComparisonOutput,
        operation_id="analytics_compare",
    )
    def get(self, request: Request) -> Response:
        """Up to ten models or versions, over one period."""
        refs = [ref for ref in request.query_params.get("refs", "").split(",") if ref]
        found = selectors.compare_models(actor(request), refs, self.period(request))
        return self.answer(ComparisonOutput({"models": found}).data, "comparison", request)


class UserDashboardView(FiguresView):
    """One's models at a glance."""

    @extend_schema(
        parameters=PERIOD, responses=DashboardFiguresOutput, operation_id="analytics_user_dashboard"
    )
    def get(self, request: Request) -> Response:
        """How the models of one's organizations do, together and each."""
        found = selectors.user_dashboard(actor(request), self.period(request))
        return self.answer(DashboardFiguresOutput(found).data, "dashboard", request)


class PlatformOverviewView(FiguresView):
    """The platform at a glance."""

    scopes = "org:admin"

    @extend_schema(
        parameters=PERIOD,
        responses=PlatformFiguresOutput,
        operation_id="analytics_platform_overview",
    )
    def get(self, request: Request) -> Response:
        """How the platform is used. For operators."""
        found = selectors.platform_overview(actor(request), self.period(request))
        return self.answer(PlatformFiguresOutput(found).data, "platform", request)


class OwnStatisticsView(FiguresView):
    """What one did."""

    scopes = {"get": "account:read", "patch": "account:write"}

    @extend_schema(
        parameters=PERIOD, responses=StatisticsOutput, operation_id="users_me_statistics"
    )
    def get(self, request: Request) -> Response:
        """One's predictions, log-ins, uploads and storage."""
        found = selectors.person_statistics(actor(request), self.period(request))
        return self.answer(StatisticsOutput(found).data, "statistics", request)

    @extend_schema(
        request=PreferenceInput,
        responses=CountingOutput,
        operation_id="users_me_statistics_update",
    )
    def patch(self, request: Request) -> Response:
        """Say whether one is counted in operators' figures of feature use."""
        form = PreferenceInput(data=request.data)
        form.is_valid(raise_exception=True)
        services.set_counted(actor=actor(request), **form.validated_data)
        return Response(CountingOutput(form.validated_data).data)


class OwnPredictionsView(FiguresView):
    """What one asked."""

    @extend_schema(
        parameters=PERIOD,
        responses=PersonFiguresOutput,
        operation_id="users_me_predictions_analytics",
    )
    def get(self, request: Request) -> Response:
        """One's own predictions by model, hour and weekday, of models shared with one, too."""
        found = selectors.person_figures(actor(request), self.period(request))
        return self.answer(PersonFiguresOutput(found).data, "predictions", request)
