"""Names that lead to versions."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import actor
from registry import selectors, services
from registry.api.alias_serializers import (
    AliasInput,
    AliasMoveOutput,
    AliasOutput,
    AliasUpdateInput,
    ReasonInput,
)
from registry.api.views import RegistryView
from registry.models import Alias, AliasMove


class AliasListView(RegistryView):
    """A model's aliases."""

    serializer_class: type[Any] = AliasOutput
    queryset = Alias.objects.none()

    @extend_schema(responses=AliasOutput(many=True), operation_id="models_aliases_list")
    def get(self, request: Request, ref: str) -> Response:
        """List a model's aliases by name."""
        rows = self.paginate_queryset(selectors.list_aliases(self.model(request, ref)))
        return self.get_paginated_response(AliasOutput(rows, many=True).data)

    @extend_schema(
        request=AliasInput, responses={201: AliasOutput}, operation_id="models_aliases_create"
    )
    def post(self, request: Request, ref: str) -> Response:
        """Have an alias lead to a version, as PUT does."""
        form = AliasInput(data=request.data)
        form.is_valid(raise_exception=True)
        data = dict(form.validated_data)
        alias, number = data.pop("alias"), data.pop("version")
        found = services.set_alias(
            self.model(request, ref), alias, number, actor=actor(request), **data
        )
        where = f"/api/v1/models/{found.model.reference}/aliases/{found.name}"
        return Response(
            AliasOutput(found).data, status=status.HTTP_201_CREATED, headers={"Location": where}
        )


class AliasView(RegistryView):
    """One alias."""

    serializer_class = AliasOutput

    @extend_schema(responses=AliasOutput, operation_id="models_aliases_get")
    def get(self, request: Request, ref: str, alias: str) -> Response:
        """Where an alias leads."""
        return Response(AliasOutput(selectors.get_alias(self.model(request, ref), alias)).data)

    @extend_schema(
        request=AliasUpdateInput, responses=AliasOutput, operation_id="models_aliases_update"
    )
    def put(self, request: Request, ref: str, alias: str) -> Response:
        """Have an alias lead to a version, once that version has answered its own example.

        Calls are answered by the old version until the new one is loaded, and by none other.
        """
        form = AliasUpdateInput(data=request.data)
        form.is_valid(raise_exception=True)
        data = dict(form.validated_data)
        number = data.pop("version")
        found = services.set_alias(
            self.model(request, ref), alias, number, actor=actor(request), **data
        )
        return Response(AliasOutput(found).data)

    @extend_schema(
        request=AliasUpdateInput,
        responses=AliasOutput,
        operation_id="models_aliases_partial_update",
    )
    def patch(self, request: Request, ref: str, alias: str) -> Response:
        """The same as PUT."""
        return self.put(request, ref, alias)

    @extend_schema(
        responses={204: OpenApiResponse(description="Done.")}, operation_id="models_aliases_delete"
    )
    def delete(self, request: Request, ref: str, alias: str) -> Response:
        """Remove an alias: what names it is answered with 404 from then on."""
        services.remove_alias(self.model(request, ref), alias, actor=actor(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class AliasHistoryView(RegistryView):
    """Where an alias has led."""

    serializer_class = AliasMoveOutput
    queryset = AliasMove.objects.none()

    @extend_schema(responses=AliasMoveOutput(many=True), operation_id="models_aliases_history")
    def get(self, request: Request, ref: str, alias: str) -> Response:
        """List an alias's moves, the latest first: from where, to where, by whom, why."""
        moves = selectors.list_moves(self.model(request, ref), alias)
        rows = self.paginate_queryset(moves)
        return self.get_paginated_response(AliasMoveOutput(rows, many=True).data)


class AliasRollbackView(RegistryView):
    """One step back."""

    serializer_class = AliasOutput

    @extend_schema(
        request=ReasonInput, responses=AliasOutput, operation_id="models_aliases_rollback"
    )
    def post(self, request: Request, ref: str, alias: str) -> Response:
        """Have an alias lead where it led before its last move; again, to where before that."""
        form = ReasonInput(data=request.data)
        form.is_valid(raise_exception=True)
        found = services.rollback_alias(
            self.model(request, ref), alias, actor=actor(request), **form.validated_data
        )
        return Response(AliasOutput(found).data)
