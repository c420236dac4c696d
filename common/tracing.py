"""Traces by OpenTelemetry, where OTEL_EXPORTER_OTLP_ENDPOINT says where to; nothing otherwise.

While it is off, nothing of OpenTelemetry is imported and a span is one shared object that does
nothing. A statement's parameters, bodies and headers are never part of a span.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from types import TracebackType
from typing import Any, Final, Protocol, Self

ENDPOINT: Final = "OTEL_EXPORTER_OTLP_ENDPOINT"
TRACEPARENT: Final = "traceparent"

active = False
"""Whether spans go anywhere."""
_tracer: Any = None


class Span(Protocol):
    def answered(self, route: str, method: str, status: int) -> None:
        """Name a request's span by its route, once that is known."""


class _NoSpan(AbstractContextManager["_NoSpan"]):
    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return None

    def answered(self, route: str, method: str, status: int) -> None:
        return None


_nothing = _NoSpan()


class _RequestSpan:
    def __init__(self, span: Any) -> None:
        self._span = span

    def answered(self, route: str, method: str, status: int) -> None:
        from opentelemetry.trace import Status, StatusCode

        self._span.update_name(f"{method} {route}")
        self._span.set_attributes(
            {
                "http.request.method": method,
                "http.route": route,
                "http.response.status_code": status,
            }
        )
        if status >= 500:
            self._span.set_status(Status(StatusCode.ERROR))


def start(role: str, version: str) -> None:
    """Send spans to the endpoint that the environment names, from now on."""
    global active, _tracer  # noqa: PLW0603  one a process
    if not os.environ.get(ENDPOINT) or active:
        return
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    resource = Resource.create(
        {"service.name": f"slipway-{role}", "service.version": version, "process.pid": os.getpid()}
    )
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    _tracer = provider.get_tracer("slipway", version)
    active = True


def flush() -> None:
    """Send what waits; before a process ends."""
    if active:
        from opentelemetry import trace

        trace.get_tracer_provider().force_flush(2000)  # type: ignore[attr-defined]  # the SDK's


def request(environ: Mapping[str, Any]) -> AbstractContextManager[Span]:
    """A span for a request from outside, below the caller's where they sent `traceparent`."""
    if not active:
        return _nothing
    return _request({TRACEPARENT: environ.get("HTTP_TRACEPARENT", "")})


def statement(sql: str) -> AbstractContextManager[Any]:
    """A span for a statement of the database, whose values are no part of it."""
    if not active:
        return _nothing
    operation = sql.partition(" ")[0].upper() or "SQL"
    attributes = {"db.system.name": "postgresql", "db.query.text": sql}
    return _within(f"db {operation}", "CLIENT", attributes)


def outgoing(method: str, host: str) -> AbstractContextManager[Any]:
    """A span for a request of ours to another host."""
    if not active:
        return _nothing
    attributes = {"http.request.method": method, "server.address": host}
    return _within(f"{method} {host}", "CLIENT", attributes)


def task(name: str, carrier: Mapping[str, str]) -> AbstractContextManager[Any]:
    """A span for a task, below whatever published it."""
    if not active:
        return _nothing
    return _below(carrier, name, "CONSUMER")


def carried() -> dict[str, str]:
    """The headers that carry the present span to another process; none while it is off."""
    if not active:
        return {}
    from opentelemetry import propagate

    carrier: dict[str, str] = {}
    propagate.inject(carrier)
    return carrier


def trace_id() -> str:
    """The present trace's id in hexadecimal, or ""."""
    if not active:
        return ""
    from opentelemetry import trace

    context = trace.get_current_span().get_span_context()
    return f"{context.trace_id:032x}" if context.is_valid else ""


@contextmanager
def _request(carrier: Mapping[str, str]) -> Iterator[Span]:
    with _below(carrier, "request", "SERVER") as span:
        yield _RequestSpan(span)


@contextmanager
def _below(carrier: Mapping[str, str], name: str, kind: str) -> Iterator[Any]:
    from opentelemetry import propagate
    from opentelemetry.trace import SpanKind

    context = propagate.extract(dict(carrier))
    # An exception's text may hold what a trace must not.
    with _tracer.start_as_current_span(
        name, context=context, kind=SpanKind[kind], record_exception=False
    ) as span:
        yield span


@contextmanager
def _within(name: str, kind: str, attributes: Mapping[str, Any]) -> Iterator[Any]:
    from opentelemetry.trace import SpanKind

    with _tracer.start_as_current_span(
        name, kind=SpanKind[kind], attributes=attributes, record_exception=False
    ) as span:
        yield span
