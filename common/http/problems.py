"""Errors as `application/problem+json` (RFC 9457): one shape, whoever found the fault."""

from __future__ import annotations

import json
import math
from typing import Any

from django.http import HttpResponse

from common.context import request_id
from common.errors import DomainError

CONTENT_TYPE = "application/problem+json"


def problem(error: DomainError, given: str = "") -> dict[str, Any]:
    """The body of the answer that tells the error; `given` is the request's id if it is known."""
    body: dict[str, Any] = {
        "type": f"/docs/errors#{error.code}",
        "title": error.title,
        "status": error.status,
        "detail": error.message,
        "code": error.code,
        "request_id": given or request_id(),
    }
    body |= error.members
    if error.errors:
        body["errors"] = [
            {"pointer": fault.pointer, "detail": fault.detail, "code": fault.code}
            for fault in error.errors
        ]
    return body


def problem_headers(error: DomainError) -> dict[str, str]:
    """The headers that go with the body. Retry-After is whole seconds, rounded up."""
    if error.retry_after is None:
        return {}
    return {"Retry-After": str(max(1, math.ceil(error.retry_after)))}


def challenge_of(error: Exception) -> dict[str, str]:
    """The header that tells a caller how to say who they are, where the error has one."""
    challenge = getattr(error, "auth_header", "")
    return {"WWW-Authenticate": challenge} if challenge else {}


def problem_response(error: DomainError) -> HttpResponse:
    """A whole answer, for what runs outside of Django REST framework."""
    return HttpResponse(
        json.dumps(problem(error)),
        content_type=CONTENT_TYPE,
        status=error.status,
        headers=problem_headers(error),
    )
