"""Telling a watcher outside that this installation lives: a GET of HEARTBEAT_URL each minute.

The watcher raises the alarm when it hears nothing, which covers what nothing in here can tell of: a
machine, a network or a clock that stands still.
"""

from __future__ import annotations

from urllib.parse import urlsplit

import requests
import structlog
from django.conf import settings

from common import tracing

logger = structlog.get_logger(__name__)

TIMEOUT = (3, 10)  # seconds to connect, and to answer


def ping() -> bool:
    """Ask the address; whether it answered well. A failure is logged and goes no further."""
    url = settings.HEARTBEAT_URL
    if not url:
        return False
    # Its path is often a secret of its own.
    host = urlsplit(url).hostname or ""
    try:
        with tracing.outgoing("GET", host):
            answer = requests.get(url, timeout=TIMEOUT, allow_redirects=False, stream=True)
            answer.close()
    except requests.RequestException as error:
        logger.warning("heartbeat_failed", host=host, error=type(error).__name__)
        return False
    if not answer.ok:
        logger.warning("heartbeat_refused", host=host, status=answer.status_code)
    return answer.ok
