"""Walking the chains: what was sealed is there, as it was, in its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Literal
from uuid import UUID

from django.db import connection, transaction

from common import clock
from common.audit.canonical import COLUMNS, ORIGIN, Document, document, link
from common.audit.sealer import Head
from common.models import AuditSeal

FETCH: Final = 1000  # rows in memory at a time
MOST_NAMED: Final = 100  # breaks that a report holds; the others are counted
# No transaction stays open that long: an event that claims to be older was put there later.
LONGEST_DELAY: Final = timedelta(hours=1)

Kind = Literal["changed", "removed", "inserted", "reordered"]
EVERY: Final = "every"
Chain = UUID | None | Literal["every"]  # None is the platform's own

SEALS: Final = f"""
SELECT s.organization_id, s.number, s.event_id, s.prev_hash, s.hash, s.sealed_at, {COLUMNS}
FROM common_auditseal s LEFT JOIN common_eventrecord e ON e.id = s.event_id
WHERE %(every)s OR s.organization_id IS NOT DISTINCT FROM %(chain)s
ORDER BY s.organization_id, s.number, s.id
"""  # noqa: S608  columns are ours
SEAL_COLUMNS: Final = 6
# Unsealed are the newest: their transactions are that of the last seal, or later ones.
TAIL: Final = """
SELECT count(*), min(e.created_at) FROM common_eventrecord e
WHERE NOT EXISTS (SELECT FROM common_auditseal s WHERE s.event_id = e.id)
  AND e.xact >= coalesce((
      SELECT least(xact::text::xid8, pg_snapshot_xmin(pg_current_snapshot()))
      FROM common_auditseal ORDER BY id DESC LIMIT 1
  ), '0')
  AND (%(every)s OR e.organization_id IS NOT DISTINCT FROM %(chain)s)
"""
SLIPPED_IN: Final = """
SELECT e.id, e.organization_id FROM common_eventrecord e,
    (SELECT xact::text::xid8 AS xact FROM common_auditseal ORDER BY id DESC LIMIT 1) last
WHERE NOT EXISTS (SELECT FROM common_auditseal s WHERE s.event_id = e.id)
  AND last.xact < pg_snapshot_xmax(pg_current_snapshot()) AND e.xact < last.xact
  AND (%(every)s OR e.organization_id IS NOT DISTINCT FROM %(chain)s)
