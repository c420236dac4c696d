"""Refreshing tokens, logging out, and the list of one's sessions."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.exceptions import NotAuthenticated
from rest_framework.generics import GenericAPIView
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import selectors, services
from accounts.actors import Actor
from accounts.api import actor
from accounts.api.session_serializers import LogoutInput, SessionOutput
from accounts.errors import NoSession
from accounts.models import Session
from common.api.conditional import ConditionalMixin
from common.api.queries import flag

GONE = OpenApiResponse(description="Done.")


class LogoutView(APIView):
    """The way out."""

    permission_classes = (AllowAny,)
    scopes = None

    @extend_schema(request=LogoutInput, responses={204: GONE}, operation_id="auth_logout")
    def post(self, request: Request) -> Response:
        """End the session of the access token, or of the refresh token in the body.

        A refresh token that is not valid has nothing left to end: that is a 204 as well.
        """
        form = LogoutInput(data=request.data)
        form.is_valid(raise_exception=True)
        refresh = form.validated_data.get("refresh", "")
        if refresh:
            services.end_by_refresh_token(refresh)
        elif isinstance(request.auth, Actor):
            _end_own(request.auth)
        else:
            raise NotAuthenticated
        return Response(status=status.HTTP_204_NO_CONTENT)


def _end_own(who: Actor) -> None:
    if who.session_id is None:
        raise NoSession("A key has no session to log out of. Revoke it instead.")
    services.end_session(selectors.get_session(who, who.session_id), actor_id=who.id)


class SessionsView(ConditionalMixin, GenericAPIView[Any]):
    """Where one is logged in."""

    scopes = {"get": "account:read", "delete": "account:write"}
    queryset = Session.objects.none()
    serializer_class: type[Any] = SessionOutput

    def shown(self, rows: Any, *, many: bool = False) -> SessionOutput:
        return SessionOutput(rows, many=many, context=self.get_serializer_context())

    @extend_schema(responses=SessionOutput(many=True), operation_id="auth_sessions_list")
    def get(self, request: Request) -> Response:
        """List the sessions that are alive, the last used first."""
        rows = self.paginate_queryset(selectors.list_sessions(actor(request)))
        return self.get_paginated_response(self.shown(rows, many=True).data)

    @extend_schema(
        parameters=[
            OpenApiParameter(
                "all", bool, description="End the session that asks, too; it is kept otherwise."
            )
        ],
        responses={204: GONE},
        operation_id="auth_sessions_delete_all",
    )
    def delete(self, request: Request) -> Response:
        """Log out everywhere else, or with `all=true` here as well. API keys go on working."""
        who = actor(request)
        keep = None if flag(request, "all") else who.session_id
        services.end_sessions(who.user, actor_id=who.id, reason="revoked", keep=keep)
        return Response(status=status.HTTP_204_NO_CONTENT)


class SessionView(SessionsView):
    """One session."""

    @extend_schema(responses=SessionOutput, operation_id="auth_sessions_get")
    def get(self, request: Request, session_id: UUID) -> Response:  # type: ignore[override]
        """A session's details."""
        return Response(self.shown(selectors.get_session(actor(request), session_id)).data)

    @extend_schema(responses={204: GONE}, operation_id="auth_sessions_delete")
    def delete(self, request: Request, session_id: UUID) -> Response:  # type: ignore[override]
        """End a session: its tokens or cookie do nothing from now on."""
        who = actor(request)
        session = selectors.get_session(who, session_id)
        services.end_session(session, actor_id=who.id, reason="revoked")
        return Response(status=status.HTTP_204_NO_CONTENT)
