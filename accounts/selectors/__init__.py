"""Reads that span tables or are shaped for a page; `places` has those of organizations."""

from __future__ import annotations

from accounts.selectors.people import Me, describe_me, get_key, list_keys, newest_key_name

__all__ = ["Me", "describe_me", "get_key", "list_keys", "newest_key_name"]
