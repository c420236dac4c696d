"""JSON from strangers: what RFC 8259 leaves open is refused, with the place where it stands.

Refused beyond bad syntax: duplicate keys, NaN and Infinity, lone surrogates, NUL and other control
characters in strings, integers of more than 400 digits, and nesting deeper than 64. Strings come
out in Unicode normalisation form C.
"""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Any

from common.errors import Invalid

MAX_DEPTH = 64
MAX_DIGITS = 400
# Tab, line feed and carriage return are text; the other C0 controls are not.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_NESTING = re.compile(rb'"(?:[^"\\]|\\.)*"|([\[{])|([\]}])', re.DOTALL)


def loads(data: bytes) -> Any:
    """Decode one JSON document; raises Invalid with code `invalid_json`."""
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise _refuse(f"The body is not UTF-8: byte {error.start} is wrong.") from None
    _check_depth(data)
    try:
        return json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=_constant,
            parse_int=_integer,
            parse_float=_float,
            cls=_Decoder,
        )
    except json.JSONDecodeError as error:
        raise _refuse(
            f"The body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}."
        ) from None


def clean_text(value: str) -> str:
    """The text in form C; raises Invalid for what no text should hold."""
    if _SURROGATE.search(value):
        raise _refuse("A string holds half a surrogate pair, which is no character.")
    if _CONTROL.search(value):
        raise _refuse("A string holds a control character.")
    return value if value.isascii() else unicodedata.normalize("NFC", value)


class _Decoder(json.JSONDecoder):
    """The standard decoder, and after it a look at every string that is not an object's key."""

    def decode(self, s: str, *args: Any) -> Any:
        return _clean(super().decode(s, *args))


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, list):
        for i, item in enumerate(value):
            if isinstance(item, (str, list, dict)):
                value[i] = _clean(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if isinstance(item, (str, list, dict)):
                value[key] = _clean(item)
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        name = clean_text(key)
        if name in found:
            raise _refuse(f"The key {name[:80]!r} stands twice in one object.")
        found[name] = value
    return found


def _constant(name: str) -> Any:
    raise _refuse(f"{name} is not JSON. A missing value is written null.")


def _integer(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise _refuse(f"An integer has {len(digits)} digits; {MAX_DIGITS} is the most.")
    return int(digits)


def _float(digits: str) -> float:
    value = float(digits)
    if value in (float("inf"), float("-inf")):
        raise _refuse(f"The number {digits[:20]} is too large.")
    return value


def _check_depth(data: bytes) -> None:
    """Refuse deep nesting before the decoder, which would recurse into it."""
    if data.count(b"[") + data.count(b"{") <= MAX_DEPTH:
        return
    depth = 0
    for match in _NESTING.finditer(data):
        if match.group(1):
            depth += 1
            if depth > MAX_DEPTH:
                raise _refuse(f"The body is nested deeper than {MAX_DEPTH} levels.")
        elif match.group(2):
            depth -= 1


def _refuse(message: str) -> Invalid:
    return Invalid(message, code="invalid_json")
