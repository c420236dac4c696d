"""CSV as spreadsheets open it safely."""

from __future__ import annotations

from typing import Any, Final

# What a spreadsheet would take for a formula is told that it is text.
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def cell(value: Any) -> Any:
    """The value as it may stand in a file: a text is never a formula."""
    if isinstance(value, str) and value.startswith(FORMULA):
        return f"'{value}"
    return value
