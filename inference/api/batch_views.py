"""Batch prediction: a file of rows in, a file of answers out."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import FileResponse
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.generics import GenericAPIView
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api import actor
from common.api.conditional import ConditionalMixin
from common.api.filters import FilterBackend
from common.api.queries import IDEMPOTENCY_KEY, idempotency_key
from common.http.uploads import ReceivedFile, quarantined_uploads
from inference import selectors, services
from inference.api.batch_serializers import BatchInput, BatchJobFilter, BatchJobOutput
from inference.models import BatchJob, FileFormat
from registry.selectors import resolve_for_use

CONTENT_TYPES = {
    FileFormat.CSV: "text/csv; charset=utf-8",
    FileFormat.JSONL: "application/x-ndjson",
    FileFormat.PARQUET: "application/vnd.apache.parquet",
}


class SubmitBatchView(APIView):
    """The way in."""

    scopes = "predict"
    parser_classes = [MultiPartParser]

    @extend_schema(
        parameters=[IDEMPOTENCY_KEY],
        request={"multipart/form-data": BatchInput},
        responses={202: BatchJobOutput},
        operation_id="models_predict_batch",
    )
    def post(self, request: Request, ref: str) -> Response:
        """Have a file of rows answered. The answer comes when the file is kept.

        Follow the job at `batch-jobs/{id}` until `status` is `succeeded`, then fetch its `result`.
        A row that can't be answered has its error in the result's column `error`.
        """
        key = idempotency_key(request)
        if not (key and services.knows_batch(key, actor=actor(request))):
            resolve_for_use(actor(request), ref)  # before a file is taken in that nobody may send
        with quarantined_uploads(request._request, most=settings.BATCH_MAX_BYTES):
            form = BatchInput(data=request.data)
            form.is_valid(raise_exception=True)
            data = dict(form.validated_data)
            file: ReceivedFile = data.pop("file")
            asked = services.BatchFile(filename=file.name or "", idempotency_key=key, **data)
            job = services.submit_batch(ref, file.received, asked, actor=actor(request))
        return Response(
            BatchJobOutput(job).data,
            status=status.HTTP_202_ACCEPTED,
            headers={"Location": f"/api/v1/batch-jobs/{job.id}"},
        )


class BatchJobListView(GenericAPIView[Any]):
    """Jobs one can see."""

    scopes = "predictions:read"
    serializer_class = BatchJobOutput
    queryset = BatchJob.objects.none()
    filterset_class = BatchJobFilter
    filter_backends = [FilterBackend]

    @extend_schema(responses=BatchJobOutput(many=True), operation_id="batch_jobs_list")
    def get(self, request: Request) -> Response:
        """List batch jobs, newest first."""
        rows = self.filter_queryset(selectors.list_batches(actor(request)))
        found = self.paginate_queryset(rows)
        return self.get_paginated_response(BatchJobOutput(found, many=True).data)


class BatchJobView(ConditionalMixin):
    """One job."""

    scopes = "predictions:read"

    @extend_schema(responses=BatchJobOutput, operation_id="batch_jobs_get")
    def get(self, request: Request, job_id: UUID) -> Response:
        """How far a batch job is."""
        return Response(BatchJobOutput(selectors.get_batch(actor(request), job_id)).data)


class BatchResultView(APIView):
    """What came of it."""

    scopes = "predictions:read"

    @extend_schema(
        responses={
            (200, "text/csv"): bytes,
            (200, "application/x-ndjson"): bytes,
            (200, "application/vnd.apache.parquet"): bytes,
            409: OpenApiResponse(description="There is no result yet, or no more."),
        },
        operation_id="batch_jobs_result",
    )
    def get(self, request: Request, job_id: UUID) -> FileResponse:
        """Download the result: a line for each row of the file, in its order."""
        return result_response(selectors.get_batch(actor(request), job_id))


class CancelBatchView(APIView):
    """The early end."""

    scopes = "predict"

    @extend_schema(request=None, responses=BatchJobOutput, operation_id="batch_jobs_cancel")
    def post(self, request: Request, job_id: UUID) -> Response:
        """End a batch job. What is answered already stays in the log; there is no result."""
        job = selectors.get_batch(actor(request), job_id)
        return Response(BatchJobOutput(services.cancel_batch(job, actor=actor(request))).data)


def result_response(job: BatchJob) -> FileResponse:
    """The result as an attachment. Raises BatchNotDone, ResultGone."""
    stem = job.filename.rpartition(".")[0] or job.version.model.name
    response = FileResponse(
        selectors.open_result(job),
        as_attachment=True,
        filename=f"{stem}-predictions.{job.format}",
        content_type=CONTENT_TYPES[FileFormat(job.format)],
    )
    response["ETag"] = f'"{job.result_sha256}"'
    return response
