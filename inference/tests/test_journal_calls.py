"""It writes calls down whole or says so, and finds them again among whatever else is there."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from pytest_django import Settings

from common.ids import uuid7
from inference.journal import writer
from inference.journal.reader import payloads, walk
from inference.journal.record import HEAD, MAGIC, MAX_INPUTS, Kind, pack_facts
from inference.journal.segments import Segment, adopt, open_segment, sweep
from inference.journal.writer import Journal, JournalUnavailable, journal, seed_of
from inference.tests.journaled import write_call, written

ID = uuid7()
FACTS = pack_facts(version_id=ID, model_id=ID, organization_id=ID, user_id=ID, key_id=None)


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Journal]:
    made = Journal(tmp_path / "journal")
    yield made
    made.close()


def ids(name: str, data: bytes) -> list[int]:
    return [int.from_bytes(fixed[0], "big") for _, fixed, _ in payloads(data, seed_of(name))]


def ids_of(folder: Path) -> set[int]:
    return {id_ for path in folder.iterdir() for id_ in ids(path.name, path.read_bytes())}


def test_facts_are_80_bytes() -> None:
    facts = pack_facts(version_id=ID, model_id=ID, organization_id=ID, user_id=ID, key_id=ID)
    assert facts == ID.bytes * 5
    assert len(FACTS) == 80


def test_what_is_written_is_found(book: Journal) -> None:
    expected = [write_call(book, FACTS) for _ in range(20)]
    name, data = written(book)
    assert ids(name, data) == expected
    stretch = walk(data, seed_of(name), most=100, finished=False)
    assert (stretch.end, stretch.records, stretch.torn) == (len(data), 20, 0)
    assert walk(data, seed_of(name), most=7, finished=False).records == 7


def test_inputs_that_are_too_long_are_left_out(book: Journal) -> None:
    write_call(book, FACTS, inputs=b" " * (MAX_INPUTS + 1))
    assert len(written(book)[1]) < 1000
    write_call(book, FACTS, inputs=b" " * MAX_INPUTS)
    assert len(written(book)[1]) > MAX_INPUTS


def test_a_torn_record_hides_none_after_it(book: Journal) -> None:
    """Cut one at every byte, with a good record after it."""
    first = write_call(book, FACTS)
    name, record = written(book)
    second = write_call(book, FACTS)
    good = written(book)[1][len(record) :]
    for cut in range(1, len(record)):
        data = record[:cut] + good
        assert ids(name, data) == [second], cut
        stretch = walk(data, seed_of(name), most=10, finished=False)
        assert (stretch.end, stretch.records, stretch.torn) == (len(data), 1, cut)
    assert ids(name, record + good) == [first, second]


def test_a_record_that_is_not_done_is_waited_for(book: Journal) -> None:
    write_call(book, FACTS)
    name, data = written(book)
    begun = data + data[:60]
    assert walk(begun, seed_of(name), most=9, finished=False).end == len(data)
    done = walk(begun, seed_of(name), most=9, finished=True)
    assert (done.end, done.torn) == (len(begun), 60)


def test_any_changed_byte_is_noticed(book: Journal) -> None:
    write_call(book, FACTS)
    name, data = written(book)
    for i in range(len(data)):
        assert ids(name, data[:i] + bytes([data[i] ^ 1]) + data[i + 1 :]) == []


def test_a_record_inside_an_input_is_never_taken_for_one(book: Journal) -> None:
    """Not even where the record around it is torn: a CRC starts from the segment's secret."""
    write_call(book, FACTS, inputs=b"")
    _, record = written(book)
    payload = record[HEAD.size :]
    forged = HEAD.pack(MAGIC, len(payload), zlib.crc32(payload)) + payload
    size = len(record)
    write_call(book, FACTS, kind=Kind.MATRIX, inputs=forged)
    name, data = written(book)
    torn = data[size:-1]
    good = write_call(book, FACTS)
    after = written(book)[1][len(data) :]
    assert forged in torn
    assert ids(name, torn + after) == [good]


