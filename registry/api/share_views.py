"""Who else gets at a model."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import actor
from registry import selectors, services
from registry.api.serializers import ModelOutput
from registry.api.share_serializers import ShareInput, ShareOutput, ShareUpdateInput
from registry.api.views import RegistryView
from registry.models import Model, ModelShare


class SharedWithMeView(RegistryView):
    """What others have given one."""

    queryset = Model.objects.none()

    @extend_schema(responses=ModelOutput(many=True), operation_id="models_shared_with_me")
    def get(self, request: Request) -> Response:
        """List the models others share with the caller, or with a team of theirs."""
        rows = self.paginate_queryset(selectors.list_shared(actor(request)))
        return self.get_paginated_response(self.shown(rows, many=True).data)


class SharesView(RegistryView):
    """A model's shares."""

    serializer_class: type[Any] = ShareOutput
    queryset = ModelShare.objects.none()

    @extend_schema(responses=ShareOutput(many=True), operation_id="models_shares_list")
    def get(self, request: Request, ref: str) -> Response:
        """List whom a model is shared with, newest first. For who owns it."""
        found = selectors.list_shares(self.model(request, ref), actor=actor(request))
        rows = self.paginate_queryset(found)
        return self.get_paginated_response(ShareOutput(rows, many=True).data)

    @extend_schema(
        request=ShareInput, responses={201: ShareOutput}, operation_id="models_shares_create"
    )
    def post(self, request: Request, ref: str) -> Response:
        """Share a model by e-mail or with a team. Who has no account yet gets an invitation."""
        form = ShareInput(data=request.data)
        form.is_valid(raise_exception=True)
        model = self.model(request, ref)
        share = services.share_model(model, actor=actor(request), **form.validated_data)
        return Response(
            ShareOutput(share).data,
            status=status.HTTP_201_CREATED,
            headers={"Location": f"/api/v1/models/{model.reference}/shares/{share.id}"},
        )


class ShareView(RegistryView):
    """One share, for who owns the model and for whose it is."""

    serializer_class = ShareOutput

    def share(self, request: Request, ref: str, share_id: str) -> ModelShare:
        model = self.model(request, ref)
        return selectors.get_share(model, UUID(share_id), actor=actor(request))

    @extend_schema(responses=ShareOutput, operation_id="models_shares_get")
    def get(self, request: Request, ref: str, share_id: str) -> Response:
        """A share's details."""
        return Response(ShareOutput(self.share(request, ref, share_id)).data)

    @extend_schema(
        request=ShareUpdateInput,
        responses=ShareOutput,
        operation_id="models_shares_partial_update",
    )
    def patch(self, request: Request, ref: str, share_id: str) -> Response:
        """Give more or less than before."""
        form = ShareUpdateInput(data=request.data)
        form.is_valid(raise_exception=True)
        share = self.share(request, ref, share_id)
        changed = services.change_share(share, actor=actor(request), **form.validated_data)
        return Response(ShareOutput(changed).data)

    @extend_schema(
        request=ShareUpdateInput, responses=ShareOutput, operation_id="models_shares_update"
    )
    def put(self, request: Request, ref: str, share_id: str) -> Response:
        """The same as PATCH."""
        return self.patch(request, ref, share_id)

    @extend_schema(
        responses={204: OpenApiResponse(description="Done.")}, operation_id="models_shares_delete"
    )
    def delete(self, request: Request, ref: str, share_id: str) -> Response:
        """Take a share back; or give back what one was given."""
        services.revoke_share(self.share(request, ref, share_id), actor=actor(request))
        return Response(status=status.HTTP_204_NO_CONTENT)
