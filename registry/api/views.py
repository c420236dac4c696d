"""The registry's routes."""

from __future__ import annotations

from typing import Any

from django.http import FileResponse
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.generics import GenericAPIView
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import actor
from common.api.conditional import ConditionalMixin
from common.api.filters import FilterBackend
from common.http.uploads import ReceivedFile, quarantined_uploads
from registry import downloads, selectors, services
from registry.api.serializers import (
    ModelFilter,
    ModelOutput,
    ModelUpdateInput,
    UploadInput,
    VersionOutput,
    VersionUpdateInput,
)
from registry.models import Model, ModelVersion

BINARY = {(200, "application/octet-stream"): bytes}
SCOPES = {
    "get": "models:read",
    "post": "models:write",
    "put": "models:write",
    "patch": "models:write",
    "delete": "models:write",
}


class RegistryView(ConditionalMixin, GenericAPIView[Any]):
    """Scopes by method; a model or version by the reference in the path."""

    scopes = SCOPES
    serializer_class: type[Any] = ModelOutput

    def model(self, request: Request, ref: str) -> Model:
        return selectors.get_model(actor(request), ref)

    def shown(self, rows: Any, *, many: bool = False) -> ModelOutput:
        """Models as this caller sees them."""
        return ModelOutput(rows, many=many, context=self.get_serializer_context())

    def version(self, request: Request, ref: str, number: int) -> ModelVersion:
        return selectors.get_version(self.model(request, ref), number)


class ModelListView(RegistryView):
    """The models one can see, and the way in for new ones."""

    queryset = Model.objects.none()
    filterset_class = ModelFilter
    filter_backends = [FilterBackend]

    def get_parsers(self) -> list[Any]:
        return [MultiPartParser()]

    @extend_schema(responses=ModelOutput(many=True), operation_id="models_list")
    def get(self, request: Request) -> Response:
        """List models, newest first."""
        rows = self.paginate_queryset(self.filter_queryset(selectors.list_models(actor(request))))
        return self.get_paginated_response(self.shown(rows, many=True).data)

    @extend_schema(
        request={"multipart/form-data": UploadInput},
        responses={202: VersionOutput},
        operation_id="models_upload",
    )
    def post(self, request: Request) -> Response:
        """Upload a model file. The answer comes when it is kept; the pipeline goes on from there.

        Follow `steps` at `models/{ref}/versions/{n}` until `state` is `ready` or `rejected`.
        """
        with quarantined_uploads(request._request):
            form = UploadInput(data=request.data)
            form.is_valid(raise_exception=True)
            data = form.validated_data
            file: ReceivedFile = data.pop("file")
            upload = services.Upload(filename=file.name or "", **data)
            file.taken = True
            version = services.upload_file(file.received, upload, actor=actor(request))
        location = f"/api/v1/models/{version.model.reference}/versions/{version.number}"
        return Response(
            VersionOutput(version).data,
            status=status.HTTP_202_ACCEPTED,
            headers={"Location": location},
        )


class ModelView(RegistryView):
    """One model."""

    @extend_schema(responses=ModelOutput, operation_id="models_get")
    def get(self, request: Request, ref: str) -> Response:
        """A model's details."""
        return Response(self.shown(self.model(request, ref)).data)

    @extend_schema(
        request=ModelUpdateInput, responses=ModelOutput, operation_id="models_partial_update"
    )
    def patch(self, request: Request, ref: str) -> Response:
        """Change description, status, metadata or tags; what is absent stays."""
        form = ModelUpdateInput(data=request.data)
        form.is_valid(raise_exception=True)
        model = services.update_model(
            self.model(request, ref), form.validated_data, actor=actor(request)
        )
        return Response(self.shown(model).data)

    @extend_schema(request=ModelUpdateInput, responses=ModelOutput, operation_id="models_update")
    def put(self, request: Request, ref: str) -> Response:
        """The same as PATCH."""
        return self.patch(request, ref)

    @extend_schema(responses={204: OpenApiResponse(description="Deleted.")})
    def delete(self, request: Request, ref: str) -> Response:
        """Delete a model: it stays listed as archived and answers no more.

        Its versions' files go after MODEL_RETENTION_DAYS (30); until then PATCH `status` restores
        it. To keep the files, PATCH `status` to `archived` instead.
        """
        services.delete_model(self.model(request, ref), actor=actor(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class VersionListView(RegistryView):
    """A model's versions."""

    serializer_class = VersionOutput
    queryset = ModelVersion.objects.none()

    @extend_schema(responses=VersionOutput(many=True), operation_id="models_versions_list")
    def get(self, request: Request, ref: str) -> Response:
        """List a model's versions, newest first."""
        rows = self.paginate_queryset(selectors.list_versions(self.model(request, ref)))
        return self.get_paginated_response(VersionOutput(rows, many=True).data)


class VersionView(RegistryView):
    """One version of a model."""

    serializer_class = VersionOutput

    @extend_schema(responses=VersionOutput, operation_id="models_versions_get")
    def get(self, request: Request, ref: str, number: int) -> Response:
        """A version's details: its steps while it is checked, its figures once it is ready."""
        return Response(VersionOutput(self.version(request, ref, number)).data)

    @extend_schema(
        request=VersionUpdateInput,
        responses=VersionOutput,
        operation_id="models_versions_partial_update",
    )
    def patch(self, request: Request, ref: str, number: int) -> Response:
        """Change a version's status or signature; what is absent stays."""
        form = VersionUpdateInput(data=request.data)
        form.is_valid(raise_exception=True)
        version = services.update_version(
            self.version(request, ref, number), form.validated_data, actor=actor(request)
        )
        return Response(VersionOutput(version).data)

    @extend_schema(
        request=VersionUpdateInput, responses=VersionOutput, operation_id="models_versions_update"
    )
    def put(self, request: Request, ref: str, number: int) -> Response:
        """The same as PATCH."""
        return self.patch(request, ref, number)

    @extend_schema(
        responses={204: OpenApiResponse(description="Deleted.")},
        operation_id="models_versions_delete",
    )
    def delete(self, request: Request, ref: str, number: int) -> Response:
        """Delete a version that no alias leads to: it is archived, and answers no more.

        Its file goes after MODEL_RETENTION_DAYS (30); until then PATCH `status` restores it.
        """
        services.delete_version(self.version(request, ref, number), actor=actor(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class DownloadView(RegistryView):
    """The file of the version that a reference names, as it was uploaded."""

    @extend_schema(responses=BINARY, operation_id="models_download")
    def get(self, request: Request, ref: str) -> FileResponse:
        """Download the artifact. The digest is in `ETag`."""
        return downloads.artifact_response(selectors.resolve_for_use(actor(request), ref))
