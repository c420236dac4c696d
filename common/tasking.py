"""The request behind a task: sent along with the message, bound while the task runs; and counting.

Celery's signals call these (`config.celery`).
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import Any, Final

import structlog

from common import tracing
from common.context import request_context, request_id
from common.meter import Counter, Histogram

HEADER: Final = "slipway_request_id"
TASKS = Counter("slipway_tasks_total", "Celery tasks that ended, by outcome.", ("task", "outcome"))
DURATION = Histogram(
    "slipway_task_duration_seconds", "How long Celery tasks took.", ("task",),
    bounds=(1, 5, 10, 50, 100, 500, 1000, 5000, 10_000, 60_000, 300_000, 1_800_000),
)  # fmt: skip
OUTCOMES: Final = {"SUCCESS": "ok", "FAILURE": "failed", "RETRY": "retried"}

# What the tasks that run in this process have opened; one at a time in a pool's process.
_running: dict[str, tuple[ExitStack, int]] = {}


def headers_to_send() -> dict[str, str]:
    """What every message carries: the present request's id, and its trace while traces are on."""
    found = tracing.carried()
    if id_ := request_id():
        found[HEADER] = id_
    return found


def begin(task: Any, task_id: str) -> None:
    """Bind the request that the message names, and the task, to whatever the task does."""
    sent = task.request
    stack = ExitStack()
    if id_ := getattr(sent, HEADER, None):
        stack.enter_context(request_context(str(id_)))
    known = structlog.contextvars.bound_contextvars(task=task.name, task_id=task_id)
    stack.enter_context(known)
    carrier = {tracing.TRACEPARENT: str(getattr(sent, tracing.TRACEPARENT, None) or "")}
    stack.enter_context(tracing.task(task.name, carrier))
    _running[task_id] = stack, time.perf_counter_ns()


def end(task: Any, task_id: str, state: str) -> None:
    """Let go of what `begin` has bound, and count the task."""
    found = _running.pop(task_id, None)
    if found is None:
        return
    stack, began = found
    stack.close()
    TASKS.of(task.name, OUTCOMES.get(state, "other")).add()
    DURATION.of(task.name).observe(time.perf_counter_ns() - began)
