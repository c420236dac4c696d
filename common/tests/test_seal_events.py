"""The audit trail: every committed event is sealed once, in order, and tampering shows."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, connections, transaction
from django.db.models import F

from common import clock, events
from common.audit import chains, sealer
from common.audit.canonical import COLUMNS, ORIGIN, document, link
from common.ids import uuid7
from common.models import AuditSeal, EventRecord
from common.tasks import seal_events

ACME, GLOBEX = uuid7(), uuid7()
pytestmark = pytest.mark.django_db(transaction=True)


@events.event("test.sealed")
class Sealed(events.Event):
    text: str


def happen(text: str = "x", organization: UUID | None = ACME) -> EventRecord:
    with transaction.atomic():
        return events.publish(Sealed(text=text), organization_id=organization)


def sealed_events(count: int = 5) -> list[EventRecord]:
    """So many events of ACME's, sealed."""
    rows = [happen(str(i)) for i in range(count)]
    seal_events()
    return rows


def kinds(**options: Any) -> list[tuple[str, UUID]]:
    return [(found.kind, found.event_id) for found in chains.verify(**options).breaks]


def test_each_organization_has_a_chain_from_1_up() -> None:
    rows = [happen(organization=place) for place in (ACME, None, GLOBEX, ACME, None)]
    assert seal_events() == 5
    places = {
        seal.event_id: (seal.organization_id, seal.number) for seal in AuditSeal.objects.all()
    }
    expected = [(ACME, 1), (None, 1), (GLOBEX, 1), (ACME, 2), (None, 2)]
    assert [places[row.id] for row in rows] == expected
    assert chains.verify().holds
    assert chains.verify().chains == 3
    assert seal_events() == 0


def test_batches_go_on_where_the_one_before_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealer, "BATCH", 2)
    with transaction.atomic():  # one transaction, cut in the middle
        rows = [events.publish(Sealed(text=str(i)), organization_id=ACME) for i in range(5)]
    assert seal_events() == 5
    in_order = AuditSeal.objects.order_by("number").values_list("event_id", flat=True)
    assert list(in_order) == [row.id for row in rows]
    assert chains.verify().holds


@pytest.mark.parametrize("before", [0, 1])
def test_an_event_whose_transaction_ends_late_is_not_passed_over(before: int) -> None:
    sealed_events(before)
    begun, may_end = threading.Event(), threading.Event()

    def slow() -> None:
        with transaction.atomic():
            events.publish(Sealed(text="slow"), organization_id=ACME)
            begun.set()
            may_end.wait(20)
        connections.close_all()

    writer = threading.Thread(target=slow)
    writer.start()
    begun.wait(20)
    happen("fast")  # drawn later, committed first
    seal_events()
    # The one that still runs might be the earlier: nothing after it may be sealed before it.
    assert AuditSeal.objects.count() == before
    may_end.set()
    writer.join()
    seal_events()
    order = [seal.content["payload"]["text"] for seal in chains.sealed() if seal.content]
    assert order[before:] == ["slow", "fast"]
    assert chains.verify().holds


def test_only_one_seals_at_a_time() -> None:
    for i in range(40):
        happen(str(i))
    barrier = threading.Barrier(8)
    outcomes: list[Any] = []

    def seal() -> None:
        barrier.wait(20)
        try:
            outcomes.append(seal_events())
        except DatabaseError as error:
            outcomes.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=seal) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [error for error in outcomes if not isinstance(error, int)] == []
    seal_events()
    assert AuditSeal.objects.count() == 40
    assert chains.verify().holds


def test_events_restored_from_another_server_are_sealed() -> None:
    """Their transactions are numbered as on the old server: beyond what the new one has counted."""
    old = happen("old")
    _sql("UPDATE common_eventrecord SET xact = '999999999' WHERE id = %s", old.id)
    new = happen("new")
    seal_events()
    assert set(AuditSeal.objects.values_list("event_id", flat=True)) == {old.id, new.id}
    later = happen("later")
    assert seal_events() == 1
    assert AuditSeal.objects.filter(event_id=later.id).exists()
    assert chains.verify().holds


