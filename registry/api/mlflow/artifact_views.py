"""Files that MLflow's clients log and load: raw bodies, streamed to disk and from it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import structlog
from django.conf import settings
from django.http import FileResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from common.errors import Unavailable
from common.storage import CHUNK, Receiver
from registry.api.mlflow.calls import READ, WRITE, MlflowView
from registry.errors import BadSource, NothingLogged
from registry.mlflow import place as places
from registry.mlflow.listing import children
from registry.mlflow.paths import locate
from registry.services import logged

logger = structlog.get_logger(__name__)
FILE = {"application/octet-stream": OpenApiTypes.BINARY}


class ArtifactListView(MlflowView):
    """What is in a folder."""

    @extend_schema(
        responses=OpenApiTypes.OBJECT,
        operation_id="mlflow_list_artifacts",
        parameters=[OpenApiParameter("path", str, description="The folder.")],
    )
    def get(self, request: Request, organization: str | None = None) -> Response:
        """Files and folders right below a path."""
        place = self.place(request, organization)
        where = locate(self.asked(request).text("path"))
        rows = places.files_of(places.find_holder(place, where), where.rest)
        return Response({"files": children(rows, where.rest)})


class ArtifactView(MlflowView):
    """One file."""

    scopes = {"get": READ, "put": WRITE, "delete": WRITE}

    @extend_schema(
        responses={(200, "application/octet-stream"): bytes}, operation_id="mlflow_download"
    )
    def get(self, request: Request, path: str, organization: str | None = None) -> FileResponse:
        """A file, as it was logged."""
        where = locate(path)
        holder = places.find_holder(self.place(request, organization), where)
        row = places.files_of(holder).filter(path=where.rest).first()
        if row is None:
            raise NothingLogged(f"There is no file {path[:200]!r}.")
        try:
            file = logged.folder_of(holder).open(row.sha256)
        except FileNotFoundError:
            logger.exception("logged_file_missing", holder=str(holder.id), sha256=row.sha256)
            raise Unavailable("The file is not on this server's disk.") from None
        name = row.path.rpartition("/")[2]
        return FileResponse(
            file, as_attachment=True, filename=name, content_type="application/octet-stream"
        )

    @extend_schema(request=FILE, responses=OpenApiTypes.OBJECT, operation_id="mlflow_upload")
    def put(self, request: Request, path: str, organization: str | None = None) -> Response:
        """Keep a file of a run or of a logged model. The body is the file."""
        place = self.place(request, organization)
        where = locate(path)
        if not where.rest:
            raise BadSource(f"{path[:200]!r} is a folder, and no file's path.")
        holder = places.find_holder(place, where)
        receiver = Receiver(most=int(settings.MODEL_MAX_BYTES))
        try:
            for chunk in _body(request):
                receiver.write(chunk)
        except BaseException:
            receiver.abort()
            raise
        received = receiver.finish()
        try:
            logged.keep_file(holder, where.rest, received, place=place)
        finally:
            received.drop()  # what was kept lies elsewhere by now
        return Response({})

    @extend_schema(
        request=None, responses=OpenApiTypes.OBJECT, operation_id="mlflow_delete_artifact"
    )
    def delete(self, request: Request, path: str, organization: str | None = None) -> Response:
        """Delete a file, or a folder with all that is in it."""
        place, where = self.place(request, organization), locate(path)
        logged.delete_files(places.find_holder(place, where), where.rest, place=place)
        return Response({})


class ServerInfoView(MlflowView):
    """What this server can do."""

    @extend_schema(responses=OpenApiTypes.OBJECT, operation_id="mlflow_server_info")
    def get(self, request: Request, organization: str | None = None) -> Response:
        """One body a file, and no more than one organization by an address."""
        self.place(request, organization)
        return Response(
            {
                "store_type": "SqlStore",
                "workspaces_enabled": False,
                "trace_archival_enabled": False,
                "multipart_uploads_enabled": False,
                "multipart_downloads_enabled": False,
            }
        )


def _body(request: Request) -> Iterator[bytes]:
    """The body, piece by piece, from the connection."""
    stream: Any = request._request
    while chunk := stream.read(CHUNK):
        yield chunk