ORDER BY e.id LIMIT 101
"""


@dataclass(frozen=True, slots=True)
class Break:
    """One place where a chain does not hold; `number` is 0 for an event without a seal."""

    kind: Kind
    organization_id: UUID | None
    number: int
    event_id: UUID
    detail: str


@dataclass(frozen=True, slots=True)
class Tail:
    """The events that wait for their seals, and when the oldest of them happened."""

    events: int = 0
    oldest: datetime | None = None

    @property
    def age(self) -> timedelta:
        """How long the oldest has been waiting."""
        return clock.now() - self.oldest if self.oldest else timedelta()


@dataclass(slots=True)
class Report:
    """What a walk found. `breaks` names the first of them, `broken` counts all."""

    seals: int = 0
    chains: int = 0
    broken: int = 0
    breaks: list[Break] = field(default_factory=list)
    tail: Tail = field(default_factory=Tail)

    @property
    def holds(self) -> bool:
        return self.broken == 0

    def add(self, found: Break) -> None:
        self.broken += 1
        if len(self.breaks) < MOST_NAMED:
            self.breaks.append(found)


@dataclass(frozen=True, slots=True)
class Sealed:
    """A seal with its event; `row` is None where the event is gone."""

    chain: UUID | None
    number: int
    event_id: UUID
    before: bytes
    hash: bytes
    sealed_at: datetime
    row: tuple[Any, ...] | None

    @property
    def content(self) -> Document | None:
        """What its hash is over; None where the event is gone."""
        if self.row is None:
            return None
        return document(self.row, number=self.number, sealed_at=self.sealed_at)


def sealed(chain: Chain = EVERY) -> Iterator[Sealed]:
    """Every seal of a chain, or of all of them one after the other, in their order.

    Read by a cursor of the server's: memory is that of FETCH rows, however many there are.
    """
    with transaction.atomic(), connection.chunked_cursor() as cursor:
        cursor.execute(SEALS, _which(chain))
        while rows := cursor.fetchmany(FETCH):
            for chain_id, number, event_id, before, hash_, sealed_at, *event in rows:
                row = tuple(event) if event[0] is not None else None
                yield Sealed(
                    chain_id, number, event_id, bytes(before), bytes(hash_), sealed_at, row
                )


def tail(chain: Chain = EVERY) -> Tail:
    """What is not sealed yet; a look at the newest events, not a walk."""
    with connection.cursor() as cursor:
        cursor.execute(TAIL, _which(chain))
        return Tail(*cursor.fetchone())


def verify(chain: Chain = EVERY, *, heads: Mapping[UUID | None, Head] | None = None) -> Report:
    """Walk the chains and say where they do not hold.

    A chain alone can't tell that its end was cut off, or that all of it was made anew; `heads`,
    noted before and kept elsewhere, can.
    """
    walk = _Walk(heads or {})
    for seal in sealed(chain):
        walk.look(seal)
    walk.finish(chain)
    report = walk.report
    report.tail = tail(chain)
    with connection.cursor() as cursor:
        cursor.execute(SLIPPED_IN, _which(chain))
        for event_id, organization_id in cursor.fetchall():
            detail = "It has no seal, and events of later transactions have."
            report.add(Break("inserted", organization_id, 0, event_id, detail))
    return report


class _Walk:
    """Where a walk stands: the seal before, and the hash before that."""

    def __init__(self, heads: Mapping[UUID | None, Head]) -> None:
        self.report = Report()
        self._heads = heads
        self._met: set[UUID | None] = set()
        self._last: Sealed | None = None
        self._hash_before_last = ORIGIN

    def look(self, seal: Sealed) -> None:
        """Compare one seal with its event and with the seal before it."""
        if self._last is None or self._last.chain != seal.chain:
            self.report.chains += 1
            self._last, self._hash_before_last = None, ORIGIN
        self.report.seals += 1
        found = self._place(seal) or self._content(seal) or self._head(seal)
        if found is not None:
            self.report.add(found)
        self._hash_before_last = self._last.hash if self._last else ORIGIN
        self._last = seal

    def finish(self, chain: Chain) -> None:
        """Say which of the noted heads were never met: their chains are shorter now."""
        for id_, head in self._heads.items():
            if id_ in self._met or chain not in (EVERY, id_):
                continue
            detail = f"The chain had {head.number} seals once; its end is gone."
            self.report.add(Break("removed", id_, head.number, UUID(int=0), detail))

    def _place(self, seal: Sealed) -> Break | None:
        number, hash_ = (self._last.number, self._last.hash) if self._last else (0, ORIGIN)
        if seal.number > number + 1:
            missing = seal.number - number - 1
            return _break("removed", seal, f"{missing} before it are missing.")
        if seal.before == hash_:
            return None
        if self._last is not None and seal.before == self._hash_before_last:
            return _break("inserted", self._last, "The one after it knows nothing of it.")
        if AuditSeal.objects.filter(hash=seal.before).exists():
            return _break("reordered", seal, "It belongs after another.")
        return _break("changed", seal, "Its seal was rewritten.")

    def _content(self, seal: Sealed) -> Break | None:
        content = seal.content
        if content is None:
            return _break("removed", seal, "Its seal is there, the event is not.")
        if link(seal.before, content) != seal.hash:
            return _break("changed", seal, "It is not what was sealed.")
        claimed = datetime.fromisoformat(content["created_at"])
        if self._last is not None and claimed < self._last.sealed_at - LONGEST_DELAY:
            return _break("inserted", seal, "It claims to be older than what was sealed before it.")
        return None

    def _head(self, seal: Sealed) -> Break | None:
        noted = self._heads.get(seal.chain)
        if noted is None or noted.number != seal.number:
            return None
        self._met.add(seal.chain)
        if noted.hash == seal.hash:
            return None
        return _break("changed", seal, "Its hash is not the one that was noted: all was made anew.")


def _break(kind: Kind, seal: Sealed, detail: str) -> Break:
    return Break(kind, seal.chain, seal.number, seal.event_id, detail)


def _which(chain: Chain) -> dict[str, Any]:
    return {"every": chain == EVERY, "chain": None if chain == EVERY else chain}
