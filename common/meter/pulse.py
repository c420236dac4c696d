"""Each process shows every few seconds that it lives, and what it holds."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

import structlog

from common.memory import resident_bytes
from common.meter import families
from common.meter.families import Level

logger = structlog.get_logger(__name__)

EVERY: Final = 5.0  # seconds

PROCESSES = Level("slipway_processes", "Processes that live, by role.", ("role",))
RESIDENT = Level("slipway_process_resident_bytes", "Memory they take, by role.", ("role",))

Reader = Callable[[], None]
_readers: list[Reader] = []


def at_pulse(read: Reader) -> Reader:
    """Have a function set levels of this process every few seconds."""
    _readers.append(read)
    return read


def beat(role: str) -> None:
    """Set all levels of this process now."""
    PROCESSES.of(role).set(1)
    RESIDENT.of(role).set(resident_bytes())
    for read in _readers:
        try:
            read()
        except Exception as error:  # noqa: BLE001  a figure must not stop the others
            logger.warning("level_not_read", reader=read.__qualname__, error=str(error))
    families.slot().show()


def start_pulse(role: str) -> None:
    """Set them now and every few seconds, in a thread that ends with the process."""
    beat(role)
    ended = threading.Event()

    def run() -> None:
        while not ended.wait(EVERY):
            beat(role)

    threading.Thread(target=run, name="pulse", daemon=True).start()
