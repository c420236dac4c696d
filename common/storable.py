"""Text from strangers that PostgreSQL can hold."""

from __future__ import annotations

import re
from typing import TypeVar

T = TypeVar("T")
# NUL ends a text in C, and half a surrogate pair has no bytes in UTF-8.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def storable(value: T) -> T:
    """The same JSON value, each character that no column can hold replaced by U+FFFD."""
    if isinstance(value, str):
        return _UNSTORABLE.sub("\ufffd", value)  # type: ignore[return-value]
    if isinstance(value, dict):
        return {storable(k): storable(v) for k, v in value.items()}  # type: ignore[return-value]
    if isinstance(value, list):
        return [storable(item) for item in value]  # type: ignore[return-value]
    return value
