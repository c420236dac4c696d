"""What happened: one's own activity and security events, and an organization's audit."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import actor
from accounts.api.history_serializers import (
    ActivityPageOutput,
    AuditFilter,
    AuditPageOutput,
    HistoryFilter,
)
from accounts.selectors import history
from accounts.selectors.places import get_organization
from common.api.conditional import ConditionalMixin
from common.api.pagination import cursor_response


class ActivityView(ConditionalMixin):
    """One's own history."""

    scopes = "account:read"

    @extend_schema(
        parameters=[HistoryFilter], responses=ActivityPageOutput, operation_id="users_me_activity"
    )
    def get(self, request: Request) -> Response:
        """What one did, and what was done to one's account and keys, newest first."""
        wanted = HistoryFilter(data=request.query_params).wanted()
        page = history.own_activity(actor(request), wanted)
        return cursor_response(request, ActivityPageOutput, page.rows, page.next_cursor)


class SecurityEventsView(ConditionalMixin):
    """Of one's own history, what concerns the safety of the account."""

    scopes = "account:read"

    @extend_schema(
        parameters=[HistoryFilter],
        responses=ActivityPageOutput,
        operation_id="users_me_security_events",
    )
    def get(self, request: Request) -> Response:
        """Log-ins, passwords, keys, sessions, refusals and what operators did, newest first."""
        wanted = HistoryFilter(data=request.query_params).wanted()
        page = history.own_security_events(actor(request), wanted)
        return cursor_response(request, ActivityPageOutput, page.rows, page.next_cursor)


class OrganizationAuditView(ConditionalMixin):
    """An organization's audit trail."""

    scopes = "org:admin"

    @extend_schema(
        parameters=[AuditFilter], responses=AuditPageOutput, operation_id="organizations_audit"
    )
    def get(self, request: Request, ref: str) -> Response:
        """All that happened in an organization, newest first. For its owners and admins.

        With `subject`, the history of one object.
        """
        wanted = AuditFilter(data=request.query_params).wanted()
        who = actor(request)
        page = history.organization_audit(who, get_organization(who, ref), wanted)
        return cursor_response(request, AuditPageOutput, page.rows, page.next_cursor)
