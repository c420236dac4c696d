"""What Django answers on its own account: 400, 403, 404, 500 and a failed CSRF check."""

from __future__ import annotations

import structlog
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from common.errors import Denied, DomainError, Invalid, NotFound
from common.http.mlflow import REGISTRY, mlflow_response
from common.http.problems import problem_headers, problem_response

logger = structlog.get_logger(__name__)

MACHINE_PATHS = ("/api/", "/v1/", "/v2", "/mlflow", "/invocations", "/ping", "/health", "/openapi")


class ServerError(DomainError):
    status = 500
    title = "Internal error"
    default_code = "internal_error"


def answer_error(request: HttpRequest, error: DomainError) -> HttpResponse:
    """The error as a page for a person with a browser, else as the route's clients read it."""
    if request.path == "/v2" or request.path.startswith("/v2/"):
        # The inference protocol's clients read errors in one form alone.
        headers = problem_headers(error)
        return JsonResponse({"error": error.message}, status=error.status, headers=headers)
    if request.path.startswith(REGISTRY):
        return mlflow_response(error)
    wants_page = request.accepts("text/html") and not request.path.startswith(MACHINE_PATHS)
    if not wants_page:
        return problem_response(error)
    response = render(request, "error.html", {"error": error}, status=error.status)
    for name, value in problem_headers(error).items():
        response[name] = value
    return response


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return answer_error(request, Invalid("The request could not be understood."))


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    return answer_error(request, Denied("You may not do this."))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return answer_error(request, NotFound("There is nothing at this address."))


def server_error(request: HttpRequest) -> HttpResponse:
    return answer_error(
        request,
        ServerError("Something went wrong on our side. The request id finds it in the log."),
    )


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return answer_error(
        request,
        Denied("The form has expired. Load the page again and repeat.", code="csrf_failed"),
    )
