"""The request (or task) that is being worked on, known to logs, events and problem bodies."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import structlog

from common.ids import uuid7


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request came from, and by which credential: noted with everything it changes.

    `address` is the client's, `agent` its User-Agent, cut; `via` is `session`, `jwt` or `key`, and
    "" where no credential was read.
    """

    address: str = ""
    agent: str = ""
    via: str = ""
    key_id: UUID | None = None
    session_id: UUID | None = None


NOWHERE = Origin()
_request_id: ContextVar[str] = ContextVar("request_id", default="")
_origin: ContextVar[Origin] = ContextVar("origin", default=NOWHERE)
ACCEPTABLE = re.compile(r"[A-Za-z0-9_-]{8,64}\Z")


def request_id() -> str:
    """The id of the request at hand, or "" outside of one."""
    return _request_id.get()


def origin() -> Origin:
    """Where the request at hand came from; NOWHERE outside of one."""
    return _origin.get()


def note_origin(**known: Any) -> None:
    """Add what has been found out about the request at hand: fields of Origin."""
    _origin.set(replace(_origin.get(), **known))


@contextlib.contextmanager
def request_context(given: str = "", where: Origin = NOWHERE) -> Iterator[str]:
    """Bind a request id (the caller's own where it is well-formed, else a new one) and origin."""
    value = given if ACCEPTABLE.match(given) else uuid7().hex
    token, before = _request_id.set(value), _origin.set(where)
    with structlog.contextvars.bound_contextvars(request_id=value):
        try:
            yield value
        finally:
            _request_id.reset(token)
            _origin.reset(before)
