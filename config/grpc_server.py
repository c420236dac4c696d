"""V2 over gRPC: `python -m config.grpc_server`, on HOST and GRPC_PORT.

One more web process as far as the database, the journal and the engine are concerned. SIGTERM ends
it once the calls it has are answered.
"""

from __future__ import annotations

import signal
import sys
import threading
from typing import Final

import structlog

from config.wsgi import application

GRACE_S: Final = 3.0

logger = structlog.get_logger("slipway.grpc")


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    from django.conf import settings

    from inference.grpc.server import Listener

    if not settings.GRPC_PORT:
        sys.exit("GRPC_PORT names no port.")
    listener = Listener(
        application, threads=settings.WEB_THREADS, most_bytes=settings.REQUEST_MAX_BYTES
    )
    host = f"[{settings.HOST}]" if ":" in settings.HOST else settings.HOST
    listener.start(f"{host}:{settings.GRPC_PORT}")
    over = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: over.set())
    logger.info("grpc_listens", host=settings.HOST, port=settings.GRPC_PORT)
    over.wait()
    listener.stop(GRACE_S)
    application.stop()


if __name__ == "__main__":
    main()
