"""From a request's JSON to rows a model takes, guided by the version's signature.

Every fault of every row is found in one pass and named by row and feature, up to a cap.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from common.errors import Fault, Invalid, TooLarge
from common.runtime import Batch

MAX_ROWS = 50_000
MAX_FAULTS = 100
OPTIONS = frozenset({"inputs", "records", "correlation_id", "explain"})
MAX_CORRELATION_ID = 128
# Trees compare in float32; what does not fit there would become infinite.
LARGEST = float(np.finfo(np.float32).max)

JSON = Any
Signature = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Feature:
    """One column of the input, as the signature describes it."""

    name: str
    dtype: str
    nullable: bool
    categories: frozenset[JSON] | None

    @classmethod
    def of(cls, described: dict[str, Any], signature: Signature) -> Feature:
        """A column of a table that is read as a number may have held booleans in training."""
        loose = signature["layout"] == "columns" and described["dtype"] == "float"
        closed = described.get("unknown") == "error" and described.get("categories")
        return cls(
            name=described["name"],
            dtype="float or bool" if loose else described["dtype"],
            nullable=bool(described.get("nullable")),
            categories=frozenset(described["categories"]) if closed else None,
        )


class Faults:
    """Collects faults; beyond the cap it only counts them."""

    def __init__(self) -> None:
        self.found: list[Fault] = []
        self.count = 0

    def add(self, pointer: str, detail: str, code: str = "invalid") -> None:
        self.count += 1
        if len(self.found) < MAX_FAULTS:
            self.found.append(Fault(pointer, detail, code))

    def raise_any(self) -> None:
        if not self.count:
            return
        more = f" The first {MAX_FAULTS} are listed." if self.count > MAX_FAULTS else ""
        raise Invalid(
            f"The input does not fit the model's signature: {self.count} "
            f"{'fault' if self.count == 1 else 'faults'}.{more}",
            code="invalid_input",
            errors=self.found,
        )


def decode(signature: Signature, body: JSON) -> Batch:
    """The rows of a request body, `{"inputs": […]}` or `{"records": [{…}]}`.

    Raises Invalid with every fault, or TooLarge beyond MAX_ROWS rows.
    """
    key, rows = _rows_of(body)
    features = [Feature.of(f, signature) for i in signature["inputs"] for f in i["features"]]
    faults = Faults()
    if key == "records":
        cells = _cells_of_records(rows, features, faults)
    elif signature["layout"] == "text":
        cells = _cells_of_texts(rows)
    else:
        cells = _cells_of_inputs(rows, features, faults)
    columns = [
        column(feature, [row[i] for row in cells], key, i, faults)
        for i, feature in enumerate(features)
    ]
    faults.raise_any()
    return assemble(signature["layout"], features, columns)


def check_options(body: Any) -> str | None:
    """Refuse keys nobody knows; give back the correlation id."""
    if not isinstance(body, dict):
        return None  # decode says so
    faults = [Fault(f"/{key}", "is not known", "unknown") for key in body.keys() - OPTIONS]
    correlation_id = body.get("correlation_id")
    if correlation_id is not None and not (
        isinstance(correlation_id, str) and 0 < len(correlation_id) <= MAX_CORRELATION_ID
    ):
        faults.append(Fault("/correlation_id", f"must be text of 1 to {MAX_CORRELATION_ID}"))
    if body.get("explain") not in (None, False):
        faults.append(Fault("/explain", "explanations are not available for this model"))
    if faults:
        raise Invalid("The request is wrong; `errors` says where.", errors=faults)
    return correlation_id


def _rows_of(body: JSON) -> tuple[str, list[JSON]]:
    if not isinstance(body, dict):
        raise Invalid("The body must be a JSON object with `inputs` or `records`.")
    keys = [key for key in ("inputs", "records") if key in body]
    if len(keys) != 1:
        raise Invalid("Give either `inputs` or `records`.", code="inputs_or_records")
    rows = body[keys[0]]
    if not isinstance(rows, list):
        raise Invalid(
            f"`{keys[0]}` must be a list of rows.",
            errors=[Fault(f"/{keys[0]}", "must be a list of rows")],
        )
    if not rows:
        raise Invalid(f"`{keys[0]}` is empty.", errors=[Fault(f"/{keys[0]}", "is empty", "empty")])
    if len(rows) > MAX_ROWS:
        raise TooLarge(
            f"{len(rows):,} rows in one call; {MAX_ROWS:,} is the most. Send several calls, or a "
            "file to POST /api/v1/models/{ref}/predict/batch.",
            code="too_many_rows",
        )
    return keys[0], rows


MISSING = object()


def _cells_of_inputs(rows: list[JSON], features: list[Feature], faults: Faults) -> list[list[JSON]]:
    """Rows given by position."""
    width = len(features)
    nothing = [MISSING] * width
    cells: list[list[JSON]] = []
    for i, row in enumerate(rows):
        if not isinstance(row, list):
            faults.add(f"/inputs/{i}", f"row {i}: must be a list of {width} values", "not_a_row")
        elif len(row) != width:
            faults.add(
                f"/inputs/{i}",
                f"row {i}: has {len(row)} values; the model takes {width}: {_names(features)}",
                "wrong_length",
            )
        else:
            cells.append(row)
            continue
        cells.append(nothing)
    return cells


def _cells_of_records(
    rows: list[JSON], features: list[Feature], faults: Faults
) -> list[list[JSON]]:
    """Rows given by name."""
    known = {feature.name for feature in features}
    nothing = [MISSING] * len(features)
    cells: list[list[JSON]] = []
    for i, row in enumerate(rows):
        if not isinstance(row, dict):
            faults.add(f"/records/{i}", f"row {i}: must be an object by feature name", "not_a_row")
            cells.append(nothing)
            continue
        for name in row.keys() - known:
            faults.add(
                f"/records/{i}/{_escape(name)}",
                f"row {i}: the model has no feature {name[:80]!r}",
                "unknown_feature",
            )
        for name in known - row.keys():
            faults.add(f"/records/{i}", f"row {i}: feature {name!r} is missing", "missing_feature")
        cells.append([row.get(feature.name, MISSING) for feature in features])
    return cells


def _cells_of_texts(rows: list[JSON]) -> list[list[JSON]]:
    """Texts may be given bare, or each as a row of one."""
    return [row if isinstance(row, list) and len(row) == 1 else [row] for row in rows]


def column(
    feature: Feature, cells: list[JSON], key: str, place: int, faults: Faults
) -> np.ndarray[Any, Any]:
    """One feature's values as an array; faults are noted and hold a stand-in."""
    values, found = convert(feature, cells)
    name = _escape(feature.name) if key == "records" else str(place)
    for i, fault in found:
        faults.add(f"/{key}/{i}/{name}", f"row {i}, {feature.name}: {fault}")
    return values


