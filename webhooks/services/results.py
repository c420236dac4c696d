"""What came of attempts: to the deliveries, to the history, to the receiver's breaker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction

from common import clock
from webhooks import schedule
from webhooks.models import Attempt, Channel
from webhooks.services.claims import Job, Lane
from webhooks.services.webhooks import disable_webhook

BREAK_AFTER: Final = 10  # failures in a row
OPEN_FOR: Final = timedelta(minutes=1)  # then one delivery goes out on trial
GONE: Final = 410

FENCED: Final = """
UPDATE webhooks_delivery d SET state = r.state, due_at = r.due_at, attempts = r.attempts,
    status = r.status, error = r.error, lane = NULL, lease_until = NULL,
    finished_at = CASE WHEN r.state IN ('delivered', 'failed') THEN %s END
FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::timestamptz[], %s::int[], %s::int[], %s::text[])
    AS r(id, lane, state, due_at, attempts, status, error)
WHERE d.id = r.id AND d.lane = r.lane AND d.state = 'sending'
RETURNING d.id
"""
RELEASE: Final = """
UPDATE webhooks_delivery SET state = 'waiting', lane = NULL, lease_until = NULL
WHERE lane = ANY(%s) AND state = 'sending'
"""
CHANNEL: Final = """
UPDATE webhooks_channel c SET failures = %s, failing_since = %s, open_until = %s,
    last_triggered_at = %s, last_succeeded_at = %s, last_error = %s, due_at = (
        SELECT min(d.due_at) FROM webhooks_delivery d
        WHERE d.webhook_id = c.webhook_id AND d.state = 'waiting'
    )
WHERE c.webhook_id = %s
"""


class Outcome(Enum):
    """What an answer means."""

    DELIVERED = "delivered"
    FAILED = "failed"
    GONE = "gone"  # and never again


@dataclass(frozen=True, slots=True)
class Result:
    """One attempt that was made. `wait` is what the receiver asked for, by Retry-After."""

    job: Job
    outcome: Outcome
    at: datetime
    duration_ms: float
    request_headers: dict[str, str]
    status: int | None = None
    code: str = ""
    error: str = ""
    response_headers: dict[str, str] = field(default_factory=dict)
    response_body: str = ""
    response_hidden: bool = False
    wait: timedelta | None = None
    throttles: bool = False


@dataclass(frozen=True, slots=True)
class _Change:
    """What becomes of one delivery."""

    id: UUID
    lane: UUID
    state: str
    due_at: datetime
    attempts: int
    status: int | None
    error: str


@transaction.atomic
def record(done: Sequence[tuple[Lane, Sequence[Result]]]) -> None:
    """Note what lanes have done, and release what they did not come to.

    A sender whose lease ran out changes nothing: whoever has the delivery now will say.
    """
    if not done:
        return
    now = clock.now()
    ids = sorted({lane.webhook.id for lane, _ in done})
    channels = {
        channel.webhook_id: channel
        for channel in Channel.objects.select_for_update()
        .filter(webhook_id__in=ids)
        .order_by("webhook_id")
    }
    changes = [_change(lane, result, now) for lane, results in done for result in results]
    with connection.cursor() as cursor:
        taken = _apply(cursor, changes, now)
        cursor.execute(RELEASE, [[lane.id for lane, _ in done]])
    kept = [r for _, results in done for r in results if r.job.delivery_id in taken]
    Attempt.objects.bulk_create([_attempt(result) for result in kept], ignore_conflicts=True)
    for lane, results in done:
        for result in results:
            _judge(channels.get(lane.webhook.id), result, now)
    with connection.cursor() as cursor:
        cursor.executemany(CHANNEL, [_columns(channel) for channel in channels.values()])
    for lane, results in done:
        if any(result.outcome is Outcome.GONE for result in results):
            disable_webhook(lane.webhook, reason="Its receiver answered 410 Gone.")


def _change(lane: Lane, result: Result, now: datetime) -> _Change:
    job, state, due_at = result.job, "delivered", now
    if result.outcome is not Outcome.DELIVERED:
        last = job.attempt >= job.attempts_allowed or result.outcome is Outcome.GONE
        state = "failed" if last else "waiting"
        wait = schedule.delay(job.attempt - job.attempts_before, lane.webhook.retry_delays_s)
        due_at = now + max(wait, result.wait or timedelta(0))
    return _Change(
        job.delivery_id, lane.id, state, due_at, job.attempt, result.status, result.error
    )


def _apply(cursor: Any, changes: Sequence[_Change], now: datetime) -> set[UUID]:
    if not changes:
        return set()
    names = ("id", "lane", "state", "due_at", "attempts", "status", "error")
    cursor.execute(FENCED, [now, *([getattr(c, name) for c in changes] for name in names)])
    return {id_ for (id_,) in cursor.fetchall()}


def _attempt(result: Result) -> Attempt:
    return Attempt(
        delivery_id=result.job.delivery_id,
        number=result.job.attempt,
        at=result.at,
        duration_ms=result.duration_ms,
        request_headers=result.request_headers,
        status=result.status,
        code=result.code,
        error=result.error,
        response_headers=result.response_headers,
        response_body=result.response_body,
        response_hidden=result.response_hidden,
    )


def _judge(channel: Channel | None, result: Result, now: datetime) -> None:
    """Close the breaker, or count towards its opening."""
    if channel is None:
        return
    channel.last_triggered_at = result.at
    if result.outcome is Outcome.DELIVERED:
        channel.failures, channel.failing_since, channel.open_until = 0, None, None
        channel.last_succeeded_at, channel.last_error = result.at, ""
        return
    channel.failures += 1
    channel.failing_since = channel.failing_since or result.at
    channel.last_error = result.error
    if channel.failures >= BREAK_AFTER:
        channel.open_until = now + OPEN_FOR
    if result.throttles and result.wait is not None:
        channel.open_until = max(channel.open_until or now, now + result.wait)


def _columns(channel: Channel) -> tuple[Any, ...]:
    return (
        channel.failures, channel.failing_since, channel.open_until, channel.last_triggered_at,
        channel.last_succeeded_at, channel.last_error, channel.webhook_id,
    )  # fmt: skip
