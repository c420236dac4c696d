"""Taking secrets out of whatever is about to be written down: by a field's name, and by looks.

A log, an error report and a trace are read by more people than a database. So nothing that opens
something stands in them: keys, tokens, passwords, cookies, the secrets that sign webhooks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

GONE: Final = "[redacted]"
DEEPEST: Final = 12
NAMES: Final = re.compile(
    r"passw(?:or)?d|secret|token(?!_type)|authorization|cookie|api[-_]?key(?!_id)|private[-_]?key"
    r"|sessionid|session_key|csrf|dsn",
    re.IGNORECASE,
)

SHAPES: Final = re.compile(
    r"(?P<key>\bslip_[0-9A-Za-z]{20,})"
    r"|(?P<jwt>\beyJ[\w-]{5,}\.[\w-]{5,}(?:\.[\w-]*)?)"
    r"|(?P<webhook>\bwhsec_[A-Za-z0-9+/=_-]{8,})"
    r"|(?P<scheme>\b(?:bearer|basic)\s+)[\w.~+/=-]{8,}"
    r"|(?P<user>[a-z][a-z0-9+.-]*://[^/\s:@'\"]*:)[^/\s@'\"]+(?=@)"
    r"|(?P<place>/(?:verify-email|reset-password|invitations)/)[\w.~-]{16,}"
    r"|(?P<pair>[\"']?\b[\w-]*(?:passw(?:or)?d|secret|token|authorization|cookie|api[-_]?key"
    r"|sessionid|session_key)[\"']?\s*(?:=|:)\s*[\"']?(?:(?:bearer|basic)\s+)?)(?!\s)[^\s\"',;&}\])]{4,}",
    re.IGNORECASE,
)
KEPT: Final = ("scheme", "user", "place", "pair")


def redact_text(text: str) -> str:
    """The text with what looks like a secret taken out; what stands before it stays."""
    return SHAPES.sub(_gone, text)


def redact(value: Any, depth: int = 0) -> Any:
    """The same for a value of any depth; in mappings, fields that are named like secrets go."""
    if isinstance(value, str):
        return redact_text(value)
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, (bytes, bytearray)):
        return redact_text(bytes(value).decode("utf-8", "replace"))
    if depth > DEEPEST:
        return GONE
    if isinstance(value, Mapping):
        return {
            name: GONE
            if found and isinstance(name, str) and is_secret(name)
            else redact(found, depth + 1)
            for name, found in value.items()
        }
    if isinstance(value, (list, tuple, set, frozenset)):
        return [redact(one, depth + 1) for one in value]
    return redact_text(str(value))  # what a line or a report would write of it


def is_secret(name: str) -> bool:
    """Whether what stands under this name is a secret's."""
    return NAMES.search(name) is not None


def _gone(found: re.Match[str]) -> str:
    kept = next((found[name] for name in KEPT if found[name]), "")
    return f"{kept}{GONE}"
