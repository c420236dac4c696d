"""Chaining committed events, a batch at a time, by one process at a time.

A chain written within the services' transactions would have every writer wait for every other. So
events are sealed afterwards, in the order of their transactions. Ids don't commit in order; what
is sealed are the events of transactions below the horizon, under which none is still running: an
event can't appear there later, so none is passed over.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction

from common import clock
from common.audit.canonical import COLUMNS, ORIGIN, document, link
from common.models import AuditSeal

# Of the advisory lock; any number that nobody else uses.
LOCK: Final = 0x5EA1
BATCH: Final = 1000
# A run ends after so many batches; the next second's goes on.
MOST_BATCHES: Final = 20

ORGANIZATION: Final = 2  # places in a row of COLUMNS
XACT: Final = 11

UNSEALED: Final = f"""
SELECT {COLUMNS} FROM common_eventrecord e
WHERE NOT EXISTS (SELECT FROM common_auditseal s WHERE s.event_id = e.id)
  AND e.xact >= %(since)s::text::xid8
  AND e.xact < pg_snapshot_xmin(pg_current_snapshot())
ORDER BY e.xact, e.id LIMIT %(batch)s
"""  # noqa: S608  columns are ours
# A database restored from a dump counts its transactions anew: its old events lie in the future.
# They go first, all at once; after that the short way is right again.
RESTORED: Final = f"""
SELECT {COLUMNS} FROM common_eventrecord e
WHERE NOT EXISTS (SELECT FROM common_auditseal s WHERE s.event_id = e.id)
  AND (e.xact < pg_snapshot_xmin(pg_current_snapshot())
       OR e.xact >= pg_snapshot_xmax(pg_current_snapshot()))
ORDER BY e.xact >= pg_snapshot_xmax(pg_current_snapshot()) DESC, e.xact, e.id LIMIT %(batch)s
"""  # noqa: S608
SEALED_UP_TO: Final = """
SELECT s.xact::text, s.xact::text::xid8 >= pg_snapshot_xmax(pg_current_snapshot())
FROM common_auditseal s ORDER BY s.id DESC LIMIT 1
"""
HEADS: Final = """
SELECT chain.id, head.number, head.hash FROM unnest(%(chains)s::uuid[]) chain(id)
CROSS JOIN LATERAL (
    SELECT number, hash FROM common_auditseal s WHERE s.organization_id = chain.id
    ORDER BY number DESC LIMIT 1
) head
UNION ALL (
    SELECT NULL, number, hash FROM common_auditseal WHERE organization_id IS NULL
    ORDER BY number DESC LIMIT 1
)
"""


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a chain: how many seals it has, and the hash of the last."""

    number: int = 0
    hash: bytes = ORIGIN


def seal_committed() -> int:
    """Seal what has been committed; returns how many events. Nothing where somebody else does."""
    sealed = 0
    for _ in range(MOST_BATCHES):
        count = seal_batch()
        sealed += count
        if count < BATCH:
            break
    return sealed


@transaction.atomic
def seal_batch() -> int:
    """One batch in one transaction; 0 where nothing is left or another process has the lock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
        if cursor.fetchone() != (True,):
            return 0
        cursor.execute(SEALED_UP_TO)
        since, restored = cursor.fetchone() or ("0", True)
        cursor.execute(RESTORED if restored else UNSEALED, {"since": since, "batch": BATCH})
        rows = cursor.fetchall()
    AuditSeal.objects.bulk_create(_chained(rows))
    return len(rows)


def _chained(rows: Sequence[Sequence[Any]]) -> list[AuditSeal]:
    heads = heads_of({row[ORGANIZATION] for row in rows})
    now = clock.now()
    seals = []
    for row in rows:
        chain = row[ORGANIZATION]
        head = heads.get(chain, Head())
        number = head.number + 1
        hash_ = link(head.hash, document(row, number=number, sealed_at=now))
        heads[chain] = Head(number, hash_)
        seals.append(
            AuditSeal(
                event_id=row[0],
                organization_id=chain,
                number=number,
                prev_hash=head.hash,
                hash=hash_,
                xact=int(row[XACT]),
                sealed_at=now,
            )
        )
    return seals


def heads_of(chains: Iterable[UUID | None]) -> dict[UUID | None, Head]:
    """The ends of these organizations' chains, and of the platform's own (None), in one query."""
    wanted = [chain for chain in chains if chain is not None]
    with connection.cursor() as cursor:
        cursor.execute(HEADS, {"chains": wanted})
        return {chain: Head(number, bytes(hash_)) for chain, number, hash_ in cursor.fetchall()}
