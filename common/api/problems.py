"""Every exception a REST view can raise, as a problem."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import structlog
from django.core.exceptions import PermissionDenied, RequestDataTooBig, TooManyFieldsSent
from django.db import OperationalError
from django.http import Http404, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from rest_framework import exceptions, status
from rest_framework.response import Response

from common.errors import Denied, DomainError, Fault, Invalid, NotFound, TooLarge, Unavailable
from common.http.problems import problem, problem_headers

logger = structlog.get_logger(__name__)


class _FrameworkError(DomainError):
    """An error of Django REST framework's own, with the status it chose."""

    def __init__(self, error: exceptions.APIException) -> None:
        super().__init__(str(error.detail), code=str(error.default_code))
        self.status = error.status_code  # type: ignore[misc]  # of this instance alone
        self.title = type(error).__name__  # type: ignore[misc]


def exception_handler(exc: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's hook. None means "not ours": Django then answers 500 and logs the traceback."""
    error = as_domain_error(exc)
    if error is None:
        return None
    headers = problem_headers(error)
    challenge = getattr(exc, "auth_header", None)
    if challenge:
        headers["WWW-Authenticate"] = challenge
    if isinstance(exc, exceptions.MethodNotAllowed):
        headers["Allow"] = ", ".join(context["view"].allowed_methods)
    return Response(problem(error), status=error.status, headers=headers)


def as_domain_error(exc: Exception) -> DomainError | None:
    """The exception in the domain's words, or None where it is a bug of ours."""
    match exc:
        case DomainError():
            return exc
        case exceptions.ValidationError():
            faults = list(_faults(exc.detail, exc.get_codes(), ""))
            return Invalid("The input is wrong; `errors` says where.", errors=faults)
        case Http404() | exceptions.NotFound():
            return NotFound("There is nothing at this address.")
        case PermissionDenied():
            return Denied("You may not do this.")
        case RequestDataTooBig() | TooManyFieldsSent():
            return TooLarge("The request's body is larger than what is taken here.")
        case UnreadablePostError():
            return Invalid("The body ended early.", code="incomplete_body")
        case MultiPartParserError():
            return Invalid(f"The form could not be read: {exc}", code="invalid_form")
        case OperationalError():
            logger.error("database_unavailable", error=str(exc))
            return Unavailable("The database does not answer. Try again.", retry_after=2)
        case exceptions.APIException():
            return _framework_error(exc)
    return None


def _framework_error(exc: exceptions.APIException) -> DomainError:
    error = _FrameworkError(exc)
    titles = {
        status.HTTP_401_UNAUTHORIZED: "Unauthorized",
        status.HTTP_405_METHOD_NOT_ALLOWED: "Method not allowed",
        status.HTTP_406_NOT_ACCEPTABLE: "Not acceptable",
        status.HTTP_415_UNSUPPORTED_MEDIA_TYPE: "Unsupported media type",
    }
    error.title = titles.get(exc.status_code, "Error")  # type: ignore[misc]
    return error


def _faults(detail: Any, codes: Any, pointer: str) -> Iterator[Fault]:
    """Flatten a serializer's errors, each with a JSON pointer to its field."""
    if isinstance(detail, dict):
        for key, value in detail.items():
            place = pointer if key == "non_field_errors" else f"{pointer}/{_escape(str(key))}"
            yield from _faults(value, codes[key], place)
    elif isinstance(detail, list):
        for i, value in enumerate(detail):
            nested = isinstance(value, (dict, list))
            yield from _faults(value, codes[i], f"{pointer}/{i}" if nested else pointer)
    else:
        yield Fault(pointer, str(detail), str(codes))


def _escape(part: str) -> str:
    """RFC 6901, section 3."""
    return part.replace("~", "~0").replace("/", "~1")
