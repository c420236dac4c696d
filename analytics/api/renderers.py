"""Figures as CSV: one table of an answer at a time, which `part` names."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any, Final

from rest_framework.renderers import BaseRenderer

from common.api.renderers import JSONRenderer
from common.csv_text import cell
from common.errors import Fault, Invalid

SUMMARY: Final = "summary"


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


def parts(data: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The tables of an answer: each list of it, and all that stands alone as `summary`."""
    found: dict[str, list[dict[str, Any]]] = {}
    single: dict[str, Any] = {}
    for name, value in data.items():
        if isinstance(value, Sequence) and not isinstance(value, str):
            found[name] = [_flat(row) if isinstance(row, Mapping) else {name: row} for row in value]
        elif isinstance(value, Mapping) and name in {"labels", "errors", "users"}:
            found[name] = [{"name": key, "count": count} for key, count in value.items()]
        else:
            single |= _flat({name: value})
    return {**found, SUMMARY: [single]}


def table(tables: Mapping[str, list[dict[str, Any]]], part: str) -> str:
    """One of the tables as CSV. Raises Invalid, naming the parts there are."""
    chosen = part or next(iter(tables))
    if chosen not in tables:
        message = f"part is one of {', '.join(tables)}."
        raise Invalid(message, errors=[Fault("?part", message, "invalid_choice")])
    out = io.StringIO()
    rows = tables[chosen]
    writer = csv.DictWriter(out, list(rows[0]) if rows else [chosen], lineterminator="\r\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: cell(value) for name, value in row.items()})
    return out.getvalue()


def _flat(row: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """A row without rows in it: `latency_ms` of `mean` becomes `latency_ms.mean`."""
    found: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{before}{name}.")
        elif isinstance(value, list):
            found[before + name] = " ".join(map(str, value))
        else:
            found[before + name] = value
    return found
