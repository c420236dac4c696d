"""What happened since: a follower of the events table, for caches that must not be stale.

Ids don't commit in the order they were drawn, so "everything after the last id" would miss events.
Each row carries its transaction instead (column `xact`), and a follower asks for the rows that its
last snapshot could not see: each committed event is heard once, none is missed, nothing is locked.

A message on CHANNEL says "look now". It may get lost: the follower looks every 250 ms anyway.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import psycopg
import structlog
from django.db import connection
from django_redis import get_redis_connection
from redis.exceptions import RedisError

logger = structlog.get_logger(__name__)

CHANNEL = "slipway:events"
LOOK_EVERY = 0.25  # seconds
LEAST_PAUSE = 0.01  # seconds between two looks, however many messages come
RETRY_AFTER = 0.25

HEARD = """
SELECT pg_current_snapshot()::text, coalesce((
    SELECT jsonb_agg(jsonb_build_array(type, payload) ORDER BY id)
    FROM common_eventrecord
    WHERE %(last)s::text IS NOT NULL
      AND xact >= pg_snapshot_xmin(%(last)s::text::pg_snapshot)
      AND xact < pg_snapshot_xmax(pg_current_snapshot())
      AND NOT pg_visible_in_snapshot(xact, %(last)s::text::pg_snapshot)
      AND type = ANY(%(types)s)
), '[]')
"""

Heard = Callable[[str, dict[str, Any]], None]


def say_something_happened() -> None:
    """Tell the followers to look now. Without Redis they look by themselves."""
    try:
        get_redis_connection("default").publish(CHANNEL, b"")
    except (RedisError, OSError) as error:
        logger.warning("followers_not_told", error=str(error))


class Follower(threading.Thread):
    """Calls `heard(type, payload)` for each event of `types` that commits from now on.

    `lost()` is called where events may have been missed: whoever keeps a cache empties it.
    """

    def __init__(self, types: Sequence[str], *, heard: Heard, lost: Callable[[], None]) -> None:
        super().__init__(name="follower", daemon=True)
        self._types = list(types)
        self._heard = heard
        self._lost = lost
        self._ended = threading.Event()
        self._last: str | None = None
        self.looked_at = float("-inf")
        """When the last look that succeeded began, on the monotonic clock."""

    def stop(self) -> None:
        self._ended.set()
        self.join()

    def run(self) -> None:
        """Look, wait to be told or for the time to come, look again; never end of itself."""
        messages = _Messages()
        while not self._ended.is_set():
            try:
                self._follow(messages)
            except (psycopg.Error, OSError) as error:
                logger.warning("events_not_heard", error=str(error))
            self._last = None
            self._ended.wait(RETRY_AFTER)
        messages.close()

    def _follow(self, messages: _Messages) -> None:
        with _connect() as database:
            while not self._ended.is_set():
                began = time.monotonic()
                self._look(database)
                self.looked_at = began
                messages.wait(LOOK_EVERY)
                self._ended.wait(max(0.0, LEAST_PAUSE - (time.monotonic() - began)))

    def _look(self, database: psycopg.Connection[Any]) -> None:
        asked = {"last": self._last, "types": self._types}
        for snapshot, happened in database.execute(HEARD, asked, prepare=True):
            if self._last is None:
                self._lost()
            self._last = snapshot
            for type_, payload in happened:
                self._heard(type_, payload)


class _Messages:
    """The channel, while there is a Redis."""

    def __init__(self) -> None:
        self._channel: Any = None

    def wait(self, seconds: float) -> None:
        """Return when a message came, or after so many seconds."""
        try:
            if self._channel is None:
                channel = get_redis_connection("default").pubsub()
                channel.subscribe(CHANNEL)
                self._channel = channel
            until = time.monotonic() + seconds
            while (left := until - time.monotonic()) > 0:
                message = self._channel.get_message(timeout=left)
                if message is not None and message["type"] == "message":
                    self._drain()
                    return
        except (RedisError, OSError):
            self.close()
            time.sleep(seconds)

    def _drain(self) -> None:
        while self._channel.get_message(timeout=0) is not None:
            pass

    def close(self) -> None:
        if self._channel is not None:
            channel, self._channel = self._channel, None
            try:
                channel.close()
            except (RedisError, OSError):
                return


def _connect() -> psycopg.Connection[Any]:
    """A connection of the follower's own, outside of Django's pool."""
    parameters = connection.get_connection_params()
    where = ("dbname", "user", "password", "host", "port", "sslmode")
    return psycopg.connect(
        **{name: parameters[name] for name in where if parameters.get(name)},
        autocommit=True,
        connect_timeout=2,
        application_name="slipway-follower",
        tcp_user_timeout=2000,  # ms; a server that is gone must not be waited for
    )
