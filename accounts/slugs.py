"""Slugs: the short name an organization goes by in addresses and in `owner/name`."""

from __future__ import annotations

import re
import unicodedata
import uuid

MAX_LENGTH = 63
PATTERN = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
FALLBACK = "user"
# Words that stand in addresses where a slug could: an owner of that name would be unreachable.
RESERVED = frozenset(
    {
        "about", "access", "account", "accounts", "activity", "admin", "ajax-api", "aliases",
        "analytics", "anomalies", "api", "api-keys", "auth", "batch-jobs", "billing", "budgets",
        "card", "categories", "champion", "classify", "compare", "config", "costs", "demo-data",
        "docs", "download", "drift", "events", "experiments", "explain", "export", "files",
        "forecasts", "graphql", "health", "help", "home", "infer", "invocations", "jobs", "keys",
        "labeling", "live", "load", "login", "logout", "margin", "me", "metrics", "mlflow",
        "models", "new", "notifications", "null", "openapi.json", "operator", "orders",
        "organizations", "payments", "ping", "pipelines", "playground", "predict",
        "prediction-jobs", "predictions", "prices", "products", "profile", "projects", "ready",
        "recommendations", "redoc", "refunds", "reports", "review", "root", "settings",
        "shared-with-me", "shares", "signup", "slipway", "static", "stats", "status", "support",
        "system", "teams", "tus", "unload", "upload", "usage", "users", "v1", "v2", "versions",
        "webhooks", "ws",
    }
)  # fmt: skip


def is_slug(text: str) -> bool:
    """Whether the text may be a slug: its grammar, no reserved word, no UUID."""
    return bool(PATTERN.fullmatch(text)) and text not in RESERVED and not _is_uuid(text)


def slug_candidate(email: str, full_name: str = "") -> str:
    """A slug from the e-mail's local part, else from the name, else `user`. It may be taken."""
    local = email.rpartition("@")[0].partition("+")[0]
    return _first_slug(local, full_name) or FALLBACK


def slug_from_name(name: str) -> str:
    """A slug from an organization's name, else `org`. It may be taken."""
    return _first_slug(name) or "org"


def _first_slug(*texts: str) -> str:
    for text in texts:
        slug = _slugify(text)
        if is_slug(slug):
            return slug
        # A reserved word is a fine slug once something stands behind it.
        if slug and is_slug(f"{slug[: MAX_LENGTH - 3]}-ml"):
            return f"{slug[: MAX_LENGTH - 3]}-ml"
    return ""


def with_suffix(slug: str, suffix: str) -> str:
    """The slug with `-suffix` behind it, cut so that it stays a slug."""
    return f"{slug[: MAX_LENGTH - len(suffix) - 1].rstrip('._-')}-{suffix}"


def _slugify(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9._-]+", "-", plain)[:MAX_LENGTH].strip("._-")


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
