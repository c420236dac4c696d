"""Search expressions of MLflow's clients: comparisons with AND between.

    comparison = key operator value
    key        = name | ("tags." | "tag." | "params." | "metrics." | "attributes." | …) name
    name       = letters, digits, _ . / - | `anything` | "anything"
    operator   = "=" | "!=" | "<" | "<=" | ">" | ">=" | LIKE | ILIKE | IN
    value      = 'text' | "text" | number | ('text', …)

What a name stands for is looked up in a table: no client's text is ever part of a query's.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, TypeVar
from uuid import UUID

from django.db.models import F, Func, OuterRef, Q, QuerySet, Subquery, TextField, Value
from django.db.models.expressions import OrderBy

from common.errors import Invalid
from registry.models.mlflow import MODEL_ID, MlflowMetric

LONGEST: Final = 5000  # characters of an expression
MOST: Final = 30  # comparisons
LIKE_MOST: Final = 500
METRICS: Final = "metrics"
IDS: Final = frozenset({"id", "registration__run", "registration__logged_model", "run"})
KINDS: Final = {
    "attribute": "attribute", "attributes": "attribute", "attr": "attribute", "run": "attribute",
    "tag": "tags", "tags": "tags", "param": "params", "params": "params",
    "parameter": "params", "parameters": "params", "metric": "metrics", "metrics": "metrics",
}  # fmt: skip
LOOKUPS: Final = {
    "=": "exact", "!=": "exact", "<": "lt", "<=": "lte", ">": "gt", ">=": "gte",
    "LIKE": "regex", "ILIKE": "iregex", "IN": "in",
}  # fmt: skip
_TOKEN: Final = re.compile(
    r"""\s*(?:(?P<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|(?P<tick>`[^`]*`)"""
    r"""|(?P<op><=|>=|!=|=|<|>)|(?P<mark>[(),.])|(?P<word>[A-Za-z0-9_/+-][A-Za-z0-9_/+.-]*))"""
)
Rows = TypeVar("Rows", bound=QuerySet[Any])


@dataclass(frozen=True, slots=True)
class Comparison:
    """`kind` is `attribute`, `tags`, `params` or `metrics`; a value of IN is a list."""

    kind: str
    key: str
    operator: str
    value: Any


@dataclass(frozen=True, slots=True)
class Searchable:
    """What rows are found and ordered by.

    `attributes` names the column of each attribute, `maps` the JSON column of tags and parameters,
    `metrics_of` the column of a metric that leads to the row, where rows have metrics.
    """

    attributes: Mapping[str, str]
    maps: Mapping[str, str]
    metrics_of: str = ""


def parse_filter(text: str) -> list[Comparison]:
    """The comparisons that must all hold. Raises Invalid saying where it can't be read."""
    if len(text) > LONGEST:
        raise Invalid(f"The filter has {len(text):,} characters; {LONGEST:,} is the most.")
    reader = _Reader(text)
    found: list[Comparison] = []
    while not reader.is_done:
        if found:
            reader.take_and()
        found.append(reader.comparison())
        if len(found) > MOST:
            raise Invalid(f"The filter has more than {MOST} comparisons.")
    return found


def apply_filter(rows: Rows, text: str, by: Searchable) -> Rows:
    """The rows for which a filter holds. Raises Invalid for what nothing is found by."""
    for number, wanted in enumerate(parse_filter(text)):
        rows, column = _with_column(rows, wanted.kind, wanted.key, by, f"_asked_{number}")
        rows = _compare(rows, column, wanted)
    return rows


def apply_order(rows: Rows, wanted: Sequence[str], by: Searchable, usual: str) -> Rows:
    """The rows in the order asked for (`metrics.loss ASC`), else in the usual one. Raises Invalid.

    What has nothing of the kind comes last, either way.
    """
    order: list[OrderBy | str] = []
    for number, text in enumerate(wanted):
        kind, key, descending = parse_order(text)
        rows, column = _with_column(rows, kind, key, by, f"_order_{number}")
        place = F(column)
        order.append(place.desc(nulls_last=True) if descending else place.asc(nulls_last=True))
    return rows.order_by(*(order or [usual]), "-id")


def parse_order(text: str) -> tuple[str, str, bool]:
    """Kind and key of what to order by, and whether the largest comes first. Raises Invalid."""
    reader = _Reader(text[:LONGEST])
    kind, key = reader.key()
    way = "ASC" if reader.is_done else reader.word().upper()
    if way not in {"ASC", "DESC"} or not reader.is_done:
        raise Invalid(f"An order is a name, then ASC or DESC: not {text[:100]!r}.")
    return kind, key, way == "DESC"


def _with_column(rows: Rows, kind: str, key: str, by: Searchable, alias: str) -> tuple[Rows, str]:
    """The rows with a column of what a key stands for, and that column's name."""
    if kind == "attribute" and key in by.attributes:
        return rows, by.attributes[key]
    if kind in by.maps:
        return rows.alias(**{alias: _entry(by.maps[kind], key)}), alias
    if kind == METRICS and by.metrics_of:
        return rows.alias(**{alias: _last_metric(by.metrics_of, key)}), alias
    known = [*sorted(by.attributes), *(f"{one}.…" for one in by.maps)]
    known += [f"{METRICS}.…"] if by.metrics_of else []
    raise Invalid(f"There is no {kind}.{key} here, but {', '.join(known)}.")


def _entry(column: str, key: str) -> Func:
    """An entry of a JSON object, as a text. Django's own takes a number for a place in a list."""
    return Func(F(column), Value(key), function="jsonb_extract_path_text", output_field=TextField())


def _last_metric(owner: str, key: str) -> Subquery:
    """The value of a metric at its highest step, as answers have it."""
    rows = MlflowMetric.objects.filter(**{owner: OuterRef("pk"), "key": key})
    return Subquery(rows.order_by("-step", "-timestamp", "-id").values("value")[:1])


def _compare(rows: Rows, column: str, wanted: Comparison) -> Rows:
    value = wanted.value
    if wanted.operator in {"LIKE", "ILIKE"}:
        if column in IDS or wanted.kind == METRICS:
            raise Invalid(f"{wanted.key} is no text: LIKE says nothing of it.")
        value = _like(value)
    elif isinstance(value, list):
        value = [_converted(column, wanted.kind, one) for one in value]
    else:
        value = _converted(column, wanted.kind, value)
    condition = Q(**{f"{column}__{LOOKUPS[wanted.operator]}": value})
    if wanted.operator == "!=":  # what is not there is not equal either
        condition = ~condition | Q(**{f"{column}__isnull": True})
    elif wanted.kind == METRICS:  # PostgreSQL takes NaN for the largest of numbers
        condition &= ~Q(**{column: math.nan})
    found: Rows = rows.filter(condition)
    return found


def _converted(column: str, kind: str, value: Any) -> Any:
    """A value as its column holds it. Raises Invalid where it never could."""
    try:
        if kind == METRICS:
            return float(value)
        if column.endswith("_at"):
            return datetime.fromtimestamp(float(value) / 1000, UTC)
        if column.endswith(("_time", "number")):
            whole = int(value)
            whole.to_bytes(8 if column.endswith("_time") else 4, signed=True)  # it has room there
            return whole
        if column in IDS:
            return UUID(str(value).removeprefix(MODEL_ID))
    except (ValueError, TypeError, OverflowError, OSError):
        raise Invalid(f"{str(value)[:100]!r} is nothing that it could be compared with.") from None
    return str(value)


def _like(pattern: Any) -> str:
    """SQL's pattern as a regular expression: `%` for any text, `_` for one character."""
    if not isinstance(pattern, str) or len(pattern) > LIKE_MOST:
        raise Invalid(f"LIKE takes a text of at most {LIKE_MOST} characters.")
    parts = re.split("([%_])", re.sub("%+", "%", pattern))
    return f"^{''.join({'%': '.*', '_': '.'}.get(part, re.escape(part)) for part in parts)}$"


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    @property
    def is_done(self) -> bool:
        return not self._text[self._at :].strip()

    def take_and(self) -> None:
        kind, word = self._next()
        if kind != "word" or word.upper() != "AND":
            raise self._wrong()

    def word(self) -> str:
        """The next word, whatever it is."""
        return self._next()[1]

    def comparison(self) -> Comparison:
        kind, key = self.key()
        operator = self._operator()
        value = self._list() if operator == "IN" else self._value()
        return Comparison(kind, key, operator, value)

    def key(self) -> tuple[str, str]:
        kind, word = self._next()
        if kind not in {"word", "tick", "text"}:
            raise self._wrong()
        if kind != "word":
            return "attribute", word
        first, dot, rest = word.partition(".")
        if not dot and self._text[self._at : self._at + 1] != ".":
            return "attribute", word
        if first.lower() not in KINDS:
            raise self._wrong()
        if rest:
            return KINDS[first.lower()], rest
        if not dot:
            self._next()
        kind, word = self._next()
        if kind == "mark":
            raise self._wrong()
        return KINDS[first.lower()], word

    def _operator(self) -> str:
        kind, word = self._next()
        if kind not in {"op", "word"} or word.upper() not in LOOKUPS:
            raise self._wrong()
        return word.upper()

    def _value(self) -> Any:
        kind, word = self._next()
        if kind == "text":
            return word
        if kind == "word":
            try:
                return int(word) if word.lstrip("-").isdecimal() else float(word)
            except ValueError:
                raise self._wrong() from None
        raise self._wrong()

    def _list(self) -> list[Any]:
        if self._next() != ("mark", "("):
            raise self._wrong()
        found = [self._value()]
        while (mark := self._next()) == ("mark", ","):
            found.append(self._value())
        if mark != ("mark", ")"):
            raise self._wrong()
        return found

    def _next(self) -> tuple[str, str]:
        found = _TOKEN.match(self._text, self._at)
        if found is None or found.lastgroup is None:
            raise self._wrong()
        self._at = found.end()
        word = found[found.lastgroup]
        if found.lastgroup == "tick":
            return "tick", word[1:-1]
        if found.lastgroup == "text":
            return "text", re.sub(r"\\(.)", r"\1", word[1:-1])
        return found.lastgroup, word

    def _wrong(self) -> Invalid:
        return Invalid(
            f"The filter can't be read near {self._text[max(0, self._at - 20) : self._at + 20]!r}. "
            "Write comparisons with AND between: name = 'x' AND tags.k != 'v'."
        )
