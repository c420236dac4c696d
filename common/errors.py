"""What can go wrong, in the domain's words. Only `common` knows how it becomes HTTP.

DomainError
├── NotFound       404  it does not exist, or the caller may not know that it does
├── Denied         403  the caller is known and lacks the right
├── Invalid        400  the input is wrong; `errors` says where, every fault at once
├── Conflict       409  the thing's present state forbids it
├── TooLarge       413  more than we take
├── Limited        429  too often; `retry_after` says when to come back
└── Unavailable    503  not now; `retry_after` says when to come back
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of an input. `pointer` is a JSON pointer (RFC 6901) into it."""

    pointer: str
    detail: str
    code: str = "invalid"


class DomainError(Exception):
    """The root. `code` is stable: clients branch on it. `message` is for people."""

    status: ClassVar[int] = 500
    title: ClassVar[str] = "Error"
    default_code: ClassVar[str] = "error"

    def __init__(
        self,
        message: str,
        *,
        code: str = "",
        errors: Sequence[Fault] = (),
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.errors = tuple(errors)
        self.retry_after = retry_after

    @property
    def members(self) -> Mapping[str, Any]:
        """What its problem tells beyond what all do."""
        return {}


class NotFound(DomainError):
    status = 404
    title = "Not found"
    default_code = "not_found"


class Denied(DomainError):
    status = 403
    title = "Forbidden"
    default_code = "forbidden"


class Invalid(DomainError):
    status = 400
    title = "Invalid input"
    default_code = "invalid"


class Conflict(DomainError):
    status = 409
    title = "Conflict"
    default_code = "conflict"


class TooLarge(DomainError):
    status = 413
    title = "Content too large"
    default_code = "too_large"


class Limited(DomainError):
    status = 429
    title = "Too many requests"
    default_code = "rate_limited"


class Unavailable(DomainError):
    status = 503
    title = "Service unavailable"
    default_code = "unavailable"
