"""It brings every record from the journal to the database, whatever is down in between."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from celery import current_app
from celery.contrib.testing.worker import start_worker
from django.conf import settings
from django.db import connection

from accounts.models import User
from inference.journal import shipper as shipping
from inference.journal.shipper import Shipper, database_parameters
from inference.journal.writer import Journal
from inference.models import JournalBatch, Prediction, RollUp
from inference.store import store
from inference.tests.forwarder import Forwarder
from inference.tests.journaled import facts_of, write_call, written
from registry.tests.factories import make_model, make_version

pytestmark = pytest.mark.django_db(transaction=True)
StartShipper = Callable[..., Shipper]


@pytest.fixture(autouse=True)
def worker() -> Iterator[None]:
    """A Celery worker for the journal's queue, in a thread."""
    current_app.control.purge()
    with start_worker(
        current_app, pool="solo", queues=["journal"], perform_ping_check=False, loglevel="ERROR"
    ):
        yield
    # The worker's thread is gone and its connection is not; the test database could not be dropped.
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


@pytest.fixture
def facts(alice: User) -> bytes:
    return facts_of(make_version(make_model(alice)), alice)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "journal"


@pytest.fixture
def journal(folder: Path) -> Iterator[Journal]:
    made = Journal(folder, segment_bytes=100_000)
    yield made
    made.close()


@pytest.fixture
def start(folder: Path) -> Iterator[StartShipper]:
    started: list[Shipper] = []

    def start(**given: Any) -> Shipper:
        shipper = Shipper(folder, **({"own": lambda: None} | given))
        shipper.start()
        started.append(shipper)
        return shipper

    yield start
    for shipper in started:
        shipper.stop()


def wait_until(condition: Callable[[], bool], patience: float = 20.0) -> None:
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def kept() -> set[int]:
    return {id_.int for id_ in Prediction.objects.values_list("id", flat=True)}


def test_what_is_written_is_stored_and_finished_segments_go(
    journal: Journal, folder: Path, facts: bytes, start: StartShipper
) -> None:
    start(own=lambda: journal.present)
    ids = {write_call(journal, facts) for _ in range(3000)}
    wait_until(lambda: kept() == ids)
    ids |= {write_call(journal, facts)}
    wait_until(lambda: kept() == ids)
    wait_until(lambda: list(folder.iterdir()) == [journal.segment])
    assert sum(row.requests for row in RollUp.objects.all()) == len(ids)


def test_orphans_are_adopted_and_living_segments_are_not(
    journal: Journal, folder: Path, facts: bytes, start: StartShipper
) -> None:
    other = Journal(folder)
    ids = {write_call(other, facts) for _ in range(50)}
    write_call(journal, facts)
    other.close()
    start()
    wait_until(lambda: kept() == ids)
    wait_until(lambda: list(folder.iterdir()) == [journal.segment])


def test_two_shippers_share_a_folder(folder: Path, facts: bytes, start: StartShipper) -> None:
    ids = set()
    for _ in range(10):
        dead = Journal(folder)
        ids |= {write_call(dead, facts) for _ in range(20)}
        dead.close()
    for _ in range(2):
        start()
    wait_until(lambda: kept() == ids and not list(folder.iterdir()))


def test_a_shorter_batch_of_a_dead_shipper_hides_nothing(
    folder: Path, facts: bytes, start: StartShipper
) -> None:
    """The row of a batch says where it ends; what lies behind is sent as well."""
    dead = Journal(folder)
    ids = {write_call(dead, facts)}
    name, short = written(dead)
    ids |= {write_call(dead, facts) for _ in range(30)}
    dead.close()

    shipper = Shipper(folder, own=lambda: None)
    shipper._look_around()
    store(name, 0, short)
    shipper._send()
    wait_until(lambda: JournalBatch.objects.count() == 1)
    shipper.start()
    wait_until(lambda: kept() == ids and not list(folder.iterdir()))
    shipper.stop()


def test_a_shipper_goes_on_where_a_dead_one_was(
    folder: Path, facts: bytes, start: StartShipper
) -> None:
    dead = Journal(folder)
    write_call(dead, facts)
    name, data = written(dead)
    store(name, 0, data)
    ids = kept() | {write_call(dead, facts)}
    dead.close()
    start()
    wait_until(lambda: kept() == ids and not list(folder.iterdir()))
    assert sorted(JournalBatch.objects.values_list("offset", flat=True)) == [0, len(data)]


