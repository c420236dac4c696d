"""Loading versions in this process before its callers are led to them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue
from uuid import UUID

import structlog
from django.db import connections

from inference.subscribers import answer_example
from registry.models import ModelVersion

logger = structlog.get_logger(__name__)

Task = tuple[UUID, Callable[[], None]]


class Warmer(threading.Thread):
    """One version after the other. Whoever asks is never kept waiting."""

    def __init__(self) -> None:
        super().__init__(name="warmer", daemon=True)
        self._tasks: SimpleQueue[Task | None] = SimpleQueue()

    def load(self, version_id: UUID, *, then: Callable[[], None]) -> None:
        """Load a version, then call back, also where it can't be loaded."""
        self._tasks.put((version_id, then))

    def stop(self) -> None:
        """End once what is asked for already is done."""
        self._tasks.put(None)
        self.join()

    def run(self) -> None:
        while (task := self._tasks.get()) is not None:
            version_id, then = task
            try:
                answer_example(_version(version_id))
            except Exception:
                # The next call loads it again, and says what is wrong with it.
                logger.exception("version_not_warmed", version_id=str(version_id))
            finally:
                connections.close_all()
                then()


def _version(version_id: UUID) -> ModelVersion:
    return ModelVersion.objects.select_related("model__organization").get(id=version_id)
