"""Well-formed keys that are nobody's: each costs a query, so an address gets so many a minute.

Counted by each process for itself, in memory.
"""

from __future__ import annotations

import threading
import time

import structlog
from kombu.exceptions import OperationalError

from accounts.errors import TooManyAttempts

logger = structlog.get_logger(__name__)

MOST = 100  # unknown keys of one address
WINDOW = 60.0  # seconds
MOST_ADDRESSES = 10_000


class Scans:
    """How many unknown keys came from which address, in the present window."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._since = time.monotonic()
        self._counts: dict[str, int] = {}

    def check(self, address: str) -> None:
        """Raise TooManyAttempts for an address that had its share."""
        if self._counts.get(address, 0) < MOST:
            return
        left = self._since + WINDOW - time.monotonic()
        if left > 0:
            raise TooManyAttempts("Too many unknown keys from your address.", retry_after=left)

    def note(self, address: str) -> None:
        """Count an unknown key; the one that fills the share is looked at by a worker."""
        with self._lock:
            now = time.monotonic()
            if now - self._since > WINDOW or len(self._counts) > MOST_ADDRESSES:
                self._since, self._counts = now, {}
            count = self._counts.get(address, 0) + 1
            self._counts[address] = count
        if count == MOST:
            _send(address)


scans = Scans()


def _send(address: str) -> None:
    from accounts.tasks import judge_key_scan

    try:
        judge_key_scan.apply_async(args=(address, MOST, int(WINDOW)), retry=False)
    except OperationalError as error:
        logger.warning("key_scan_not_judged", error=str(error))
