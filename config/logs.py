"""Logging: one JSON line a record, in the names of the Elastic Common Schema.

While DEBUG is on, coloured text instead. Whatever writes a line, ours or a library, it ends here:
the request's id is in it, and no secret is (`common.redaction`).

`deploy/elk` takes these lines into Elasticsearch; a test holds every name against its template.
"""

from __future__ import annotations

import os
import socket
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import structlog

from common import tracing
from common.redaction import redact

ECS_VERSION: Final = "8.17"
MS: Final = 1_000_000
# What our own lines call it, and where the schema has it.
NAMES: Final = {
    "method": "http.request.method",
    "path": "url.path",
    "status": "http.response.status_code",
    "bytes": "http.response.body.bytes",
    "address": "client.ip",
    "user": "user.id",
    "organization": "organization.id",
    "route": "http.route",
    "error": "error.message",
    "code": "error.code",
}
# What belongs to no field of the schema stands below this one.
OWN: Final = "slipway"

EventDict = dict[str, Any]


def logging_config(
    *, level: str, colours: bool, role: str = "command", version: str = ""
) -> dict[str, Any]:
    """The dictConfig for the standard library's logging, rendered by structlog.

    `structlog.get_logger()` and `logging.getLogger()` end in the same handler, so that a line of
    Django's own carries the request id of the request it belongs to.
    """
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    final: list[Any] = [spell_out_exception, without_secrets]
    if colours:
        final += [structlog.dev.ConsoleRenderer()]
    else:
        final += [common_schema(role, version), structlog.processors.JSONRenderer(default=str)]
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": shared,
                "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *final],
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # A 4xx is the client's affair and stands in the request log already.
            "django.request": {"level": "ERROR"},
            "django.security.DisallowedHost": {"level": "CRITICAL"},
        },
    }


def spell_out_exception(_: Any, __: str, event: EventDict) -> EventDict:
    """The exception as text: its type, what it says, its trace. No values of variables."""
    given = event.pop("exc_info", None)
    if not given:
        return event
    error = given if isinstance(given, BaseException) else _exception(given)
    if error is not None:
        event["error.type"] = type(error).__qualname__
        event.setdefault("error", str(error))
        event["error.stack_trace"] = "".join(traceback.format_exception(error))
    return event


def without_secrets(_: Any, __: str, event: EventDict) -> EventDict:
    """The line with its secrets taken out, by name and by looks."""
    found: EventDict = redact(event)
    return found


def common_schema(role: str, version: str) -> Callable[[Any, str, EventDict], EventDict]:
    """A processor that gives every field its name in the schema."""
    constant = {
        "ecs.version": ECS_VERSION,
        "service.name": f"slipway-{role}",
        "service.version": version,
        "service.node.name": socket.gethostname(),
        "event.dataset": f"slipway.{role}",
    }

    def translate(_: Any, __: str, event: EventDict) -> EventDict:
        said = str(event.pop("event", ""))
        line: EventDict = {
            "@timestamp": event.pop("timestamp", None) or datetime.now(UTC).isoformat(),
            "log.level": event.pop("level", "info"),
            "message": said,
            **constant,
            "log.logger": event.pop("logger", "root"),
            "process.pid": os.getpid(),
        }
        if said.isidentifier():
            line["event.action"] = said
        _identify(line, event)
        if (took := event.pop("ms", None)) is not None:
            line["event.duration"] = int(float(took) * MS)  # nanoseconds
        for name, value in event.items():
            if value is not None:
                line[_name(name)] = value
        return line

    return translate


def _identify(line: EventDict, event: EventDict) -> None:
    """Whose line it is: the request's id, and the trace's where there is one."""
    id_ = event.pop("request_id", "")
    if id_:
        line["http.request.id"] = id_
        line["trace.id"] = tracing.trace_id() or id_


def _name(name: str) -> str:
    return NAMES.get(name) or (name if name.startswith("error.") else f"{OWN}.{name}")


def _exception(given: Any) -> BaseException | None:
    import sys

    found = given[1] if isinstance(given, tuple) else sys.exc_info()[1]
    return found if isinstance(found, BaseException) else None
