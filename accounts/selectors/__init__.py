"""Reads that span tables or are shaped for a page; `places` and `limits` have theirs."""

from __future__ import annotations

from accounts.selectors.people import (
    Me,
    describe_me,
    get_key,
    get_session,
    list_keys,
    list_sessions,
    newest_key_name,
)

__all__ = [
    "Me",
    "describe_me",
    "get_key",
    "get_session",
    "list_keys",
    "list_sessions",
    "newest_key_name",
]
