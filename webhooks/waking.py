"""Telling senders that something is due: those that run are woken, else one is started.

Nothing depends on it but speed. What is due stands in the database, and a sweep looks there.
"""

from __future__ import annotations

import threading
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Final, Self

import structlog
from django.core.cache import cache
from django_redis import get_redis_connection
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

logger = structlog.get_logger(__name__)

CHANNEL: Final = "slipway:webhooks:due"
ASKED: Final = "webhooks:sender-asked"
ASK_EVERY: Final = 2  # seconds
POLL: Final = 1.0


def wake_senders() -> None:
    """Something is due now. Call it after the commit that made it so."""
    try:
        listening = get_redis_connection("default").publish(CHANNEL, b"")
    except (RedisError, OSError) as error:
        logger.warning("senders_not_woken", error=str(error))
        return
    if not listening:
        start_sender()


def ask_for_help() -> None:
    """There is more than one sender can do; start another where a process is free."""
    try:
        if cache.add(ASKED, 1, ASK_EVERY):
            start_sender()
    except (RedisError, OSError) as error:
        logger.warning("sender_not_asked", error=str(error))


def start_sender() -> None:
    """Have a worker send what is due, until nothing is."""
    from webhooks.tasks import send_due

    try:
        send_due.apply_async(retry=False)
    except OperationalError as error:
        logger.warning("sender_not_started", error=str(error))


class Alarm:
    """Puts `signal` into a queue whenever somebody wakes the senders. A context manager.

    Without Redis it stays silent; whoever waits on the queue looks for themselves now and then.
    """

    def __init__(self, queue: SimpleQueue[Any], signal: Any) -> None:
        self._queue = queue
        self._signal = signal
        self._stopping = threading.Event()
        self._pubsub: Any = None
        self._thread = threading.Thread(target=self._listen, name="alarm", daemon=True)

    def __enter__(self) -> Self:
        try:
            self._pubsub = get_redis_connection("default").pubsub(ignore_subscribe_messages=True)
            self._pubsub.subscribe(CHANNEL)
        except (RedisError, OSError) as error:
            logger.warning("alarm_silent", error=str(error))
            self._pubsub = None
            return self
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stopping.set()
        if self._pubsub is None:
            return
        try:
            # The message that says so ends the listener's wait.
            self._pubsub.unsubscribe(CHANNEL)
        except (RedisError, OSError) as error:
            logger.warning("alarm_broke", error=str(error))
        self._thread.join(POLL * 2)
        self._pubsub.close()

    def _listen(self) -> None:
        try:
            while not self._stopping.is_set():
                if self._pubsub.get_message(timeout=POLL) is not None:
                    self._queue.put(self._signal)
        except (RedisError, OSError, ValueError) as error:  # ValueError: closed meanwhile
            if not self._stopping.is_set():
                logger.warning("alarm_broke", error=str(error))
