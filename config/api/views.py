"""The operators' routes of the platform: figures, health, dashboard."""

from __future__ import annotations

from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api import actor
from common.api.conditional import ConditionalMixin
from config import dashboard, metrics
from config.api.serializers import DashboardOutput, HealthOutput, MetricsFilter, MetricsOutput

SCOPE = "org:admin"


class MetricsView(ConditionalMixin):
    """How the machine fared."""

    scopes = SCOPE

    @extend_schema(
        parameters=[MetricsFilter], responses=MetricsOutput, operation_id="admin_metrics"
    )
    def get(self, request: Request) -> Response:
        """The machine's figures by minute (kept 30 days) or hour (400 days). For operators."""
        form = MetricsFilter(data=request.query_params)
        form.is_valid(raise_exception=True)
        samples = metrics.samples(actor(request), **form.validated_data)
        resolution = form.validated_data["resolution"]
        return Response(MetricsOutput({"resolution": resolution, "samples": samples}).data)


class HealthView(APIView):
    """What this installation stands on."""

    scopes = SCOPE

    @extend_schema(responses=HealthOutput, operation_id="admin_health")
    def get(self, request: Request) -> Response:
        """Every part with its state. For operators; 200 whatever it is."""
        checks = dashboard.dependencies(actor(request))
        status = "ok" if all(check["ok"] for check in checks.values()) else "degraded"
        body = {"status": status, "version": settings.VERSION, "checks": checks}
        return Response(HealthOutput(body).data)


class DashboardView(APIView):
    """The platform at a glance."""

    scopes = SCOPE

    @extend_schema(responses=DashboardOutput, operation_id="admin_dashboard")
    def get(self, request: Request) -> Response:
        """People, models, predictions, queues, alarms and the audit trail. For operators."""
        return Response(DashboardOutput(dashboard.figures(actor(request))).data)
