"""Rate limits, for operators."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import services
from accounts.api import actor
from accounts.api.limit_serializers import LimitInput, LimitOutput, LimitUpdateInput
from accounts.models import LimitPolicy
from accounts.selectors.limits import get_limit, list_limits
from common.api.conditional import ConditionalMixin


class LimitListView(ConditionalMixin, GenericAPIView[Any]):
    """The policies there are."""

    scopes = "org:admin"
    queryset = LimitPolicy.objects.none()
    serializer_class: type[Any] = LimitOutput

    @extend_schema(responses=LimitOutput(many=True), operation_id="admin_limits_list")
    def get(self, request: Request) -> Response:
        """List rate limits, newest first. Whom none is for has the built-in ones."""
        rows = self.paginate_queryset(list_limits(actor(request)))
        return self.get_paginated_response(LimitOutput(rows, many=True).data)

    @extend_schema(
        request=LimitInput, responses={201: LimitOutput}, operation_id="admin_limits_create"
    )
    def post(self, request: Request) -> Response:
        """Set the rates of one user, key or organization, or of all that have none of their own."""
        form = LimitInput(data=request.data)
        form.is_valid(raise_exception=True)
        policy = services.create_limit(actor=actor(request), **form.validated_data)
        return Response(
            LimitOutput(policy).data,
            status=status.HTTP_201_CREATED,
            headers={"Location": f"/api/v1/admin/limits/{policy.id}"},
        )


class LimitView(ConditionalMixin, GenericAPIView[Any]):
    """One policy."""

    scopes = "org:admin"
    serializer_class: type[Any] = LimitOutput

    @extend_schema(responses=LimitOutput, operation_id="admin_limits_get")
    def get(self, request: Request, policy_id: UUID) -> Response:
        """A rate limit."""
        return Response(LimitOutput(get_limit(actor(request), policy_id)).data)

    @extend_schema(
        request=LimitUpdateInput, responses=LimitOutput, operation_id="admin_limits_partial_update"
    )
    def patch(self, request: Request, policy_id: UUID) -> Response:
        """Change the rates; what is absent stays. It holds everywhere within a second."""
        form = LimitUpdateInput(data=request.data)
        form.is_valid(raise_exception=True)
        policy = get_limit(actor(request), policy_id)
        policy = services.update_limit(policy, form.validated_data, actor=actor(request))
        return Response(LimitOutput(policy).data)

    @extend_schema(
        request=LimitUpdateInput, responses=LimitOutput, operation_id="admin_limits_update"
    )
    def put(self, request: Request, policy_id: UUID) -> Response:
        """The same as PATCH."""
        return self.patch(request, policy_id)

    @extend_schema(
        responses={204: OpenApiResponse(description="Deleted.")},
        operation_id="admin_limits_delete",
    )
    def delete(self, request: Request, policy_id: UUID) -> Response:
        """Delete a rate limit: the default of its kind holds then."""
        policy = get_limit(actor(request), policy_id)
        services.delete_limit(policy, actor=actor(request))
        return Response(status=status.HTTP_204_NO_CONTENT)
