"""What the header of every page shows of who is logged in."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from accounts.models import User
from accounts.selectors.notifications import count_unread

MOST_SHOWN = 99


def unread(request: HttpRequest) -> dict[str, Any]:
    """`unread_notifications`: how many, asked once a request and only where a page shows it."""
    user = getattr(request, "user", None)
    if not isinstance(user, User) and not getattr(user, "is_authenticated", False):
        return {}
    return {"unread_notifications": SimpleLazyObject(lambda: _count(request))}


def _count(request: HttpRequest) -> str:
    user_id = getattr(request.user, "id", None)
    count = count_unread(user_id) if user_id else 0
    return "" if not count else str(count) if count <= MOST_SHOWN else f"{MOST_SHOWN}+"
