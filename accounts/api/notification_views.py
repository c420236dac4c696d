"""The notification centre: what one was told, and how one wants to be told."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import services
from accounts.api import actor
from accounts.api.notification_serializers import (
    NotificationFilter,
    NotificationOutput,
    PreferencesInput,
    PreferencesOutput,
    ReadAllOutput,
)
from accounts.models import Notification
from accounts.selectors import notifications
from common.api.conditional import ConditionalMixin

UNREAD = [NotificationFilter]


class NotificationListView(ConditionalMixin, GenericAPIView[Any]):
    """What one was told."""

    scopes = "account:read"
    queryset = Notification.objects.none()
    serializer_class: type[Any] = NotificationOutput

    @extend_schema(
        parameters=UNREAD,
        responses=NotificationOutput(many=True),
        operation_id="notifications_list",
    )
    def get(self, request: Request) -> Response:
        """List notifications, newest first."""
        rows = notifications.list_notifications(actor(request), unread=_unread(request))
        page = self.paginate_queryset(rows)
        return self.get_paginated_response(NotificationOutput(page, many=True).data)


class OperatorNotificationListView(NotificationListView):
    """What the operators were told."""

    scopes = "org:admin"

    @extend_schema(
        parameters=UNREAD,
        responses=NotificationOutput(many=True),
        operation_id="admin_notifications_list",
    )
    def get(self, request: Request) -> Response:
        """List the notifications about the platform, newest first. For operators."""
        rows = notifications.list_operator_notifications(actor(request), unread=_unread(request))
        page = self.paginate_queryset(rows)
        return self.get_paginated_response(NotificationOutput(page, many=True).data)


class NotificationReadView(APIView):
    """Reading one."""

    scopes = "account:write"

    @extend_schema(
        request=None, responses=NotificationOutput, operation_id="notifications_mark_read"
    )
    def post(self, request: Request, notification_id: UUID) -> Response:
        """Note that it was read; doing it twice is doing it once."""
        note = services.mark_read(notification_id, actor=actor(request))
        return Response(NotificationOutput(note).data)


class ReadAllView(APIView):
    """Reading all."""

    scopes = "account:write"

    @extend_schema(
        request=None, responses=ReadAllOutput, operation_id="notifications_mark_all_read"
    )
    def post(self, request: Request) -> Response:
        """Note that all were read."""
        return Response(ReadAllOutput({"read": services.mark_all_read(actor=actor(request))}).data)


class PreferencesView(ConditionalMixin):
    """How one wants to be told."""

    scopes = {"get": "account:read", "put": "account:write", "patch": "account:write"}

    @extend_schema(responses=PreferencesOutput, operation_id="notification_preferences_get")
    def get(self, request: Request) -> Response:
        """Every type of event one may be told of, with the choice that holds."""
        return Response(PreferencesOutput(notifications.preferences(actor(request))).data)

    @extend_schema(
        request=PreferencesInput,
        responses=PreferencesOutput,
        operation_id="notification_preferences_partial_update",
    )
    def patch(self, request: Request) -> Response:
        """Change how one is told; what is absent stays."""
        form = PreferencesInput(data=request.data)
        form.is_valid(raise_exception=True)
        data: dict[str, Any] = form.validated_data
        services.set_preferences(
            actor=actor(request), digest=data.get("digest"), channels=data.get("types")
        )
        return self.get(request)

    @extend_schema(
        request=PreferencesInput,
        responses=PreferencesOutput,
        operation_id="notification_preferences_update",
    )
    def put(self, request: Request) -> Response:
        """The same as PATCH."""
        return self.patch(request)


def _unread(request: Request) -> bool:
    form = NotificationFilter(data=request.query_params)
    form.is_valid(raise_exception=True)
    return bool(form.validated_data["unread"])
