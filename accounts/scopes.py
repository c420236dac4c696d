"""What a credential may be used for. The vocabulary is one for keys, tokens and sessions.

A new scope needs a migration: the database refuses keys with scopes it does not know.
"""

from __future__ import annotations

from collections.abc import Iterable

DESCRIPTIONS: dict[str, str] = {
    "models:read": "See models, their versions and figures",
    "models:write": "Upload, change and archive models",
    "predict": "Ask models for predictions",
    "predictions:read": "See past predictions",
    "predictions:write": "Add feedback to past predictions",
    "jobs:read": "See GPU jobs",
    "jobs:write": "Start and cancel GPU jobs",
    "files:read": "See and download files",
    "files:write": "Upload, change and delete files",
    "webhooks:read": "See webhooks and their deliveries",
    "webhooks:write": "Add, change and delete webhooks",
    "analytics:read": "See analytics and reports",
    "labeling:read": "See labeling projects",
    "labeling:write": "Label, review and change projects",
    "costs:read": "See costs and usage",
    "costs:write": "Import costs, set budgets and prices",
    "billing:read": "See orders, invoices and credits",
    "billing:write": "Order and pay",
    "account:read": "See the profile and the list of keys",
    "account:write": "Change the profile, make and revoke keys",
    "org:admin": "Administer the organization",
}
ALL: frozenset[str] = frozenset(DESCRIPTIONS)
DEFAULT_KEY_SCOPES: tuple[str, ...] = ("models:read", "predict")


def in_order(scopes: Iterable[str]) -> list[str]:
    """The scopes once each, in the vocabulary's order; unknown ones come last, by name."""
    given = set(scopes)
    return [name for name in DESCRIPTIONS if name in given] + sorted(given - ALL)
