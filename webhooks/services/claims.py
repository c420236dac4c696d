"""Claiming what is due: fairly between webhooks, each by so many senders at most.

A lane is one sender's hold on one webhook: a few deliveries that it sends one after the other, on
one connection. How many lanes a webhook has at once is its `concurrency`; one that failed a few
times running is on trial: a single lane, of a single delivery, until an attempt succeeds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction

from common import clock
from common.ids import uuid7
from webhooks.models import Webhook

BURST: Final = 10  # deliveries of a lane
LANE_S: Final = 2.0  # seconds after which a lane begins no further delivery
GRACE: Final = timedelta(seconds=15)
TRIAL_AFTER: Final = 3  # failures in a row

LOCK: Final = """
SELECT c.webhook_id, c.failures, c.served_at FROM webhooks_channel c
JOIN webhooks_webhook w ON w.id = c.webhook_id
WHERE c.due_at <= %(now)s AND (c.open_until IS NULL OR c.open_until <= %(now)s)
    AND w.status = 'active' AND w.deleted_at IS NULL AND (c.failures < %(trial)s OR %(suspects)s)
ORDER BY c.served_at NULLS FIRST LIMIT %(most)s
FOR UPDATE OF c SKIP LOCKED
"""
BUSY: Final = """
SELECT webhook_id, count(DISTINCT lane), min(lease_until) FROM webhooks_delivery
WHERE state = 'sending' AND webhook_id = ANY(%s) AND lease_until > %s GROUP BY webhook_id
"""
FIND: Final = """
SELECT d.webhook_id, d.id FROM unnest(%s::uuid[], %s::int[]) AS want(webhook_id, most)
CROSS JOIN LATERAL (
    SELECT id, webhook_id FROM webhooks_delivery
    WHERE webhook_id = want.webhook_id AND state = 'waiting' AND due_at <= %s
    ORDER BY due_at, id LIMIT want.most FOR UPDATE SKIP LOCKED
) d
"""
TAKE: Final = """
UPDATE webhooks_delivery d SET state = 'sending', lane = t.lane, lease_until = t.lease
FROM unnest(%s::uuid[], %s::uuid[], %s::timestamptz[]) AS t(id, lane, lease), webhooks_message m
WHERE d.id = t.id AND m.id = d.message_id
RETURNING d.lane, d.id, d.attempts, d.attempts_before, d.attempts_allowed,
    m.id, m.type, m.body, m.request_id
"""
SERVED: Final = """
UPDATE webhooks_channel c SET served_at = %(now)s, due_at = (
    SELECT greatest(min(d.due_at), f.free_at) FROM webhooks_delivery d
    WHERE d.webhook_id = c.webhook_id AND d.state = 'waiting'
)
FROM unnest(%(ids)s::uuid[], %(free)s::timestamptz[]) AS f(webhook_id, free_at)
WHERE c.webhook_id = f.webhook_id
"""


@dataclass(frozen=True, slots=True)
class Job:
    """One delivery to attempt; `attempt` is the number it will have, from 1 up.

    `attempts_before` of them were made before it was last replayed.
    """

    delivery_id: UUID
    attempt: int
    attempts_before: int
    attempts_allowed: int
    message_id: UUID
    type: str
    body: bytes
    request_id: str


@dataclass(slots=True, eq=False)
class Lane:
    """Deliveries of one webhook that one sender holds. `on_trial`: it is likely to fail."""

    id: UUID
    webhook: Webhook
    on_trial: bool
    jobs: list[Job] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Turn:
    """A webhook's turn: how many lanes it gets, when the next may be free."""

    webhook: Webhook
    on_trial: bool
    lanes: int
    free_at: datetime | None


