"""Errors as MLflow's clients read them: `{"error_code", "message"}`, and never a traceback."""

from __future__ import annotations

import json
from typing import Final

from django.http import HttpResponse

from common.errors import DomainError, Fault
from common.http.problems import problem_headers

# MLflow's own names for what its clients know.
CODES: Final = {
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "RESOURCE_DOES_NOT_EXIST",
    409: "INVALID_STATE",
    429: "REQUEST_LIMIT_EXCEEDED",
    500: "INTERNAL_ERROR",
    503: "TEMPORARILY_UNAVAILABLE",
}
MOST_FAULTS: Final = 20
REGISTRY: Final = "/mlflow/"
"""Where the addresses of the tracking server and the registry begin."""


def mlflow_error(error: DomainError, *, otherwise: str = "INVALID_PARAMETER_VALUE") -> bytes:
    """The body of the answer; `otherwise` is the code of what has no name of MLflow's."""
    code = CODES.get(error.status, otherwise)
    if error.code == "not_found":  # the address itself: clients ask for what a server may lack
        code = "ENDPOINT_NOT_FOUND"
    elif error.code == "resource_already_exists":
        code = "RESOURCE_ALREADY_EXISTS"
    return json.dumps({"error_code": code, "message": message_of(error)}).encode()


def message_of(error: DomainError) -> str:
    """The message with the first faults that it does not name: these clients show one text."""
    faults = [
        fault.detail for fault in error.errors[:MOST_FAULTS] if not _names(error.message, fault)
    ]
    return "; ".join([error.message, *faults])


def _names(message: str, fault: Fault) -> bool:
    missing = fault.code == "missing_feature" and fault.pointer.rpartition("/")[2] in message
    return missing or fault.detail in message


def mlflow_response(error: DomainError, *, headers: dict[str, str] | None = None) -> HttpResponse:
    """A whole answer."""
    return HttpResponse(
        mlflow_error(error),
        content_type="application/json",
        status=error.status,
        headers=problem_headers(error) | (headers or {}),
    )
