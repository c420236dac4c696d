"""One line in the log for each request that Django answers, and its place in the figures.

A request that took longer than SLOW_REQUEST_MS is told of with what its time went to.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from functools import cache
from http import HTTPStatus
from typing import Any, Final

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse

from common import tracing
from common.context import origin
from common.http.address import client_address
from common.meter import Counter, Histogram
from common.spent import Spent, tallied

logger = structlog.get_logger("slipway.request")
slow_logger = structlog.get_logger("slipway.slow")

REQUESTS = Counter(
    "slipway_http_requests_total",
    "Requests that Django answered, by method, route and class of the status.",
    ("method", "route", "status"),
)
DURATION = Histogram(
    "slipway_http_request_duration_seconds", "How long their answers took.", ("route",)
)
LIMITED = Counter("slipway_limit_refusals_total", "Requests that were over a limit (429).")
UNKNOWN = Counter("slipway_auth_failures_total", "Requests whose credential was no good (401).")
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# Asked every second or drawn with every page: they would hide the rest.
QUIET: Final = ("/live", "/ready", "/health", "/metrics", "/static/")
# What follows these opens something to whoever has it: it stands in no log.
SECRETS_FOLLOW = re.compile(r"(/(?:verify-email|reset-password|invitations)/)[^/]+")
GROUP = re.compile(r"\(\?P<(\w+)>")
CONVERTER = re.compile(r"<(?:\w+:)?(\w+)>")
GetResponse = Callable[[HttpRequest], HttpResponse]


class ObservedMiddleware:
    """Times a request, counts it, and writes its line when it is answered."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        began = time.perf_counter_ns()
        with tallied() as spent, tracing.request(request.META) as span:
            response = self.get_response(request)
            span.answered(route_of(request), request.method or "", response.status_code)
        took = time.perf_counter_ns() - began
        count(request, response.status_code, took)
        write(request, response, took, spent)
        return response


def count(request: HttpRequest, status: int, took_ns: int) -> None:
    """Enter an answered request in the figures."""
    route = route_of(request)
    method = request.method if request.method in METHODS else "OTHER"
    REQUESTS.of(method, route, f"{status // 100}xx").add()
    DURATION.of(route).observe(took_ns)
    count_refusal(status)


def count_refusal(status: int) -> None:
    """Enter an answer in the figures of those who were turned away."""
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        LIMITED.of().add()
    elif status == HTTPStatus.UNAUTHORIZED:
        UNKNOWN.of().add()


def write(request: HttpRequest, response: HttpResponse, took_ns: int, spent: Spent) -> None:
    """Write the request's line, as LOG_REQUESTS has it, and one more where it was slow."""
    if _wants_line(request.path, response.status_code):
        is_ours = response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR
        log = logger.error if is_ours else logger.info
        log("request", **facts(request, response, took_ns))
    if took_ns > settings.SLOW_REQUEST_MS * 1_000_000:
        slow_logger.warning(
            "slow_request", **facts(request, response, took_ns), **breakdown(request, spent)
        )


def _wants_line(path: str, status: int) -> bool:
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return settings.LOG_REQUESTS != "off"
    if path.startswith(QUIET):
        return False
    is_bad = status >= HTTPStatus.BAD_REQUEST
    return settings.LOG_REQUESTS == "all" or (settings.LOG_REQUESTS == "errors" and is_bad)


def facts(request: HttpRequest, response: HttpResponse, took_ns: int) -> dict[str, Any]:
    """Who asked what from where, and what they got. No query string, which may hold anything."""
    actor = getattr(request, "auth", None)
    person = getattr(request, "_cached_user", None) if actor is None else actor.user
    organization = getattr(getattr(actor, "organization", None), "id", None)
    known = {
        "user": getattr(person, "pk", None),
        "key_id": origin().key_id,
        "organization": organization,
    }
    return {
        "method": request.method,
        "path": SECRETS_FOLLOW.sub(r"\1…", request.path),
        "route": route_of(request),
        "status": response.status_code,
        "ms": round(took_ns / 1e6, 2),
        "bytes": _length(response),
        "address": client_address(request.META),
        **{name: str(value) for name, value in known.items() if value is not None},
    }


def breakdown(request: HttpRequest, spent: Spent) -> dict[str, Any]:
    """What the time went to, in milliseconds."""
    return {
        "db_ms": round(spent.database_ns / 1e6, 2),
        "queries": spent.queries,
        "redis_ms": round(spent.redis_ns / 1e6, 2),
        "predict_ms": round(spent.predict_ns / 1e6, 2),
        "gate_ms": round(request.META.get("slipway.waited_ns", 0) / 1e6, 2),
        "statements": spent.top(),
    }


def route_of(request: HttpRequest) -> str:
    """The pattern that the path matched: never the path, of which there are as many as callers."""
    match = request.resolver_match
    if match is None or match.route is None:
        return "/static/" if request.path.startswith("/static/") else "unmatched"
    return readable(match.route)


@cache
def readable(pattern: str) -> str:
    """A route's pattern with `{name}` for each group; nested groups go with the one around them."""
    text = pattern.replace("^", "").replace("$", "").replace("\\Z", "")
    while (found := GROUP.search(text)) is not None:
        depth, end = 1, found.end()
        while depth and end < len(text):
            depth += {"(": 1, ")": -1}.get(text[end], 0)
            end += 1
        text = f"{text[: found.start()]}{{{found[1]}}}{text[end:]}"
    return "/" + CONVERTER.sub(r"{\1}", text)


def _length(response: HttpResponse) -> int | None:
    return None if response.streaming else len(response.content)
