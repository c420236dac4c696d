"""Loading versions in this process before its callers are led to them, or to keep them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from uuid import UUID

import structlog
from django.db import connections

from inference.engine import engine
from inference.models import Pin
from inference.subscribers import answer_example
from registry.models import ModelVersion

logger = structlog.get_logger(__name__)


class Warmer(threading.Thread):
    """One version after the other. Whoever asks is never kept waiting."""

    def __init__(self) -> None:
        super().__init__(name="warmer", daemon=True)
        self._tasks: SimpleQueue[Callable[[], None] | None] = SimpleQueue()

    def load(self, version_id: UUID, *, then: Callable[[], None]) -> None:
        """Load a version, then call back, also where it can't be loaded."""
        self._tasks.put(partial(_load, version_id, then))

    def pin(self, version_id: UUID) -> None:
        """Load a version and keep it, if it is still pinned by then."""
        self._tasks.put(partial(_pin, version_id))

    def pin_all(self) -> None:
        """Load every version that is pinned, as when a process starts."""
        self._tasks.put(self._pin_all)

    def stop(self) -> None:
        """End once what is asked for already is done."""
        self._tasks.put(None)
        self.join()

    def run(self) -> None:
        while (task := self._tasks.get()) is not None:
            try:
                task()
            except Exception:
                # The next call loads it again, and says what is wrong with it.
                logger.exception("version_not_warmed")
            finally:
                connections.close_all()

    def _pin_all(self) -> None:
        for version_id in Pin.objects.values_list("version_id", flat=True):
            self.pin(version_id)


def _load(version_id: UUID, then: Callable[[], None]) -> None:
    try:
        version = ModelVersion.objects.select_related("model__organization").get(id=version_id)
        answer_example(version)
    finally:
        then()


def _pin(version_id: UUID) -> None:
    pins = Pin.objects.select_related("version__model__organization")
    pin = pins.filter(version_id=version_id).first()
    if pin is not None:
        engine().pin(pin.version)