def test_segments_change_under_threads_and_no_record_is_lost(tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    book = Journal(folder, segment_bytes=5000)
    wrote: list[int] = []
    barrier = threading.Barrier(8)

    def write() -> None:
        barrier.wait()
        wrote.extend([write_call(book, FACTS) for _ in range(300)])

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    book.close()
    assert len(wrote) == 2400
    assert ids_of(folder) == set(wrote)
    assert len(list(folder.iterdir())) > 50


def test_a_living_segment_is_nobody_elses(book: Journal) -> None:
    folder = book.segment.parent
    assert adopt(folder, set(), most=9) == []
    book.close()
    (adopted,) = adopt(folder, set(), most=9)
    assert adopted.path == book.segment
    assert adopt(folder, set(), most=9) == []
    adopted.close()


def test_an_unlocked_segment_has_no_name_yet(book: Journal) -> None:
    (book.segment.parent / "x-00000000-1.new").write_bytes(b"")
    (book.segment.parent / "notes.seg").write_bytes(b"")
    assert adopt(book.segment.parent, set(), most=9) == []


def test_what_was_never_begun_is_swept(book: Journal) -> None:
    folder = book.segment.parent
    (folder / "x-00000000-1.new").write_bytes(b"")
    (folder / "x-00000000-2.new").write_bytes(b"")
    os.utime(folder / "x-00000000-2.new", (0, 0))
    sweep(folder)
    assert sorted(path.name for path in folder.glob("*.new")) == ["x-00000000-1.new"]


def test_a_deleted_segment_is_told(book: Journal) -> None:
    segment: Segment | None = open_segment(book.segment)
    assert segment is not None
    before = segment.is_gone
    book.segment.unlink()
    assert (before, segment.is_gone) == (False, True)
    segment.close()


LIMITED = """
import resource, sys
from pathlib import Path
import django
django.setup()
from inference.journal.writer import Journal, JournalUnavailable
from inference.tests.journaled import write_call
journal, facts = Journal(Path(sys.argv[1]), segment_bytes=3000), bytes(80)
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, resource.RLIM_INFINITY))
def write(**call):
    try:
        print(f"{write_call(journal, facts, **call):x}")
    except JournalUnavailable as error:
        print("refused", error.status, error.code, error.retry_after)
for _ in range(20):
    write()
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
for _ in range(3):
    write()
"""


def test_a_full_disk_refuses_calls_and_keeps_what_was_acknowledged(tmp_path: Path) -> None:
    """Room is reserved before a record needs it, so that none is ever torn by a full disk."""
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        cwd=django_settings.BASE_DIR,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "config.settings", "PYTHONPATH": "."},
    )
    lines = [line for line in done.stdout.splitlines() if not line.startswith("{")]
    refused = "refused 503 journal_unavailable 1"
    acknowledged = {int(line, 16) for line in lines if line != refused}
    assert 0 < lines.count(refused) < 20
    assert lines.index(refused) > 0
    assert lines[-1] != refused
    assert ids_of(tmp_path) == acknowledged
    assert not list(tmp_path.glob("*.new"))


def test_a_folder_that_is_gone_refuses_the_call(tmp_path: Path) -> None:
    book = Journal(tmp_path / "journal", segment_bytes=300)
    first = write_call(book, FACTS)
    book.segment.parent.rename(tmp_path / "moved")
    with pytest.raises(JournalUnavailable):
        write_call(book, FACTS)
    assert ids_of(tmp_path / "moved") == {first}
    (tmp_path / "moved").rename(tmp_path / "journal")
    second = write_call(book, FACTS)
    book.close()
    assert ids_of(tmp_path / "journal") == {first, second}


def test_a_killed_writers_reserved_room_is_no_torn_record(book: Journal) -> None:
    write_call(book, FACTS)
    name, data = written(book)
    whole = book.segment.read_bytes()
    assert len(whole) > len(data)
    stretch = walk(whole, seed_of(name), most=9, finished=True)
    assert (stretch.end, stretch.records, stretch.torn) == (len(whole), 1, 0)


def test_a_forked_process_has_a_journal_of_its_own(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.JOURNAL_ROOT = tmp_path
    # This process may have one already, from a test before.
    monkeypatch.setattr(writer, "_journal", None)
    own = journal()
    write_call(own, FACTS)
    child = os.fork()
    if child == 0:
        try:
            write_call(journal(), FACTS)
            os._exit(0 if journal() is not own else 1)
        finally:
            os._exit(2)
    assert os.waitpid(child, 0)[1] == 0
    assert len(list(tmp_path.iterdir())) == 2
    # The child's segment is free, the parent's is still held.
    (adopted,) = adopt(tmp_path, set(), most=9)
    assert adopted.path != own.segment
    adopted.close()
    own.close()


def test_a_call_costs_little(book: Journal) -> None:
    """A generous bound, for a machine that is busy; make bench has the real figure."""
    call = (ID.bytes, 1, 200, "", 1, 9, 9, True, "r" * 16, "", 1, b'{"inputs":[[1,2]]}', b"{}")
    start = time.thread_time()
    for _ in range(20_000):
        book.append(FACTS, *call)
    assert (time.thread_time() - start) / 20_000 < 30e-6
