"""What stands behind the question mark, and beside the body."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from common.errors import Fault, Invalid

MOST_KEY: Final = 255
IDEMPOTENCY_KEY: Final = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="The same key with the same request gives the job that is there already.",
)


def idempotency_key(request: Request) -> str:
    """The caller's own name for what is to be done once; "" without one. Raises Invalid."""
    key = request.headers.get("Idempotency-Key", "")
    if len(key) > MOST_KEY or not key.isprintable():
        raise Invalid(f"Idempotency-Key is text of at most {MOST_KEY} characters.")
    return key


def only(request: Request, names: Collection[str]) -> None:
    """Take no other parameters: one that is misspelt would be passed over. Raises Invalid."""
    faults = [
        Fault(f"?{name}", f"is not known here: {', '.join(sorted(names))} are.", "unknown")
        for name in sorted(set(request.query_params) - set(names))
    ]
    if faults:
        raise Invalid("A parameter is not known.", errors=faults)


def flag(request: Request, name: str) -> bool:
    """A parameter that is true or false, and false where it is absent. Raises Invalid."""
    given = request.query_params.get(name)
    if given is None:
        return False
    if given.lower() in {"true", "false"}:
        return given.lower() == "true"
    message = f"{name} must be true or false."
    raise Invalid(message, errors=[Fault(f"?{name}", message, "not_a_boolean")])


def choice(request: Request, name: str, allowed: Collection[str]) -> str:
    """A parameter that is one of a few words, and "" where it is absent. Raises Invalid."""
    given = request.query_params.get(name)
    if given is None:
        return ""
    if given in allowed:
        return given
    message = f"{name} must be one of {', '.join(sorted(allowed))}."
    raise Invalid(message, errors=[Fault(f"?{name}", message, "invalid_choice")])