@transaction.atomic
def claim(*, room: int, reserved: int = 0, suspects: bool = True) -> list[Lane]:
    """Take up to `room` lanes of what is due, those first who were served longest ago.

    The last `reserved` of them are for webhooks that hold none: those whose receivers are slow,
    and well, would have all of them otherwise. Without `suspects`, webhooks that are on trial are
    passed over.
    """
    if room <= 0:
        return []
    now = clock.now()
    with connection.cursor() as cursor:
        cursor.execute(LOCK, {"now": now, "most": room, "suspects": suspects, "trial": TRIAL_AFTER})
        on_trial = {id_: failures >= TRIAL_AFTER for id_, failures, _ in cursor.fetchall()}
        if not on_trial:
            return []
        # A statement of its own: its snapshot is younger than the locks.
        cursor.execute(BUSY, [list(on_trial), now])
        busy = {webhook_id: (lanes, lease) for webhook_id, lanes, lease in cursor.fetchall()}
        turns = _turns(on_trial, busy, room, reserved)
        lanes = _take(cursor, turns, now)
        free = _free_again(turns, lanes, now)
        cursor.execute(SERVED, {"now": now, "ids": list(free), "free": list(free.values())})
    return lanes


def _turns(
    on_trial: Mapping[UUID, bool],
    busy: Mapping[UUID, tuple[int, datetime]],
    room: int,
    reserved: int,
) -> list[_Turn]:
    """One lane to each that has one free, then what is left and not reserved, in their order."""
    webhooks = Webhook.objects.in_bulk(list(on_trial))
    held = {id_: busy.get(id_, (0, None))[0] for id_ in on_trial}
    most = {id_: 1 if trial else webhooks[id_].concurrency for id_, trial in on_trial.items()}
    given = dict.fromkeys(on_trial, 0)
    before = -1
    while room != before:
        before = room
        for id_ in on_trial:
            holds = held[id_] + given[id_]
            if holds < most[id_] and room > (reserved if holds else 0):
                given[id_] += 1
                room -= 1
    return [
        _Turn(webhooks[id_], trial, given[id_], busy.get(id_, (0, None))[1])
        for id_, trial in on_trial.items()
    ]


def _take(cursor: Any, turns: Sequence[_Turn], now: datetime) -> list[Lane]:
    wanted = {
        turn.webhook.id: turn.lanes if turn.on_trial else turn.lanes * BURST
        for turn in turns
        if turn.lanes
    }
    cursor.execute(FIND, [list(wanted), list(wanted.values()), now])
    found: dict[UUID, list[UUID]] = {}
    for webhook_id, delivery_id in cursor.fetchall():
        found.setdefault(webhook_id, []).append(delivery_id)
    lanes: dict[UUID, Lane] = {}
    rows: list[tuple[UUID, UUID, datetime]] = []
    for turn in turns:
        ids = found.get(turn.webhook.id, [])
        lease = now + timedelta(seconds=LANE_S + turn.webhook.timeout_s) + GRACE
        for number in range(min(turn.lanes, len(ids))):
            lane = Lane(uuid7(), turn.webhook, on_trial=turn.on_trial)
            lanes[lane.id] = lane
            rows += [(id_, lane.id, lease) for id_ in ids[number :: turn.lanes]]
    if rows:
        cursor.execute(TAKE, [list(column) for column in zip(*rows, strict=True)])
        for lane_id, id_, attempts, before, allowed, message_id, type_, body, request_id in cursor:
            lanes[lane_id].jobs.append(
                Job(
                    id_, attempts + 1, before, allowed, message_id, type_, body.encode(), request_id
                )
            )
    for lane in lanes.values():
        lane.jobs.sort(key=lambda job: job.delivery_id)
    return [lane for lane in lanes.values() if lane.jobs]


def _free_again(
    turns: Sequence[_Turn], lanes: Sequence[Lane], now: datetime
) -> dict[UUID, datetime]:
    """From when on it is worth looking at each: at once, or when a lease of its lanes ends.

    A sender that is done with a lane says so earlier.
    """
    taken: dict[UUID, int] = {}
    for lane in lanes:
        taken[lane.webhook.id] = taken.get(lane.webhook.id, 0) + 1
    free = {}
    for turn in turns:
        whole = turn.on_trial and taken.get(turn.webhook.id, 0) > 0
        full = turn.lanes == 0 or whole or taken.get(turn.webhook.id, 0) == turn.lanes
        lease = now + timedelta(seconds=LANE_S + turn.webhook.timeout_s) + GRACE
        free[turn.webhook.id] = (turn.free_at or lease) if full else now
    return free
