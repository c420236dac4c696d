"""What the header of every page shows of who is logged in."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from accounts.selectors.notifications import count_unread

MOST_SHOWN = 99


def unread(request: HttpRequest) -> dict[str, Any]:
    """`unread_notifications`: how many, asked once a request and only where a page shows it."""
    return {"unread_notifications": SimpleLazyObject(lambda: _count(request))}


def _count(request: HttpRequest) -> str:
    # Only now: the page of an error must not ask who is logged in, while the database is down.
    user: Any = getattr(request, "user", None)
    count = count_unread(user.id) if user is not None and user.is_authenticated else 0
    return "" if not count else str(count) if count <= MOST_SHOWN else f"{MOST_SHOWN}+"
