"""What a request's time went to: the database, Redis, predicting, waiting.

The request at hand has a tally; whoever takes time on its behalf adds to it. Without a request,
as in a command, nothing is noted.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Final

import redis
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

from common import tracing

MOST_STATEMENTS: Final = 500
LONGEST: Final = 300  # characters of a statement in the log
LITERALS = re.compile(r"'(?:[^']|'')*'|\b\d+(?:\.\d+)?\b")
LISTS = re.compile(r"\((?:\s*(?:%s|\?)\s*,)+\s*(?:%s|\?)\s*\)")
SPACE = re.compile(r"\s+")


@dataclass(slots=True)
class Spent:
    """One request's times in nanoseconds, and its statements with theirs, the first so many."""

    database_ns: int = 0
    queries: int = 0
    redis_ns: int = 0
    predict_ns: int = 0
    statements: list[tuple[str, int]] = field(default_factory=list)

    def top(self, count: int = 3) -> list[dict[str, Any]]:
        """The statements that took longest in all: `{"sql", "ms", "times"}`, without values."""
        sums: dict[str, tuple[int, int]] = {}
        for sql, took in self.statements:
            shape = normalized(sql)
            total, times = sums.get(shape, (0, 0))
            sums[shape] = total + took, times + 1
        ranked = sorted(sums.items(), key=lambda item: -item[1][0])[:count]
        return [
            {"sql": sql, "ms": round(total / 1e6, 2), "times": times}
            for sql, (total, times) in ranked
        ]


_present: ContextVar[Spent | None] = ContextVar("spent", default=None)


@contextlib.contextmanager
def tallied() -> Iterator[Spent]:
    """Keep a tally of what is done within."""
    spent = Spent()
    token = _present.set(spent)
    try:
        yield spent
    finally:
        _present.reset(token)


@contextlib.contextmanager
def predicting() -> Iterator[None]:
    """What is done within is a model's work."""
    spent = _present.get()
    if spent is None:
        yield
        return
    began = time.perf_counter_ns()
    try:
        yield
    finally:
        spent.predict_ns += time.perf_counter_ns() - began


def normalized(sql: str) -> str:
    """A statement without the values that stand in it, on one line."""
    text = LISTS.sub("(…)", LITERALS.sub("?", SPACE.sub(" ", sql))).strip()
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def watch_connection(connection: BaseDatabaseWrapper, **_: Any) -> None:
    """Time the statements of a database connection (a receiver of `connection_created`)."""
    if time_statement not in connection.execute_wrappers:
        connection.execute_wrappers.append(time_statement)


def time_statement(
    execute: Callable[..., CursorWrapper],
    sql: str,
    params: Any,
    many: bool,
    context: dict[str, Any],
) -> CursorWrapper:
    """Django's hook around every statement. Its parameters are not looked at."""
    spent = _present.get()
    if spent is None and not tracing.active:
        return execute(sql, params, many, context)
    began = time.perf_counter_ns()
    with tracing.statement(normalized(str(sql)) if tracing.active else ""):
        try:
            return execute(sql, params, many, context)
        finally:
            if spent is not None:
                took = time.perf_counter_ns() - began
                spent.database_ns += took
                spent.queries += 1
                if len(spent.statements) < MOST_STATEMENTS:
                    spent.statements.append((str(sql), took))


class TimedRedis(redis.Redis):
    """A client of Redis that adds to the tally of the request at hand."""

    def execute_command(self, *args: Any, **options: Any) -> Any:
        spent = _present.get()
        if spent is None:
            return super().execute_command(*args, **options)  # type: ignore[no-untyped-call]  # redis'
        began = time.perf_counter_ns()
        try:
            return super().execute_command(*args, **options)  # type: ignore[no-untyped-call]  # redis'
        finally:
            spent.redis_ns += time.perf_counter_ns() - began
