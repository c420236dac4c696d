"""What every page's template may use."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest


def page(request: HttpRequest) -> dict[str, Any]:
    """The version, the public address, and which section of the site the page belongs to."""
    return {
        "slipway_version": settings.VERSION,
        "public_url": settings.PUBLIC_URL,
        "section": request.path.split("/")[1] if request.path else "",
    }
