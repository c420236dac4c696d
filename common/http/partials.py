"""Pages that htmx updates in part."""

from __future__ import annotations

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails


def is_partial(request: HttpRequest) -> bool:
    """Whether htmx asks for the part that changes, and not for a whole page on its way to one."""
    htmx = getattr(request, "htmx", None)
    if not isinstance(htmx, HtmxDetails):
        return False
    return bool(htmx) and not htmx.boosted and not htmx.history_restore_request