def test_delivery_changes_nothing_that_is_sealed() -> None:
    row = sealed_events(1)[0]
    EventRecord.objects.filter(id=row.id).update(dispatched_at=clock.now(), attempts=3)
    assert chains.verify().holds


def test_the_tail_that_is_not_sealed_yet_is_reported() -> None:
    sealed_events(2)
    happen("waits")
    report = chains.verify()
    assert (report.holds, report.seals, report.tail.events) == (True, 2, 1)
    assert report.tail.age < timedelta(minutes=1)
    assert chains.tail(GLOBEX).events == 0


# One row is tampered with, by somebody whom the database refuses nothing.


@pytest.mark.parametrize(
    "change",
    [
        'payload = \'{"text": "y"}\'',
        "type = 'test.other'",
        "actor_id = gen_random_uuid()",
        "address = '10.0.0.1'",
        "created_at = created_at - interval '1 second'",
        "request_id = 'somebody-elses'",
        "xact = '5'",
        "via = 'key'",
    ],
)
def test_a_changed_event_is_named(change: str) -> None:
    rows = sealed_events()
    _sql(f"UPDATE common_eventrecord SET {change} WHERE id = %s", rows[2].id)  # noqa: S608
    assert kinds() == [("changed", rows[2].id)]


def test_a_removed_event_is_named() -> None:
    rows = sealed_events()
    _sql("DELETE FROM common_eventrecord WHERE id = %s", rows[2].id)
    assert kinds() == [("removed", rows[2].id)]


def test_an_event_removed_with_its_seal_is_missed_by_the_one_after_it() -> None:
    rows = sealed_events()
    _sql("DELETE FROM common_eventrecord WHERE id = %s", rows[2].id)
    _sql("DELETE FROM common_auditseal WHERE event_id = %s", rows[2].id)
    assert kinds() == [("removed", rows[3].id)]


def test_two_seals_that_changed_places_are_named() -> None:
    rows = sealed_events()
    for number, row in ((99, rows[1]), (2, rows[2]), (3, rows[1])):
        _sql("UPDATE common_auditseal SET number = %s WHERE event_id = %s", number, row.id)
    found = kinds()
    assert ("reordered", rows[2].id) in found
    assert {id_ for _, id_ in found} >= {rows[1].id, rows[2].id}


def test_two_events_that_changed_places_are_named() -> None:
    rows = sealed_events()
    _sql("UPDATE common_auditseal SET event_id = %s WHERE event_id = %s", uuid7(), rows[1].id)
    _sql("UPDATE common_auditseal SET event_id = %s WHERE event_id = %s", rows[1].id, rows[2].id)
    _sql("UPDATE common_auditseal SET event_id = %s WHERE number = 2", rows[2].id)
    assert kinds() == [("changed", rows[2].id), ("changed", rows[1].id)]


def test_an_event_put_between_two_others_is_named() -> None:
    """With a seal that fits what is before it: what comes after knows nothing of it."""
    sealed_events()
    AuditSeal.objects.filter(number__gte=3).update(number=F("number") + 1001)
    AuditSeal.objects.filter(number__gte=100).update(number=F("number") - 1000)
    forged = happen("forged")
    second = AuditSeal.objects.get(number=2)
    last = AuditSeal.objects.order_by("-id")[0]
    row = _row(forged)
    content = document(row, number=3, sealed_at=last.sealed_at)
    AuditSeal.objects.create(
        event_id=forged.id, organization_id=ACME, number=3, prev_hash=bytes(second.hash),
        hash=link(bytes(second.hash), content), xact=int(row[11]), sealed_at=last.sealed_at,
    )  # fmt: skip
    assert ("inserted", forged.id) in kinds()


