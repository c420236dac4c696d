"""From a scoring request's body to a table."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from common import strict_json
from common.errors import Invalid
from inference.tabular import Records, Table

FORMATS: Final = ("dataframe_split", "dataframe_records", "instances", "inputs")
SPLIT_KEYS: Final = frozenset({"columns", "index", "data"})
METHODS: Final = ("predict", "predict_proba")
METHOD: Final = "predict_method"


@dataclass(frozen=True, slots=True)
class Asked:
    """A table, and which of the model's answers is wanted for it."""

    table: Table | Records
    method: str = "predict"


def parse_json(body: bytes) -> Asked:
    """One of MLflow's four forms, with `params` beside it if need be.

    `params.predict_method` may be `predict_proba`; other params are for models of other kinds.
    """
    parsed = strict_json.loads(body)
    if not isinstance(parsed, dict):
        raise Invalid(f"The body must be a JSON object with one of {', '.join(FORMATS)}.")
    formats = [name for name in FORMATS if name in parsed]
    if len(formats) != 1:
        raise Invalid(f"Give one of {', '.join(FORMATS)}.", code="one_format")
    unknown = sorted(parsed.keys() - {formats[0], "params"})
    if unknown:
        raise Invalid(f"The body has keys that mean nothing here: {', '.join(unknown)[:200]}.")
    table = _READERS[formats[0]](parsed[formats[0]])
    return Asked(table, _method(parsed.get("params")))


def parse_instances(body: bytes) -> Asked:
    """KServe V1's form, and TensorFlow Serving's column form."""
    parsed = strict_json.loads(body)
    formats = [
        name for name in ("instances", "inputs") if isinstance(parsed, dict) and name in parsed
    ]
    if len(formats) != 1:
        raise Invalid('The body must be a JSON object: {"instances": [[…], …]}.')
    return Asked(_READERS[formats[0]](parsed[formats[0]]))


def parse_csv(body: bytes) -> Asked:
    """A file with a line of names first; texts are read as the model's types."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Invalid(f"The file is not UTF-8: byte {error.start} is wrong.") from None
    if "\0" in text:
        raise Invalid("The file holds a NUL character.")
    try:
        rows = [row for row in csv.reader(io.StringIO(text), strict=True) if row]
    except csv.Error as error:
        raise Invalid(f"The file is no CSV: {error}.") from None
    if not rows:
        raise Invalid("The file is empty.", code="empty")
    return Asked(Table(rows[0], rows[1:], as_text=True))


def _split(value: Any) -> Table:
    if not isinstance(value, dict) or not value.keys() <= SPLIT_KEYS or "data" not in value:
        raise Invalid("`dataframe_split` has `data`, and may have `columns` and `index`.")
    names, rows = value.get("columns"), _rows("dataframe_split.data", value["data"])
    if names is not None and not (
        isinstance(names, list) and all(isinstance(name, str) for name in names)
    ):
        if isinstance(names, list) and all(isinstance(name, int) for name in names):
            names = None  # as pandas numbers columns that have no name
        else:
            raise Invalid("`dataframe_split.columns` must be a list of names.")
    return Table(names, rows)


def _records(value: Any) -> Records:
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise Invalid("`dataframe_records` must be a list of objects by column name.")
    return Records(value)


def _instances(value: Any) -> Table | Records:
    if isinstance(value, list) and value and all(isinstance(row, dict) for row in value):
        return _records(value)
    return Table(None, _rows("instances", value))


def _inputs(value: Any) -> Table:
    if not isinstance(value, dict):
        return Table(None, _rows("inputs", value))
    columns = list(value.values())
    if not columns or not all(isinstance(column, list) for column in columns):
        raise Invalid("`inputs` must be rows, or an object with a list for each column.")
    if len({len(column) for column in columns}) > 1:
        raise Invalid("The columns of `inputs` are not of one length.")
    return Table(list(value), [_flat(row) for row in zip(*columns, strict=True)])


def _rows(name: str, value: Any) -> list[list[Any]]:
    """Lists of cells; where each row is a single value, it may stand bare."""
    if not isinstance(value, list):
        raise Invalid(f"`{name}` must be a list of rows.")
    return [row if isinstance(row, list) else [row] for row in value]


def _flat(row: tuple[Any, ...]) -> list[Any]:
    """A column may have come as a tensor of shape [n, 1]."""
    return [cell[0] if isinstance(cell, list) and len(cell) == 1 else cell for cell in row]


def _method(params: Any) -> str:
    if params is None:
        return "predict"
    if not isinstance(params, dict):
        raise Invalid("`params` must be an object.")
    method = params.get(METHOD, "predict")
    if method not in METHODS:
        raise Invalid(f"`params.{METHOD}` is one of {', '.join(METHODS)}.")
    return str(method)


_READERS: dict[str, Callable[[Any], Table | Records]] = {
    "dataframe_split": _split,
    "dataframe_records": _records,
    "instances": _instances,
    "inputs": _inputs,
}
Parser = Callable[[bytes], Asked]
