"""Figures as CSV: one table of an answer at a time, which `part` names."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Any, Final

from rest_framework.renderers import BaseRenderer

from common.api.renderers import JSONRenderer
from common.csv_text import cell
from common.errors import Fault, Invalid

SUMMARY: Final = "summary"
COUNTS: Final = frozenset({"labels", "errors", "users"})
CONFUSION: Final = "confusion"
# Lists of rows that may have none.
EMPTY_TABLES: Final = frozenset(
    {"daily", "models", "versions", "recent_errors", "hours", "weekdays"}
)
WHOSE: Final = ("model", "version")
Table = list[dict[str, Any]]


class CSVRenderer(BaseRenderer):
    """`?format=csv`: a view that answers a text has made it with `table`."""

    media_type = "text/csv"
    format = "csv"
    charset = "utf-8"

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        """The text in UTF-8. A problem, which is no table, stays what it is."""
        if isinstance(data, str):
            return data.encode()
        return JSONRenderer().render(data, accepted_media_type, renderer_context)


def parts(data: Mapping[str, Any]) -> dict[str, Table]:
    """The tables of an answer: each list and count of it, and all that stands alone as `summary`.

    What lies deeper has a dotted name, `confidence.histogram`. Of several models, each of a
    model's tables is one table of all of them, with the model in front.
    """
    tables: dict[str, Table] = {}
    single = _walk(data, "", tables)
    if single:
        tables[SUMMARY] = [single]
    return tables


def table(tables: Mapping[str, Table], part: str) -> str:
    """One of the tables as CSV. Raises Invalid, naming the parts there are."""
    chosen = part or next(iter(tables))
    if chosen not in tables:
        message = f"part is one of {', '.join(tables)}."
        raise Invalid(message, errors=[Fault("?part", message, "invalid_choice")])
    out = io.StringIO()
    rows = tables[chosen]
    columns = list(dict.fromkeys(name for row in rows for name in row))
    if not rows and chosen.rpartition(".")[2] in COUNTS:
        columns = ["name", "count"]
    writer = csv.DictWriter(out, columns or [chosen], lineterminator="\r\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: cell(value) for name, value in row.items()})
    return out.getvalue()


def _walk(data: Mapping[str, Any], before: str, tables: dict[str, Table]) -> dict[str, Any]:
    """Put what is a table among the tables; what is left, `latency_ms` of `mean` as one name."""
    single: dict[str, Any] = {}
    for name, value in data.items():
        place = before + name
        if isinstance(value, Mapping) and name in COUNTS:
            tables[place] = [{"name": key, "count": count} for key, count in value.items()]
        elif isinstance(value, Mapping) and name == CONFUSION:
            tables[place] = [
                {"truth": truth, "answer": answer, "count": count}
                for truth, answers in value.items()
                for answer, count in answers.items()
            ]
        elif isinstance(value, Mapping):
            single |= _walk(value, f"{place}.", tables)
        elif isinstance(value, list) and any(isinstance(row, Mapping) for row in value):
            _gather(place, value, tables)
        elif isinstance(value, list) and place in EMPTY_TABLES:
            tables[place] = []
        elif isinstance(value, list):
            single[place] = " ".join(map(str, value))
        else:
            single[place] = value
    return single


def _gather(place: str, rows: list[Mapping[str, Any]], tables: dict[str, Table]) -> None:
    """A list of rows as a table; the rows' own tables as tables of them all."""
    own = tables.setdefault(place, [])
    for row in rows:
        inner: dict[str, Table] = {}
        single = _walk(row, "", inner)
        own.append(single)
        whose = {name: single[name] for name in WHOSE if name in single}
        for name, found in inner.items():
            tables.setdefault(name, []).extend(whose | one for one in found)
