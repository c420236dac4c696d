"""What an MLflow client asks, read field by field: JSON and query strings alike.

Fields that are not asked for are passed over: newer clients send more than older servers know.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from common import strict_json
from common.errors import Fault, Invalid

KEY: Final = 250  # characters
VALUE: Final = 8000
TEXT: Final = 10_000
INT64: Final = 2**63
MOST_PAIRS: Final = 1000  # tags or parameters in one call
WORDS: Final = {"nan": math.nan, "infinity": math.inf, "-infinity": -math.inf}


class Asked:
    """One object of a request. Every reader raises Invalid, naming the field."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self._fields = fields

    @classmethod
    def of_body(cls, body: bytes) -> Asked:
        """A JSON object; nothing at all is an empty one. Raises Invalid."""
        found = strict_json.loads(body) if body else {}
        if not isinstance(found, dict):
            raise Invalid("The body must be a JSON object.")
        return cls(found)

    @classmethod
    def of_query(cls, lists: Mapping[str, list[str]]) -> Asked:
        """A query string, as Django takes it apart. Raises Invalid for what no text should hold."""
        clean = {
            strict_json.clean_text(name): [strict_json.clean_text(value) for value in values]
            for name, values in lists.items()
        }
        return cls({name: v[0] if len(v) == 1 else v for name, v in clean.items()})

    @property
    def fields(self) -> dict[str, Any]:
        """All of it, as it came."""
        return dict(self._fields)

    def has(self, name: str) -> bool:
        return self._fields.get(name) is not None

    def text(self, name: str, default: str | None = None, *, most: int = TEXT) -> str:
        """A text of at most `most` characters; it may be empty only where there is a default."""
        value = self._fields.get(name)
        if value is None or value == "":
            if default is None:
                raise _wrong(name, "is missing")
            value = default  # which may be another field of the client's
        if not isinstance(value, str):
            raise _wrong(name, "must be a text")
        if len(value) > most:
            raise _wrong(name, f"has {len(value):,} characters; {most:,} is the most")
        return value

    def whole(
        self,
        name: str,
        default: int | None = None,
        *,
        low: int = -INT64,
        high: int = INT64 - 1,
    ) -> int:
        """A whole number; protocol buffers write long ones as texts."""
        value = self._fields.get(name)
        if value is None or value == "":
            if default is None:
                raise _wrong(name, "is missing")
            return default
        if isinstance(value, str) and len(value) < 25 and value.lstrip("-").isdecimal():
            try:
                value = int(value)
            except ValueError:
                raise _wrong(name, "must be a whole number") from None
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise _wrong(name, "must be a whole number")
        if not low <= value <= high:
            raise _wrong(name, f"must be from {low} to {high}")
        return value

    def number(self, name: str) -> float:
        """A number; NaN and the infinities come as words."""
        value = self._fields.get(name)
        if isinstance(value, str) and value.lower() in WORDS:
            return WORDS[value.lower()]
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            raise _wrong(name, "must be a number")
        try:
            return float(value)
        except OverflowError:
            raise _wrong(name, "is too large") from None

    def flag(self, name: str) -> bool:
        value = self._fields.get(name, False)
        if isinstance(value, str):
            value = value.lower() == "true"
        return value is True

    def word(self, name: str, default: str) -> str:
        """A member of an enumeration, by name or by number."""
        value = self._fields.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        return self.text(name, default, most=KEY)

    def texts(self, name: str, *, most: int = 100) -> list[str]:
        """A list of texts; one alone is a list of one."""
        value = self._fields.get(name) or []
        rows = [value] if isinstance(value, str) else value
        if not isinstance(rows, list) or not all(isinstance(row, str) for row in rows):
            raise _wrong(name, "must be a list of texts")
        if len(rows) > most:
            raise _wrong(name, f"has {len(rows):,} entries; {most:,} is the most")
        return list(rows)

    def items(self, name: str, *, most: int = MOST_PAIRS) -> list[Asked]:
        """A list of objects."""
        value = self._fields.get(name) or []
        if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
            raise _wrong(name, "must be a list of objects")
        if len(value) > most:
            raise _wrong(name, f"has {len(value):,} entries; {most:,} is the most")
        return [Asked(row) for row in value]

    def pairs(self, name: str, *, key: str = "key", most: int = VALUE) -> dict[str, str]:
        """Tags or parameters: a list of objects with a key and a value."""
        return {
            row.text(key, most=KEY): row.text("value", "", most=most) for row in self.items(name)
        }

    def rows(self, name: str, *, most: int = MOST_PAIRS) -> list[dict[str, Any]]:
        """A list of objects that are kept as they are."""
        return [row.fields for row in self.items(name, most=most)]


def _wrong(name: str, what: str) -> Invalid:
    message = f"{name} {what}."
    return Invalid(f"The call can't be taken: {message}", errors=[Fault(f"/{name}", message)])
