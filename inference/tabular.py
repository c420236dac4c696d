"""From a table to rows a model takes: columns by name or place, cells as JSON or as text.

What other servers' clients send: more columns than the model knows, numbers in quotes, whole
numbers where there could be others. The rows are those that `inference.decode` makes of the same
values; its rules about missing values, categories and ranges hold here too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from common.errors import Fault, Invalid, TooLarge
from common.runtime import Batch
from inference.decode import MAX_ROWS, Faults, Feature, assemble, column

NUMBERS: Final = frozenset({"float", "float or bool", "int"})
TRUTHS: Final = {"true": True, "1": True, "false": False, "0": False}
MOST_NAMED: Final = 20


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells. `names` is None where cells stand by their place.

    `as_text`: cells are texts of a file, to be read as the model's types; "" is a missing value.
    """

    names: Sequence[str] | None
    rows: Sequence[Sequence[Any]]
    as_text: bool = False

    def columns(self, features: Sequence[Feature]) -> Iterator[list[Any]]:
        """The cells of each feature. Raises Invalid where they are not all there."""
        for place in _places(features, self):
            yield [row[place] for row in self.rows]


@dataclass(frozen=True, slots=True)
class Records:
    """Rows that name their cells; what one lacks and another has is missing there, as in pandas."""

    rows: Sequence[Mapping[str, Any]]
    names: ClassVar[tuple[str, ...]] = ()
    as_text: ClassVar[bool] = False

    def columns(self, features: Sequence[Feature]) -> Iterator[list[Any]]:
        """The cells of each feature, and of nothing else: others' names are as many as they like.

        Raises Invalid for features that no row has.
        """
        _check_missing(features, set().union(*self.rows))
        for feature in features:
            yield [row.get(feature.name) for row in self.rows]


def batch_of(signature: dict[str, Any], table: Table | Records) -> Batch:
    """The rows of a table. Raises Invalid with every fault, TooLarge beyond MAX_ROWS rows."""
    if not table.rows:
        raise Invalid("There are no rows.", code="empty")
    if len(table.rows) > MAX_ROWS:
        raise TooLarge(
            f"{len(table.rows):,} rows in one call; {MAX_ROWS:,} is the most.",
            code="too_many_rows",
        )
    features = [Feature.of(f, signature) for part in signature["inputs"] for f in part["features"]]
    faults = Faults()
    columns = []
    for i, (feature, found) in enumerate(zip(features, table.columns(features), strict=True)):
        cells = [cell_of(feature, cell, table.as_text) for cell in found]
        columns.append(
            column(feature, cells, "inputs" if table.names is None else "records", i, faults)
        )
    faults.raise_any()
    return assemble(signature["layout"], features, columns)


def _places(features: Sequence[Feature], table: Table) -> list[int]:
    """Where in a row each feature stands."""
    width = len(features)
    if table.names is None:
        _check_widths(table.rows, width, f"the model takes {width}")
        return list(range(width))
    twice = repeated(table.names)
    if twice:
        raise Invalid(f"A column stands twice: {', '.join(twice[:MOST_NAMED])}.")
    _check_widths(table.rows, len(table.names), f"there are {len(table.names)} columns")
    known = {name: place for place, name in enumerate(table.names)}
    _check_missing(features, known)
    return [known[feature.name] for feature in features]


def repeated(names: Sequence[str]) -> list[str]:
    """Those that stand there more than once, sorted."""
    return sorted(name for name, times in Counter(names).items() if times > 1)


def _check_missing(features: Sequence[Feature], known: Container[str]) -> None:
    missing = [feature.name for feature in features if feature.name not in known]
    if missing:
        more = ", …" if len(missing) > MOST_NAMED else ""
        raise Invalid(
            "The model takes columns that the input has not: "
            f"{', '.join(missing[:MOST_NAMED])}{more}.",
            code="missing_columns",
            errors=[Fault(f"/{name}", "is missing", "missing_feature") for name in missing[:100]],
        )


def _check_widths(rows: Sequence[Sequence[Any]], width: int, wanted: str) -> None:
    for i, row in enumerate(rows):
        if len(row) != width:
            raise Invalid(
                f"Row {i} has {len(row)} values; {wanted}.",
                errors=[Fault(f"/{i}", f"has {len(row)} values; {wanted}", "wrong_length")],
            )


def cell_of(feature: Feature, cell: Any, as_text: bool) -> Any:
    """The cell as JSON would have it; what can't be read stays, and is a fault.

    `as_text`: the cell is of a file of texts, where "" is a missing value and `true` a boolean.
    """
    if not isinstance(cell, str):
        return cell
    if feature.dtype == "str":
        return cell if cell or not as_text else None
    if as_text and not cell.strip():
        return None
    if feature.dtype in NUMBERS:
        return _number(cell)
    return TRUTHS.get(cell.strip().lower(), cell) if as_text else cell


def _number(text: str) -> Any:
    if "_" in text:  # Python's own spelling, and nobody else's
        return text
    try:
        value = float(text)
    except ValueError:
        return text
    return None if value != value else value