def convert(
    feature: Feature, cells: Sequence[JSON]
) -> tuple[np.ndarray[Any, Any], list[tuple[int, str]]]:
    """One feature's values as an array, and which of them are wrong, and how.

    What is wrong has a stand-in; so has MISSING, which is somebody else's to say.
    """
    check, empty, dtype = CONVERTERS[feature.dtype]
    values: list[Any] = []
    faults: list[tuple[int, str]] = []
    for i, cell in enumerate(cells):
        value, fault = empty, ""
        if cell is None:
            fault = "" if feature.nullable else "is missing, and the model takes no missing values"
        elif cell is not MISSING:
            value, fault = check(cell)
            if not fault and feature.categories is not None and cell not in feature.categories:
                fault = f"{cell!r} is none of the categories the model knows"
        if fault:
            faults.append((i, fault))
            value = empty
        values.append(value)
    return np.array(values, dtype=dtype), faults


def _number(cell: JSON) -> tuple[float, str]:
    if isinstance(cell, bool) or not isinstance(cell, (int, float)):
        return np.nan, f"must be a number, not {_kind(cell)}"
    try:
        value = float(cell)
    except OverflowError:
        value = np.inf
    return (value, "") if abs(value) <= LARGEST else (np.nan, "is too large a number")


def _number_or_truth(cell: JSON) -> tuple[float, str]:
    return (float(cell), "") if isinstance(cell, bool) else _number(cell)


def _whole(cell: JSON) -> tuple[float, str]:
    value, fault = _number(cell)
    if fault:
        return value, fault
    return (value, "") if value == int(value) else (np.nan, "must be a whole number")


def _truth(cell: JSON) -> tuple[bool, str]:
    return (
        (cell, "") if isinstance(cell, bool) else (False, f"must be a boolean, not {_kind(cell)}")
    )


def _text(cell: JSON) -> tuple[str | None, str]:
    return (cell, "") if isinstance(cell, str) else (None, f"must be text, not {_kind(cell)}")


Converter = Callable[[JSON], tuple[Any, str]]
CONVERTERS: dict[str, tuple[Converter, Any, Any]] = {
    "float": (_number, np.nan, np.float64),
    "float or bool": (_number_or_truth, np.nan, np.float64),
    "int": (_whole, np.nan, np.float64),
    "bool": (_truth, False, np.bool_),
    "str": (_text, None, object),
}


def assemble(layout: str, features: list[Feature], columns: list[np.ndarray[Any, Any]]) -> Batch:
    if layout == "text":
        return Batch(layout="text", texts=[str(text) for text in columns[0]])
    if layout == "columns":
        named = {f.name: _narrow(f, c) for f, c in zip(features, columns, strict=True)}
        return Batch(layout="columns", columns=named)
    return Batch(layout="matrix", matrix=np.column_stack(columns))


def _narrow(feature: Feature, column: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Whole numbers become integers again where none is missing."""
    if feature.dtype == "int" and not np.isnan(column).any():
        return column.astype(np.int64)
    return column


def _kind(cell: JSON) -> str:
    names = {str: "text", bool: "a boolean", list: "a list", dict: "an object", type(None): "null"}
    return names.get(type(cell), "a number")


def _names(features: Iterable[Feature]) -> str:
    names = [feature.name for feature in features]
    return ", ".join(names[:12]) + (", …" if len(names) > 12 else "")


def _escape(name: str) -> str:
    """RFC 6901, section 3."""
    return name.replace("~", "~0").replace("/", "~1")