def test_an_event_slipped_in_behind_the_seals_is_named() -> None:
    sealed_events()
    forged = happen("forged")
    _sql("UPDATE common_eventrecord SET xact = '5' WHERE id = %s", forged.id)
    assert seal_events() == 0
    assert kinds() == [("inserted", forged.id)]


def test_an_event_that_claims_to_be_older_than_it_is_is_named() -> None:
    sealed_events()
    forged = happen("forged")
    long_ago = clock.now() - timedelta(days=30)
    _sql("UPDATE common_eventrecord SET created_at = %s WHERE id = %s", long_ago, forged.id)
    seal_events()
    assert kinds() == [("inserted", forged.id)]


def test_a_chain_cut_short_is_told_by_the_head_noted_before() -> None:
    rows = sealed_events()
    heads = sealer.heads_of([ACME])
    _sql("DELETE FROM common_eventrecord WHERE id = %s", rows[4].id)
    _sql("DELETE FROM common_auditseal WHERE event_id = %s", rows[4].id)
    assert kinds() == []
    assert [kind for kind, _ in kinds(heads=heads)] == ["removed"]


def test_a_chain_made_anew_is_told_by_the_head_noted_before() -> None:
    rows = sealed_events()
    heads = sealer.heads_of([ACME])
    _sql('UPDATE common_eventrecord SET payload = \'{"text": "y"}\' WHERE id = %s', rows[1].id)
    _sql("DELETE FROM common_auditseal")
    seal_events()
    assert kinds() == []
    assert kinds(heads=heads) == [("changed", rows[4].id)]


# The command.


def test_verify_ends_with_1_where_a_chain_is_broken() -> None:
    rows = sealed_events()
    out = StringIO()
    call_command("audit", "verify", stdout=out)
    assert "5 sealed events in 1 chains, 0 breaks; 0 events not sealed yet" in out.getvalue()
    _sql("DELETE FROM common_eventrecord WHERE id = %s", rows[2].id)
    with pytest.raises(CommandError) as caught:
        call_command("audit", "verify", stdout=out)
    assert caught.value.returncode == 1
    assert f"removed: event {rows[2].id}, number 3" in out.getvalue()


def test_an_export_can_be_checked_with_nothing_of_ours() -> None:
    sealed_events()
    happen("ü ☃", organization=None)
    seal_events()
    out = StringIO()
    call_command("audit", "export", stdout=out)
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert len(lines) == 6
    before = dict.fromkeys({line["organization_id"] for line in lines}, ORIGIN)
    for line in lines:
        hash_, prev = line.pop("hash"), line.pop("prev_hash")
        assert bytes.fromhex(prev) == before[line["organization_id"]]
        text = json.dumps(line, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        digest = hashlib.sha256(bytes.fromhex(prev) + text.encode()).digest()
        assert digest.hex() == hash_
        before[line["organization_id"]] = digest


def test_the_heads_that_are_printed_are_taken_back(tmp_path: Path) -> None:
    sealed_events()
    happen(organization=None)
    seal_events()
    file, out = tmp_path / "heads", StringIO()
    call_command("audit", "heads", stdout=out)
    file.write_text(out.getvalue())
    assert len(out.getvalue().splitlines()) == 2
    call_command("audit", "verify", heads=file, stdout=StringIO())
    _sql("DELETE FROM common_auditseal WHERE number = 5")
    with pytest.raises(CommandError):
        call_command("audit", "verify", heads=file, stdout=StringIO())


def test_a_walk_holds_few_rows_in_memory(
    monkeypatch: pytest.MonkeyPatch, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    monkeypatch.setattr(chains, "FETCH", 2)
    sealed_events(9)
    with django_assert_max_num_queries(6):
        report = chains.verify()
    assert report.seals == 9


def _sql(statement: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def _row(event: EventRecord) -> tuple[Any, ...]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {COLUMNS} FROM common_eventrecord e WHERE id = %s", [event.id])  # noqa: S608
        row: tuple[Any, ...] = cursor.fetchone()
    return row
