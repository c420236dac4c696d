"""Reports by mail."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import actor
from analytics import selectors, services
from analytics.models import About, Every, Report
from common.api.conditional import ConditionalMixin
from common.api.serializers import Input, Output

SCOPES = {"get": "analytics:read", "post": "account:write", "delete": "account:write"}


class ReportInput(Input):
    about = serializers.ChoiceField(
        About.choices, help_text="`model`, `dashboard` for all of one's models, or `platform`."
    )
    model = serializers.CharField(
        required=False,
        allow_blank=True,
        default="",
        max_length=200,
        help_text="Which, for a report of a model.",
    )
    every = serializers.ChoiceField(Every.choices, help_text="For the day, week or month before.")
    tz = serializers.CharField(
        required=False, default="UTC", max_length=50, help_text="Where days begin."
    )


class ReportOutput(Output):
    id = serializers.UUIDField(help_text="The report's id.")
    about = serializers.ChoiceField(About.choices, help_text="What it is about.")
    model = serializers.SerializerMethodField(help_text="`owner/name`, or null.")
    every = serializers.ChoiceField(Every.choices, help_text="How often.")
    tz = serializers.CharField(help_text="Where its days begin.")
    due_at = serializers.DateTimeField(help_text="When it is sent next.")
    last_sent_at = serializers.DateTimeField(allow_null=True, help_text="When it was sent last.")
    last_error = serializers.CharField(help_text="Why it could not be sent.")
    created_at = serializers.DateTimeField(help_text="When it was asked for.")

    def get_model(self, row: Report) -> str | None:
        return row.subject if row.model_id else None


class ReportsView(ConditionalMixin, GenericAPIView[Any]):
    """Something about reports."""

    scopes: Any = SCOPES
    queryset = Report.objects.none()
    serializer_class: type[Any] = ReportOutput


class ReportListView(ReportsView):
    """One's reports."""

    @extend_schema(responses=ReportOutput(many=True), operation_id="reports_list")
    def get(self, request: Request) -> Response:
        """List one's reports, newest first."""
        rows = self.paginate_queryset(selectors.list_reports(actor(request)))
        return self.get_paginated_response(ReportOutput(rows, many=True).data)

    @extend_schema(
        request=ReportInput, responses={201: ReportOutput}, operation_id="reports_create"
    )
    def post(self, request: Request) -> Response:
        """Have figures mailed to one's own address, as CSV and PDF, at the end of each period."""
        form = ReportInput(data=request.data)
        form.is_valid(raise_exception=True)
        made = services.create_report(actor=actor(request), **form.validated_data)
        return Response(
            ReportOutput(made).data,
            status=status.HTTP_201_CREATED,
            headers={"Location": f"/api/v1/reports/{made.id}"},
        )


class ReportView(ReportsView):
    """One report."""

    @extend_schema(responses=ReportOutput, operation_id="reports_get")
    def get(self, request: Request, report_id: UUID) -> Response:
        """A report's details."""
        return Response(ReportOutput(selectors.get_report(actor(request), report_id)).data)

    @extend_schema(
        responses={204: OpenApiResponse(description="Cancelled.")}, operation_id="reports_delete"
    )
    def delete(self, request: Request, report_id: UUID) -> Response:
        """Send it no more."""
        who = actor(request)
        services.delete_report(selectors.get_report(who, report_id), actor=who)
        return Response(status=status.HTTP_204_NO_CONTENT)


class SendReportView(ReportsView):
    """Sending a report now."""

    @extend_schema(request=None, responses={202: ReportOutput}, operation_id="reports_send")
    def post(self, request: Request, report_id: UUID) -> Response:
        """Have it sent within a minute, besides its turns."""
        who = actor(request)
        services.send_report_now(selectors.get_report(who, report_id), actor=who)
        found = selectors.get_report(who, report_id)
        return Response(ReportOutput(found).data, status=status.HTTP_202_ACCEPTED)
