"""From the journal to the queue, again and again until the database has it.

One thread in each web process. It reads whole records, sends each batch to a worker and forgets it
when its row stands in `journal_batch`; nothing else counts as proof. It never gives up: what can't
be sent now lies in its segment until it can.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any

import psycopg
import structlog
from celery import current_app
from django.conf import settings
from kombu import Connection
from kombu.exceptions import OperationalError

from common.meter import Level
from inference.journal.record import pack_batch
from inference.journal.segments import Segment, adopt, open_segment, sweep
from inference.journal.writer import Present, present_segment

logger = structlog.get_logger(__name__)

TURN = 0.2
LOOK_AROUND = 5.0
MAX_IN_FLIGHT = 4
MAX_SEGMENTS = 64
RESEND_AFTER = 30.0
LONGEST_PAUSE = 5.0
# Storing a call costs the machine about what answering it did. While a process answers so many
# calls a second, what it writes is sent in larger intervals, as long as not too much of it waits.
BUSY_BYTES = 500_000  # a second
BUSY_PAUSE = 3.0
MUCH_WAITING = 64 * 1024**2
# With so many messages in the queue a late batch is late, not lost.
LONG_QUEUE = 1
QUEUE = "journal"
CONFIRM = """
SELECT b.segment, b."offset", b."end" FROM inference_journalbatch b
JOIN unnest(%s::text[], %s::bigint[]) AS f(segment, "offset")
ON b.segment = f.segment AND b."offset" = f."offset"
"""
STRETCHES = """
SELECT "offset", "end" FROM inference_journalbatch WHERE segment = %s ORDER BY "offset"
"""

LAG = Level("slipway_journal_waiting_bytes", "Bytes of the journal that are not stored yet.")
SEGMENTS = Level("slipway_journal_segments", "Files of the journal that are being shipped.")
STALLED = Level(
    "slipway_journal_stalled_seconds",
    "For how long nothing of what waits in the journal was stored.",
    over="max",
)


@dataclass(slots=True)
class Flight:
    """A batch that was sent and is not known to be stored."""

    segment: Segment
    offset: int
    end: int
    sent_at: float
    attempts: int = 1

    @property
    def is_late(self) -> bool:
        patience: float = RESEND_AFTER * 2 ** min(self.attempts, 5) / 2
        return time.monotonic() - self.sent_at > patience


class Pace:
    """How fast to send: at once while calls are few, in intervals while they are many."""

    def __init__(self) -> None:
        self._since = time.monotonic()
        self._bytes = 0
        self._rate = 0.0
        self._sent_at = -inf

    def wrote(self, count: int) -> None:
        """So many bytes were written to the journal since the last time."""
        self._bytes += count

    def sent(self) -> None:
        self._sent_at = time.monotonic()

    def allows(self, waiting: int) -> bool:
        """Whether a batch may be sent now, `waiting` being the bytes not sent yet."""
        now = time.monotonic()
        if now - self._since >= 1.0:
            self._rate = self._bytes / (now - self._since)
            self._since, self._bytes = now, 0
        busy = self._rate > BUSY_BYTES and waiting < MUCH_WAITING
        return not busy or now - self._sent_at >= BUSY_PAUSE


class Shipper(threading.Thread):
    """Ships this process's segments and those whose process is gone.

    Args:
        folder: where segments lie.
        own: the segment that this process writes to and how far it has come, or None.
        broker_url: the broker, if not the settings'.
        database: psycopg's connection parameters, if not the settings'.
    """

    def __init__(
        self,
        folder: Path,
        *,
        own: Callable[[], Present | None] = present_segment,
        broker_url: str = "",
        database: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(name="shipper", daemon=True)
        self._folder = folder
        self._own = own
        self._broker_url = broker_url
        self._database = database
        self._stopping = threading.Event()
        self._segments: dict[str, Segment] = {}
        self._flights: dict[tuple[str, int], Flight] = {}
        self._connection: psycopg.Connection[Any] | None = None
        self._broker: Connection | None = None
        self._own_path: Path | None = None
        self._look_at = 0.0
        self._pace = Pace()
        self._moved_at = time.monotonic()

    def run(self) -> None:
        """Turn after turn until it is stopped; the pause grows while things fail."""
        pause = TURN
        while not self._stopping.wait(pause):
            pause = TURN if self._try_turn() else min(pause * 2, LONGEST_PAUSE)
        self._try_turn()
        self._hang_up()
        for segment in self._segments.values():
            segment.close()
        self._segments.clear()

    def stop(self, timeout: float = 5.0) -> None:
        """Send what waits once more, and end. What is left lies in its segment."""
        self._stopping.set()
        self.join(timeout)

    def _try_turn(self) -> bool:
        try:
            self._turn()
        except (psycopg.Error, OperationalError, OSError) as error:
            logger.warning("shipper_waits", error=str(error), type=type(error).__name__)
        except Exception:  # it must outlive whatever is wrong, a bug of ours too
            logger.exception("shipper_stumbled")
        else:
            self._report()
            return True
        self._hang_up()
        self._report()
        return False

    def _report(self) -> None:
        """Enter in the figures what waits, and for how long nothing has moved."""
        flying = sum(flight.end - flight.offset for flight in self._flights.values())
        lag = flying + self._waiting()
        if not lag:
            self._moved_at = time.monotonic()
        LAG.of().set(lag)
        SEGMENTS.of().set(len(self._segments))
        STALLED.of().set(int(time.monotonic() - self._moved_at))

    def _turn(self) -> None:
        self._follow_own()
        if time.monotonic() >= self._look_at:
            self._look_around()
        if self._flights:
            self._confirm()
            self._resend()
        self._send()
        self._finish()

    def _follow_own(self) -> None:
        """Know the segment that this process writes to now."""
        present = self._own()
        self._own_path = present.path if present else None
        if present is None:
            return
        segment = self._segments.get(present.path.name)
        if segment is None:
            segment = open_segment(present.path)
            if segment is None:
                return
            self._segments[present.path.name] = segment
            # The one before has lost its writer by now.
            self._look_at = 0.0
        if present.size > segment.written:
            self._pace.wrote(present.size - segment.written)
        segment.written = present.size

    def _look_around(self) -> None:
        """Take over what has no writer: our own finished segments first."""
        for segment in list(self._segments.values()):
            if segment.is_gone:
                self._drop(segment)
            elif not segment.finished and segment.path != self._own_path:
                segment.claim()
        most = MAX_SEGMENTS - len(self._segments)
        for segment in adopt(self._folder, set(self._segments), most=most):
            try:
                segment.position = self._stored_up_to(segment.name)
            except psycopg.Error:
                segment.close()
                raise
            self._segments[segment.name] = segment
            logger.info("segment_adopted", segment=segment.name, position=segment.position)
        sweep(self._folder)
        self._look_at = time.monotonic() + LOOK_AROUND

    def _stored_up_to(self, name: str) -> int:
        """Up to where a segment is stored without a gap."""
        position = 0
        for offset, end in self._query(STRETCHES, (name,)):
            if offset > position:
                break
            position = max(position, end)
        return position

    def _confirm(self) -> None:
        """Forget the batches that are stored."""
        keys = list(self._flights)
        names, offsets = [key[0] for key in keys], [key[1] for key in keys]
        for name, offset, end in self._query(CONFIRM, (names, offsets)):
            flight = self._flights.pop((name, offset))
            self._moved_at = time.monotonic()
            if end < flight.end:
                # An earlier shipper's batch began at the same place and was shorter: the rest is
                # not stored. It is due at once.
                self._flights[(name, end)] = Flight(flight.segment, end, flight.end, -inf, 0)

    def _resend(self) -> None:
        """Send again what is late, unless it still waits in the queue."""
        late = [flight for flight in self._flights.values() if flight.is_late]
        if not late:
            return
        crowded = self._queue_length() > LONG_QUEUE
        for flight in late:
            if flight.attempts == 0 or not crowded:
                data = flight.segment.read(flight.offset, flight.end)
                self._publish(flight.segment.name, flight.offset, data)
                flight.attempts += 1
            flight.sent_at = time.monotonic()

    def _send(self) -> None:
        """Send what waits, as long as not too much is on its way."""
        own = self._own_path
        for segment in sorted(self._segments.values(), key=lambda one: one.path != own):
            is_own = segment.path == own
            if not (is_own or segment.finished):
                continue
            # One place is kept for the living segment, whatever the old ones do.
            while len(self._flights) < MAX_IN_FLIGHT - (not is_own):
                if not self._pace.allows(self._waiting()) or not self._send_next(segment):
                    break
                self._pace.sent()

    def _waiting(self) -> int:
        """Bytes that no message has taken yet."""
        return sum(max(0, segment.waiting) for segment in self._segments.values())

    def _send_next(self, segment: Segment) -> bool:
        before = segment.position
        batch = segment.take()
        if batch is None:
            return False
        offset, data = batch
        try:
            self._publish(segment.name, offset, data)
        except Exception:
            segment.position = before
            raise
        flight = Flight(segment, offset, offset + len(data), time.monotonic())
        self._flights[(segment.name, offset)] = flight
        return True

    def _finish(self) -> None:
        """Delete what is finished and stored to its end."""
        flying = {flight.segment.name for flight in self._flights.values()}
        for segment in list(self._segments.values()):
            if segment.finished and segment.name not in flying and segment.waiting <= 0:
                del self._segments[segment.name]
                segment.delete()

    def _drop(self, segment: Segment) -> None:
        del self._segments[segment.name]
        self._flights = {
            key: flight for key, flight in self._flights.items() if flight.segment is not segment
        }
        segment.close()

    def _publish(self, name: str, offset: int, data: bytes) -> None:
        # By its name: the task's module stands above this one.
        current_app.send_task(
            "inference.tasks.store_batch",
            args=(name, offset, pack_batch(data)),
            connection=self._broker_connection(),
            retry=False,
            # Without this Celery makes a representation of the whole payload.
            argsrepr=f"({name!r}, {offset}, …)",
            kwargsrepr="{}",
        )

    def _queue_length(self) -> int:
        broker = self._broker_connection()
        channel: Any = broker.default_channel
        try:
            return int(channel.queue_declare(queue=QUEUE, passive=True).message_count)
        except broker.channel_errors:
            return 0  # Redis has no empty queues

    def _broker_connection(self) -> Connection:
        if self._broker is None:
            url = self._broker_url or settings.CELERY_BROKER_URL
            self._broker = current_app.connection_for_write(url, connect_timeout=2)
        return self._broker

    def _query(self, query: str, values: tuple[Any, ...]) -> Iterable[tuple[Any, ...]]:
        if self._connection is None:
            found = self._database or database_parameters()
            self._connection = psycopg.connect(**found, autocommit=True, prepare_threshold=None)
        return self._connection.execute(query, values).fetchall()

    def _hang_up(self) -> None:
        """Begin anew with the next turn."""
        connection, self._connection = self._connection, None
        broker, self._broker = self._broker, None
        if connection is not None:
            connection.close()
        if broker is not None:
            broker.close()


def database_parameters() -> dict[str, Any]:
    """How psycopg reaches the default database, without Django's own options."""
    entry = settings.DATABASES["default"]
    options = {name: value for name, value in entry["OPTIONS"].items() if name != "pool"}
    given = {
        "dbname": entry["NAME"],
        "user": entry["USER"],
        "password": entry["PASSWORD"],
        "host": entry["HOST"],
        "port": entry["PORT"],
    }
    # A server that vanished without a word is noticed.
    unanswered = {"tcp_user_timeout": 5000}
    named = {name: value for name, value in given.items() if value}
    return unanswered | options | named | {"application_name": "slipway-journal"}


def start_shipping() -> Shipper:
    """Ship this process's journal from now on; call it once in each web process, after forking."""
    shipper = Shipper(Path(settings.JOURNAL_ROOT))
    shipper.start()
    return shipper
