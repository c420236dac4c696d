"""What of ours nobody may have a request sent to."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.conf import settings


def own_servers() -> frozenset[tuple[str, int]]:
    """The installation's own servers, which no message is sent to."""
    default = settings.DATABASES["default"]
    found = {(str(settings.HOST), int(settings.PORT))}
    if default["PORT"]:
        found.add((str(default["HOST"]), int(default["PORT"])))
    for url in (settings.PUBLIC_URL, settings.REDIS_URL, settings.CELERY_BROKER_URL):
        parts = urlsplit(url)
        port = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
        if parts.hostname and port:
            found.add((parts.hostname, port))
    return frozenset(found)
