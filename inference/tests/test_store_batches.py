"""It stores what the journal sends: every record once, whatever came with it."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest
from django.db import DatabaseError, connection

from accounts.models import User
from common import clock
from inference.journal.record import MAX_INPUTS, MAX_OUTPUTS, Door, Kind, pack_batch
from inference.journal.writer import Journal
from inference.models import JournalBatch, Prediction, RollUp
from inference.store import store
from inference.tasks import store_batch
from inference.tests.journaled import answer, facts_of, write_call, written
from registry.models import ModelVersion
from registry.tests.factories import make_model, make_version

pytestmark = pytest.mark.django_db


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    made = Journal(tmp_path / "journal")
    yield made
    made.close()


@pytest.fixture
def version(alice: User) -> ModelVersion:
    return make_version(make_model(alice))


@pytest.fixture
def facts(version: ModelVersion, alice: User) -> bytes:
    return facts_of(version, alice)


def stored(journal: Journal, offset: int = 0) -> Prediction:
    """Store everything from the offset on; the newest row."""
    name, data = written(journal)
    store(name, offset, data[offset:])
    newest = Prediction.objects.first()
    assert newest is not None
    return newest


def test_a_call_is_kept_as_it_was(
    journal: Journal, facts: bytes, version: ModelVersion, alice: User
) -> None:
    id_ = write_call(journal, facts, correlation_id="ab\\c\td", door=Door.V1, rows=2)
    row = stored(journal)
    assert (row.id, row.version, row.model) == (UUID(int=id_), version, version.model)
    assert (row.organization_id, row.user_id, row.key_id) == (
        version.model.organization_id,
        alice.id,
        None,
    )
    assert (row.door, row.status, row.code, row.rows, row.cache_hit) == (5, 200, "", 2, True)
    assert (row.inference_ms, row.duration_ms) == (0.012, 0.04)
    assert (row.request_id, row.correlation_id) == ("0123456789abcdef", "ab\\c\td")
    assert row.inputs == {"inputs": [[1.5, 2.5]]}
    assert row.inputs_kept
    assert row.outputs == {"predictions": ["yes"], "confidence": [0.9]}
    assert abs(row.created_at - clock.now()) < timedelta(seconds=5)
    assert row.created_at.timestamp() * 1000 == pytest.approx(id_ >> 80)


def test_a_matrix_becomes_rows(journal: Journal, facts: bytes) -> None:
    rows = np.array([[1.0, np.nan, 3.0], [4.0, np.inf, 6.0]], "<f8")
    write_call(journal, facts, kind=Kind.MATRIX, inputs=rows.tobytes(), rows=2)
    assert stored(journal).inputs == {"inputs": [[1.0, None, 3.0], [4.0, None, 6.0]]}


@pytest.mark.parametrize(
    ("inputs", "kept"),
    [
        (
            b'{"inputs": ["tab\\t \\\\ \\" \\n"], \n\t"x":\r1}',
            {"inputs": ['tab\t \\ " \n'], "x": 1},
        ),
        ('{"inputs":["日本 \\ud83d\\ude00"]}'.encode(), {"inputs": ["日本 😀"]}),
        (b'{"inputs":["a\\u0000b"]}', {"inputs": ["a\ufffdb"]}),
        (b'{"inputs":["\\ud800"]}', None),
        (b'{"inputs":[1e999999]}', None),
        (b'{"inputs":["\xff"]}', None),
        (b'{"inputs":[', None),
        (b"\\.", None),
        (b"[" * 60_000 + b"]" * 5000, None),
        (b"[" * 30_000 + b"]" * 30_000, None),
        (b'{"a":' * 700 + b"1" + b"}" * 700, "any"),
        (b" " * (MAX_INPUTS + 1), None),
        (b'{"inputs":[' + b"1," * 20_000 + b"1]}", "any"),
    ],
)
def test_no_input_spoils_a_batch(
    journal: Journal, facts: bytes, inputs: bytes, kept: object
) -> None:
    write_call(journal, facts)
    write_call(journal, facts, inputs=inputs)
    row = stored(journal)
    assert Prediction.objects.count() == 2
    if kept == "any":
        assert row.inputs_kept == (row.inputs is not None)
    else:
        assert (row.inputs, row.inputs_kept) == (kept, kept is not None)


def test_odd_texts_and_answers_spoil_nothing(journal: Journal, facts: bytes) -> None:
    write_call(journal, facts, outputs=b'{"predictions":["\\u0000"],"confidence":[0.5]}')
    write_call(journal, facts, outputs=b"{" + b" " * MAX_OUTPUTS)
    write_call(journal, facts, outputs=b"no json", kind=Kind.NONE, inputs=b"")
    write_call(journal, facts, correlation_id="\0\ud800\\N\r\n", code="x" * 100, rows=2**32 - 1)
    write_call(journal, facts, kind=Kind.MATRIX, inputs=b"12345", status=65535)
    stored(journal)
    assert Prediction.objects.count() == 5
    assert RollUp.objects.get().labels == {"\ufffd": 1, "yes": 2}


def test_a_delivery_again_changes_nothing(journal: Journal, facts: bytes) -> None:
    for _ in range(3):
        write_call(journal, facts)
    name, data = written(journal)
    payload = pack_batch(data)
    assert [store_batch(name, 0, payload) for _ in range(3)] == [3, 0, 0]
    assert (Prediction.objects.count(), RollUp.objects.get().requests) == (3, 3)
    batch = JournalBatch.objects.get()
    assert (batch.segment, batch.offset, batch.end) == (name, 0, len(data))


def test_a_record_in_two_batches_counts_once(journal: Journal, facts: bytes) -> None:
    write_call(journal, facts)
    first = len(written(journal)[1])
    write_call(journal, facts)
    name, data = written(journal)
    assert store(name, first, data[first:]) == 1
    assert store(name, 0, data) == 1
    assert (Prediction.objects.count(), RollUp.objects.get().requests) == (2, 2)


def test_a_payload_that_is_garbled_is_dropped_and_may_come_again(
    journal: Journal, facts: bytes
) -> None:
    write_call(journal, facts)
    name, data = written(journal)
    for garbled in ("no base64!", "AAAA", pack_batch(data)[:-8]):
        assert store_batch(name, 0, garbled) == 0
    assert not JournalBatch.objects.exists()
    assert store_batch(name, 0, pack_batch(data)) == 1


def test_what_is_torn_is_left_out_for_good(journal: Journal, facts: bytes) -> None:
    write_call(journal, facts)
    name, data = written(journal)
    garbled = data[:50] + b"\0" + data[51:]
    assert store(name, 0, garbled + data[:70]) == 0
    assert JournalBatch.objects.get().end == len(data) + 70


def test_a_record_of_another_segment_is_not_believed(
    journal: Journal, facts: bytes, tmp_path: Path
) -> None:
    other = Journal(tmp_path / "other")
    write_call(other, facts)
    assert store(journal.segment.name, 0, written(other)[1]) == 0
    other.close()


def test_rows_of_a_day_without_a_partition_fall_into_the_net(
    journal: Journal, facts: bytes
) -> None:
    write_call(journal, facts, at=clock.now() - timedelta(days=800))
    stored(journal)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM inference_prediction_net")
        assert cursor.fetchone() == (1,)


@pytest.mark.django_db(transaction=True)
def test_two_workers_store_at_once(journal: Journal, alice: User, tmp_path: Path) -> None:
    """Overlapping batches over the same versions, each delivered to two threads."""
    versions = [make_version(make_model(alice, f"m{i}")) for i in range(5)]
    cuts = [0]
    for i in range(400):
        version = versions[(i * 7) % 5]
        write_call(journal, facts_of(version, alice), outputs=answer(f"label {i % 3}"))
        if i % 50 == 49:
            cuts.append(len(written(journal)[1]))
    name, data = written(journal)
    batches = [(a, data[a:b]) for a, b in itertools.pairwise(cuts)]
    batches += [(a, data[a:b]) for a, b in zip(cuts[:-2], cuts[2:], strict=True)]
    barrier, failures = threading.Barrier(3), []

    def work(order: list[tuple[int, bytes]]) -> None:
        barrier.wait()
        try:
            for offset, stretch in order:
                store(name, offset, stretch)
        except DatabaseError as error:
            failures.append(error)
        finally:
            connection.close()

    orders = [batches, batches[::-1], batches[4:] + batches[:4]]
    threads = [threading.Thread(target=work, args=(order,)) for order in orders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    # Each thread got to its end, or an error other than the database's would show here.
    assert JournalBatch.objects.count() == len({offset for offset, _ in batches})
    assert Prediction.objects.count() == 400
    assert sum(row.requests for row in RollUp.objects.all()) == 400