def test_torn_records_are_stepped_over(folder: Path, facts: bytes, start: StartShipper) -> None:
    dead = Journal(folder)
    ids = {write_call(dead, facts)}
    dead.put(written(dead)[1][:77])
    ids |= {write_call(dead, facts)}
    dead.put(b"\xffSJ1" + b"\xff" * 2_500_000)
    ids |= {write_call(dead, facts)}
    dead.put(written(dead)[1][:50])
    dead.close()
    start()
    wait_until(lambda: kept() == ids and not list(folder.iterdir()))


def test_a_broker_that_is_down_loses_nothing(
    journal: Journal, facts: bytes, start: StartShipper
) -> None:
    url = urlsplit(settings.CELERY_BROKER_URL)
    wire = Forwarder(url.hostname or "", url.port or 6379)
    wire.cut()
    secret = url.netloc.rpartition("@")[0]
    through = url._replace(netloc=f"{secret}@127.0.0.1:{wire.port}").geturl()
    shipper = start(own=lambda: journal.present, broker_url=through)
    ids = {write_call(journal, facts) for _ in range(10)}
    time.sleep(1)
    assert kept() == set()
    wire.mend()
    wait_until(lambda: kept() == ids)
    wire.cut()
    ids |= {write_call(journal, facts) for _ in range(10)}
    time.sleep(0.5)
    wire.mend()
    wait_until(lambda: kept() == ids)
    assert shipper.is_alive()
    shipper.stop()
    wire.close()


def test_a_database_that_is_down_loses_nothing(
    journal: Journal, folder: Path, facts: bytes, start: StartShipper
) -> None:
    database = database_parameters()
    wire = Forwarder(database["host"], int(database["port"]))
    shipper = start(
        own=lambda: journal.present,
        database=database | {"host": "127.0.0.1", "port": wire.port},
    )
    ids = {write_call(journal, facts)}
    wait_until(lambda: kept() == ids)
    wire.cut()
    dead = Journal(folder)
    ids |= {write_call(dead, facts)} | {write_call(journal, facts) for _ in range(10)}
    dead.close()
    time.sleep(1)
    wire.mend()
    wait_until(lambda: kept() == ids and list(folder.iterdir()) == [journal.segment])
    assert shipper.is_alive()
    shipper.stop()
    wire.close()


def test_a_message_that_is_lost_is_sent_again(
    journal: Journal, facts: bytes, start: StartShipper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipping, "RESEND_AFTER", 0.5)
    ids = {write_call(journal, facts)}
    shipper = Shipper(journal.segment.parent, own=lambda: journal.present)
    # As if the broker had lost the first message: it went to a queue that nobody reads.
    monkeypatch.setitem(
        current_app.conf.task_routes, "inference.tasks.store_batch", {"queue": "bulk"}
    )
    shipper._try_turn()
    monkeypatch.undo()
    monkeypatch.setattr(shipping, "RESEND_AFTER", 0.5)
    assert not kept()
    shipper.start()
    wait_until(lambda: kept() == ids)
    shipper.stop()


WRITER = """
import sys
from pathlib import Path
from uuid import uuid4
from common.ids import uuid7
from inference.journal.writer import Journal
import threading
journal, facts = Journal(Path(sys.argv[1]), segment_bytes=400_000), bytes.fromhex(sys.argv[2])
lock = threading.Lock()
def write():
    while True:
        id = uuid7()
        journal.append(facts, id.bytes, 1, 200, "", 1, 1, 1, True, "r" * 16, "", 1,
                       b'{"inputs":[1]}', b'{"predictions":["yes"],"confidence":[0.5]}')
        with lock:
            sys.stdout.write(f"{id.int:x}\\n")
            sys.stdout.flush()
for _ in range(4):
    threading.Thread(target=write).start()
"""


@pytest.mark.parametrize("after", [0.1, 0.3, 0.5])
def test_a_kill_loses_nothing_that_was_acknowledged(
    folder: Path, facts: bytes, start: StartShipper, after: float
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder), facts.hex()],
        stdout=subprocess.PIPE,
        text=True,
        cwd=settings.BASE_DIR,
    )
    assert process.stdout is not None
    acknowledged = [process.stdout.readline()]
    killer = threading.Timer(after, process.send_signal, [signal.SIGKILL])
    killer.start()
    acknowledged += process.stdout.readlines()
    process.wait()
    ids = {int(line, 16) for line in acknowledged if line.endswith("\n")}
    assert len(ids) > 100
    start()
    wait_until(lambda: kept() >= ids and not list(folder.iterdir()), patience=60)
    # What was written and not acknowledged: one call a thread, at most.
    assert len(kept() - ids) <= 4
    assert {UUID(int=id_).version for id_ in ids} == {7}
