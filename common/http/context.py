"""What every page's template may use."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from common.context import request_id


def page(request: HttpRequest) -> dict[str, Any]:
    """The version, the request's id, the public address, and the section the page belongs to."""
    return {
        "slipway_version": settings.VERSION,
        "request_id": request_id(),
        "public_url": settings.PUBLIC_URL,
        "section": request.path.split("/")[1] if request.path else "",
    }
