"""API keys."""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import selectors, services
from accounts.api import actor
from accounts.api.doors import PublicView
from accounts.api.serializers import (
    KeyInput,
    KeyOutput,
    KeyUpdateInput,
    LeakInput,
    LeakOutput,
    NewKeyOutput,
    RollInput,
)
from accounts.models import ApiKey
from common.api.conditional import ConditionalMixin

MOST_LEAKS = 100
SCOPES = {
    "get": "account:read",
    "post": "account:write",
    "put": "account:write",
    "patch": "account:write",
    "delete": "account:write",
}


def new_key_response(made: services.NewKey) -> Response:
    """A key that was just made: the one answer where the key itself stands."""
    return Response(
        {**KeyOutput(made.row).data, "key": made.secret},
        status=status.HTTP_201_CREATED,
        headers={"Location": f"/api/v1/api-keys/{made.row.id}", "Cache-Control": "no-store"},
    )


class KeyListView(ConditionalMixin, GenericAPIView[Any]):
    """The keys one can see, and the way to a new one."""

    scopes = SCOPES
    queryset = ApiKey.objects.none()
    serializer_class: type[Any] = KeyOutput

    @extend_schema(responses=KeyOutput(many=True), operation_id="api_keys_list")
    def get(self, request: Request) -> Response:
        """List API keys, newest first, revoked and expired ones too. Never the keys themselves."""
        rows = self.paginate_queryset(selectors.list_keys(actor(request)))
        return self.get_paginated_response(KeyOutput(rows, many=True).data)

    @extend_schema(request=KeyInput, responses={201: NewKeyOutput}, operation_id="api_keys_create")
    def post(self, request: Request) -> Response:
        """Make an API key. The answer is the only place where the key itself ever stands."""
        form = KeyInput(data=request.data)
        form.is_valid(raise_exception=True)
        return new_key_response(
            services.create_api_key(actor=actor(request), **form.validated_data)
        )


class KeyView(ConditionalMixin, GenericAPIView[Any]):
    """One key."""

    scopes = SCOPES
    serializer_class: type[Any] = KeyOutput

    def key(self, request: Request, key_id: UUID) -> ApiKey:
        return selectors.get_key(actor(request), key_id)

    @extend_schema(responses=KeyOutput, operation_id="api_keys_get")
    def get(self, request: Request, key_id: UUID) -> Response:
        """A key's details."""
        return Response(KeyOutput(self.key(request, key_id)).data)

    @extend_schema(
        request=KeyUpdateInput, responses=KeyOutput, operation_id="api_keys_partial_update"
    )
    def patch(self, request: Request, key_id: UUID) -> Response:
        """Change any of it; what is absent stays. No key gives another what it lacks itself."""
        form = KeyUpdateInput(data=request.data)
        form.is_valid(raise_exception=True)
        key = services.update_api_key(
            self.key(request, key_id), form.validated_data, actor=actor(request)
        )
        return Response(KeyOutput(key).data)

    @extend_schema(request=KeyUpdateInput, responses=KeyOutput, operation_id="api_keys_update")
    def put(self, request: Request, key_id: UUID) -> Response:
        """The same as PATCH."""
        return self.patch(request, key_id)

    @extend_schema(
        responses={204: OpenApiResponse(description="Revoked.")}, operation_id="api_keys_delete"
    )
    def delete(self, request: Request, key_id: UUID) -> Response:
        """Revoke a key. It stays listed as revoked."""
        services.revoke_api_key(self.key(request, key_id), actor=actor(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class KeyRevokeView(KeyView):
    """Revoking, for clients that have no DELETE."""

    http_method_names = ["post", "options"]

    @extend_schema(request=None, responses=KeyOutput, operation_id="api_keys_revoke")
    def post(self, request: Request, key_id: UUID) -> Response:
        """Revoke a key; doing it twice is doing it once."""
        key = services.revoke_api_key(self.key(request, key_id), actor=actor(request))
        return Response(KeyOutput(key).data)


class KeyRollView(KeyView):
    """Changing a key without an interruption."""

    http_method_names = ["post", "options"]

    @extend_schema(request=RollInput, responses={201: NewKeyOutput}, operation_id="api_keys_roll")
    def post(self, request: Request, key_id: UUID) -> Response:
        """Make a key like this one; this one works on for `overlap_seconds`, then ends."""
        form = RollInput(data=request.data)
        form.is_valid(raise_exception=True)
        overlap = timedelta(seconds=form.validated_data["overlap_seconds"])
        key = self.key(request, key_id)
        return new_key_response(services.roll_api_key(key, actor=actor(request), overlap=overlap))


class LeakedKeysView(PublicView):
    """Keys found in the open, reported by secret scanners or whoever finds one."""

    @extend_schema(
        request=LeakInput(many=True),
        responses=LeakOutput(many=True),
        operation_id="api_keys_leaked",
        auth=[],
    )
    def post(self, request: Request) -> Response:
        """Report leaked keys, in the form of GitHub's secret scanning partner programme.

        Each key of ours is revoked at once and its owner told; the answer says which were ours.
        """
        form = LeakInput(many=True, data=request.data, max_length=MOST_LEAKS)  # type: ignore[call-arg]
        form.is_valid(raise_exception=True)
        verdicts = [
            {
                "token_hash": sha256(leak["token"].encode()).hexdigest(),
                "token_type": leak["type"],
                "label": services.report_leaked_key(leak["token"], found_at=leak["url"]),
            }
            for leak in form.validated_data
        ]
        return Response(LeakOutput(verdicts, many=True).data)
