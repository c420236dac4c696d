"""What holds for every request: its id, its body's length, its path, the headers of its answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import IO

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, UnreadablePostError

from common.api.problems import as_domain_error
from common.context import request_context
from common.errors import DomainError, TooLarge
from common.http.address import client_origin
from common.http.mlflow import REGISTRY
from common.http.views import answer_error

GetResponse = Callable[[HttpRequest], HttpResponse]
WITH_BODY = {"POST", "PUT", "PATCH"}


class RequestContextMiddleware:
    """Give the request an id (the caller's, where well-formed) and echo it."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-ID", "")
        with request_context(given, client_origin(request.META)) as request_id:
            response = self.get_response(request)
            response["X-Request-ID"] = request_id
            return response


class SecurityHeadersMiddleware:
    """The content security policy; the admin has a looser one, which its theme needs."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        policy = (
            settings.ADMIN_CONTENT_SECURITY_POLICY
            if request.path.startswith("/admin")
            else settings.CONTENT_SECURITY_POLICY
        )
        response.setdefault("Content-Security-Policy", policy)
        response.setdefault("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
        return response


class BodyGuardMiddleware:
    """Refuse a body of unknown length (411) or of more than we take (413) before reading it.

    WSGI hands a chunked body over without CONTENT_LENGTH, and Django would take it for empty: an
    upload would become an empty file.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        fault = self._fault(request)
        if fault:
            return answer_error(request, fault)
        if request.META.get("CONTENT_LENGTH"):
            # Django reads a body that ends early as if it were whole: half a file would pass.
            stream = WholeBody(request._stream, int(request.META["CONTENT_LENGTH"]))
            request._stream = stream  # type: ignore[assignment]  # all that Django asks of it
        return self.get_response(request)

    def _fault(self, request: HttpRequest) -> DomainError | None:
        length = request.META.get("CONTENT_LENGTH") or ""
        if not length:
            chunked = "HTTP_TRANSFER_ENCODING" in request.META and request.method in WITH_BODY
            return LengthRequired() if chunked and not _is_empty_artifact(request) else None
        if not (length.isascii() and length.isdigit()):
            return LengthRequired("Content-Length must be a whole number.")
        most = _most_bytes(request)
        if int(length) > most:
            advice = (
                PREDICT_ADVICE if request.path.rstrip("/").endswith(("/predict", "/infer")) else ""
            )
            return TooLarge(
                f"The body has {int(length):,} bytes; {most:,} is the most that is taken here."
                f"{advice}",
                code="body_too_large",
            )
        return None


class WholeBody:
    """A request body that must be as long as it said: an early end is an error."""

    def __init__(self, stream: IO[bytes], length: int) -> None:
        self._stream = stream
        self._left = length

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        return self._count(data, ended=size < 0 or not data)

    def readline(self, size: int = -1) -> bytes:
        data = self._stream.readline(size)
        return self._count(data, ended=not data)

    def close(self) -> None:
        """Django closes a body once it has read the whole of it."""
        self._stream.close()

    def _count(self, data: bytes, *, ended: bool) -> bytes:
        self._left -= len(data)
        if ended and self._left > 0:
            raise UnreadablePostError("The body is shorter than its Content-Length.")
        return data


def _most_bytes(request: HttpRequest) -> int:
    """The cap on the body: a model's or a batch's for an upload, else a request's."""
    if request.method == "PUT" and is_artifact(request):
        return int(settings.MODEL_MAX_BYTES)
    if (request.content_type or "") == "multipart/form-data":
        path = request.path.rstrip("/")
        if path in UPLOAD_PATHS:
            return int(settings.MODEL_MAX_BYTES) + OTHER_FIELDS
        if path.endswith(BATCH_PATH):
            return int(settings.BATCH_MAX_BYTES) + OTHER_FIELDS
    return int(settings.REQUEST_MAX_BYTES)


def is_artifact(request: HttpRequest) -> bool:
    """Whether the address is of a file that an MLflow client logs: its body is streamed."""
    return request.path.startswith(REGISTRY) and ARTIFACTS in request.path


def _is_empty_artifact(request: HttpRequest) -> bool:
    """Whether this is an empty file, which `requests` sends in chunks of which there are none."""
    return is_artifact(request) and not request.META["wsgi.input"].read(1)


ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts/"
PREDICT_ADVICE = " Send many rows as a file to POST /api/v1/models/{ref}/predict/batch."
BATCH_PATH = "/predict/batch"
OTHER_FIELDS = 1024 * 1024  # bytes of a form beside its file
UPLOAD_PATHS = frozenset({"/api/v1/models", "/models/upload"})


class LengthRequired(DomainError):
    status = 411
    title = "Length required"
    default_code = "length_required"

    def __init__(self, message: str = "") -> None:
        super().__init__(
            message or "Send the body's length in Content-Length; chunked is not taken."
        )


class DomainErrorMiddleware:
    """A page's DomainError as a page, with its status; an unknown exception stays Django's."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if isinstance(exception, Http404):
            return None
        error = as_domain_error(exception)
        return answer_error(request, error) if error else None


class SlashMiddleware:
    """Routes work with and without a trailing slash, and never redirect: a redirect loses a POST.

    The admin and its static files keep Django's own slashes.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        path = request.path_info
        if path.endswith("/") and len(path) > 1 and not path.startswith(("/admin", "/static/")):
            request.path_info = path.rstrip("/") or "/"
        return self.get_response(request)
