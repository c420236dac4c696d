"""What each column of a table must hold, deduced from the transformers that will read it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from jail import anatomy
from jail.refusal import Refused

DATATYPES = {"float": "FP64", "int": "INT64", "bool": "BOOL", "str": "BYTES"}
MAX_CATEGORIES = 1000
"""Categories listed in a signature; beyond it a column counts as open."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column as its readers need it.

    dtype       float, int, bool or str
    categories  the values an encoder knows, or None
    closed      an unknown category is an error
    nullable    a missing value is taken
    null_none   a missing value was None, not NaN, when the model was fitted
    reads       names of the transformer classes that see the raw column
    """

    name: str
    dtype: str = "float"
    categories: tuple[Any, ...] | None = None
    closed: bool = False
    nullable: bool = False
    null_none: bool = False
    reads: frozenset[str] = field(default_factory=frozenset)

    def feature(self) -> dict[str, Any]:
        """For the signature."""
        described: dict[str, Any] = {
            "name": self.name,
            "dtype": self.dtype,
            "required": True,
            "nullable": self.nullable,
        }
        if self.categories is not None and len(self.categories) <= MAX_CATEGORIES:
            described["categories"] = list(self.categories)
            described["unknown"] = "error" if self.closed else "ignore"
        if self.null_none:
            described["null_is_none"] = True
        return described


def columns_of(model: Any) -> list[Column]:
    """The columns a model needs, in the order it was fitted on; dropped ones left out.

    Meant for models whose rows first meet a ColumnTransformer or an encoder.
    Raises Refused where two readers of one column disagree on what it holds.
    """
    names = anatomy.feature_names(model) or [
        f"x{i}" for i in range(anatomy.feature_count(model) or 0)
    ]
    needs: dict[int, Column] = {}
    for way in anatomy.paths(model):
        for index, column in _needs_of_way(way, names).items():
            needs[index] = _merge(needs[index], column) if index in needs else column
    return [needs[index] for index in sorted(needs)]


def _needs_of_way(way: list[Any], names: list[str]) -> dict[int, Column]:
    first, rest = way[0], way[1:]
    if anatomy.kind(first) != "ColumnTransformer":
        return dict(enumerate(_read(way, names)))
    found: dict[int, Column] = {}
    for name, transformer, _ in first.transformers_:
        if isinstance(transformer, str) and transformer == "drop":
            continue
        indices = _indices(first, name)
        inner = rest if isinstance(transformer, str) else [*anatomy.flat_steps(transformer), *rest]
        for index, column in zip(indices, _read(inner, [names[i] for i in indices]), strict=True):
            found[index] = _merge(found[index], column) if index in found else column
    return found


def _indices(transformer: Any, name: str) -> list[int]:
    selected = transformer._transformer_to_input_indices[name]
    return [int(i) for i in selected]


def _read(steps: list[Any], names: list[str]) -> list[Column]:
    """What one chain of steps needs of the columns it is given."""
    readers = frozenset(anatomy.kind(step) for step in steps[:1])
    nullable = anatomy.takes_missing(steps)
    plain = [Column(name, nullable=nullable, reads=readers) for name in names]
    imputed = False
    for step in steps:
        name = anatomy.kind(step)
        if name in anatomy.VECTORIZERS:
            return [replace(column, dtype="str", nullable=False) for column in plain]
        if name in anatomy.ENCODERS and len(getattr(step, "categories_", ())) == len(names):
            return [_encoded(column, step, i, imputed=imputed) for i, column in enumerate(plain)]
        if name == "SimpleImputer":
            imputed = True
            if getattr(step, "_fit_dtype", np.dtype(float)).kind in "OUT":
                plain = [replace(column, dtype="str") for column in plain]
        elif not hasattr(step, "transform"):
            break
    return plain


def _encoded(column: Column, encoder: Any, index: int, *, imputed: bool) -> Column:
    known = [_plain(value) for value in np.asarray(encoder.categories_[index]).tolist()]
    values = [value for value in known if not _is_missing(value)]
    closed = getattr(encoder, "handle_unknown", "error") == "error"
    if anatomy.kind(encoder) == "TargetEncoder":
        closed = False
    dtype = _dtype_of(values)
    return replace(
        column,
        dtype=dtype,
        categories=tuple(values),
        closed=closed,
        # A column of booleans has no room for a missing one.
        nullable=dtype != "bool" and (imputed or len(values) < len(known) or not closed),
        null_none=any(value is None for value in known),
        reads=column.reads | {anatomy.kind(encoder)},
    )


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and np.isnan(value))


def _dtype_of(values: list[Any]) -> str:
    if values and all(isinstance(value, bool) for value in values):
        return "bool"
    if values and all(isinstance(value, int) for value in values):
        return "int"
    if values and all(isinstance(value, (int, float)) for value in values):
        return "float"
    if all(isinstance(value, str) for value in values):
        return "str"
    kinds = sorted({type(value).__name__ for value in values})
    raise Refused(
        f"A column mixes categories of several types ({', '.join(kinds)}). Turn them all into "
        "text before fitting.",
        "not_servable",
    )


def _merge(one: Column, other: Column) -> Column:
    """What satisfies both readers of one column."""
    if (one.dtype == "str") != (other.dtype == "str"):
        raise Refused(
            f"Column {one.name!r} is read both as text and as a number; the model can't be served.",
            "not_servable",
        )
    narrow = one if one.dtype != "float" else other
    return replace(
        narrow,
        categories=one.categories if one.categories is not None else other.categories,
        closed=one.closed or other.closed,
        nullable=one.nullable and other.nullable,
        null_none=one.null_none or other.null_none,
        reads=one.reads | other.reads,
    )
