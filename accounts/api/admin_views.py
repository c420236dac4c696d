"""The operators' routes: accounts, what everybody does, and the audit trail."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api import actor
from accounts.api.admin_serializers import (
    AccountDetailOutput,
    AccountOutput,
    BulkInput,
    BulkOutput,
    PlatformAuditPageOutput,
    UserFilter,
)
from accounts.api.history_serializers import ActivityPageOutput, AuditFilter
from accounts.models import User
from accounts.selectors import history, operators
from accounts.services.bulk import change_users
from common.api.conditional import ConditionalMixin
from common.api.pagination import cursor_response

SCOPE = "org:admin"


class AccountListView(ConditionalMixin, GenericAPIView[Any]):
    """Every account."""

    scopes = SCOPE
    queryset = User.objects.none()
    serializer_class: type[Any] = AccountOutput

    @extend_schema(
        parameters=[UserFilter],
        responses=AccountOutput(many=True),
        operation_id="admin_users_list",
    )
    def get(self, request: Request) -> Response:
        """List, search and order the accounts. For operators."""
        form = UserFilter(data=request.query_params)
        form.is_valid(raise_exception=True)
        given = {k: v for k, v in form.validated_data.items() if not k.startswith("page")}
        rows = self.paginate_queryset(operators.list_users(actor(request), **given))
        return self.get_paginated_response(AccountOutput(rows, many=True).data)


class AccountView(ConditionalMixin):
    """One account."""

    scopes = SCOPE

    @extend_schema(responses=AccountDetailOutput, operation_id="admin_users_get")
    def get(self, request: Request, user_id: UUID) -> Response:
        """An account with the steps of its life. For operators."""
        user = operators.get_user(actor(request), user_id)
        user.history = operators.status_history(user)  # type: ignore[attr-defined]  # to be shown
        return Response(AccountDetailOutput(user).data)


class BulkView(APIView):
    """Many accounts at once."""

    scopes = SCOPE

    @extend_schema(request=BulkInput, responses=BulkOutput, operation_id="admin_users_bulk")
    def post(self, request: Request) -> Response:
        """Activate, suspend, deactivate or delete accounts. For operators.

        Each has its own result; the answer is 200 whatever they are.
        """
        form = BulkInput(data=request.data)
        form.is_valid(raise_exception=True)
        outcomes = change_users(**form.validated_data, actor=actor(request))
        return Response(BulkOutput({"results": outcomes}).data)


class EverybodysActivityView(ConditionalMixin):
    """What people do."""

    scopes = SCOPE

    @extend_schema(
        parameters=[AuditFilter], responses=ActivityPageOutput, operation_id="admin_activity"
    )
    def get(self, request: Request) -> Response:
        """What everybody did, newest first. For operators."""
        wanted = AuditFilter(data=request.query_params).wanted()
        page = history.everybodys_activity(actor(request), wanted)
        return cursor_response(request, ActivityPageOutput, page.rows, page.next_cursor)


class PlatformAuditView(ConditionalMixin):
    """The whole audit trail."""

    scopes = SCOPE

    @extend_schema(
        parameters=[AuditFilter], responses=PlatformAuditPageOutput, operation_id="admin_audit"
    )
    def get(self, request: Request) -> Response:
        """All that happened, newest first, and whether the trail holds. For operators."""
        wanted = AuditFilter(data=request.query_params).wanted()
        who = actor(request)
        page = history.platform_audit(who, wanted)
        state = operators.audit_state(who)
        return cursor_response(
            request, PlatformAuditPageOutput, page.rows, page.next_cursor, state=state
        )
