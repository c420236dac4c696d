"""The body of a message, as every attempt sends it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

# Standard Webhooks, "Payload size": receivers may refuse more.
MOST_BYTES: Final = 20_000
MOST_TEXT: Final = 500


def body_of(type_: str, at: datetime, data: Mapping[str, Any]) -> str:
    """`{"type", "timestamp", "data"}` as JSON; texts too long for a message are cut."""
    body = {"type": type_, "timestamp": at, "data": data}
    text = msgspec.json.encode(body)
    if len(text) > MOST_BYTES:
        text = msgspec.json.encode({**body, "data": {k: _cut(v) for k, v in data.items()}})
    return text.decode()


def _cut(value: Any) -> Any:
    if isinstance(value, str) and len(value) > MOST_TEXT:
        return value[:MOST_TEXT] + "…"
    return value[:100] if isinstance(value, list) else value
