"""The request (or task) that is being worked on, known to logs, events and problem bodies."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from contextvars import ContextVar

import structlog

from common.ids import uuid7

_request_id: ContextVar[str] = ContextVar("request_id", default="")
ACCEPTABLE = re.compile(r"[A-Za-z0-9_-]{8,64}\Z")


def request_id() -> str:
    """The id of the request at hand, or "" outside of one."""
    return _request_id.get()


@contextlib.contextmanager
def request_context(given: str = "") -> Iterator[str]:
    """Bind a request id: the caller's own where it is well-formed, else a new one."""
    value = given if ACCEPTABLE.match(given) else uuid7().hex
    token = _request_id.set(value)
    with structlog.contextvars.bound_contextvars(request_id=value):
        try:
            yield value
        finally:
            _request_id.reset(token)
