"""A version's own decoder, compiled from its signature: from a body's bytes to rows in one pass.

It takes only what is plainly right and hands everything else to `inference.decode`, which finds
every fault and says it well. So it may refuse too much but must never take what `decode` refuses;
a property test holds the two against each other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import msgspec
import numpy as np

from common import strict_json
from common.runtime import Batch, RowBatch
from inference.decode import LARGEST, MAX_ROWS, Feature, check_options, decode

Signature = dict[str, Any]
Rows = list[tuple[Any, ...]]
# More fields than this make types that cost more to build than they save.
MAX_FEATURES = 2048

_Number = Annotated[float, msgspec.Meta(ge=-LARGEST, le=LARGEST)]
_TYPES: dict[str, Any] = {
    "float": _Number,
    "float or bool": _Number | bool,
    "int": _Number,
    "bool": bool,
    "str": str,
}


class _NotPlain(Exception):
    """Left to `decode`."""


class Decoder:
    """Bytes to a Batch and the caller's correlation id. May be shared by threads."""

    def __init__(self, signature: Signature) -> None:
        self._signature = signature
        self._features = [
            Feature.of(f, signature) for part in signature["inputs"] for f in part["features"]
        ]
        self._names = [feature.name for feature in self._features]
        self._closed = [(i, f.categories) for i, f in enumerate(self._features) if f.categories]
        self._whole = [i for i, f in enumerate(self._features) if f.dtype == "int"]
        self._text = signature["layout"] == "text"
        self._batch = self._batch_maker()
        self._inputs, self._records = self._parsers()

    def __call__(self, body: bytes) -> tuple[Batch, str | None]:
        """Raises what `strict_json.loads`, `check_options` and `decode` raise."""
        try:
            return self._plain(body)
        except (msgspec.DecodeError, _NotPlain, UnicodeDecodeError):
            parsed = strict_json.loads(body)
            correlation_id = check_options(parsed)
            return decode(self._signature, parsed), correlation_id

    def _plain(self, body: bytes) -> tuple[Batch, str | None]:
        # Escapes, other scripts and DEL are where two readers of JSON could part.
        if self._inputs is None or b"\\" in body or b"\x7f" in body or not body.isascii():
            raise _NotPlain
        colons = body.count(b":")
        if colons == 1:  # one key, so none stands twice
            rows, correlation_id = self._inputs.decode(body).inputs, None
        else:
            rows, correlation_id = self._named(body, colons)
        if not 0 < len(rows) <= MAX_ROWS:
            raise _NotPlain
        if self._text and isinstance(rows[0], str):
            return Batch(layout="text", texts=rows), correlation_id
        for i, categories in self._closed:
            if any(row[i] not in categories and row[i] is not None for row in rows):
                raise _NotPlain
        return self._batch(rows), correlation_id

    def _named(self, body: bytes, colons: int) -> tuple[Rows, str | None]:
        """Rows by name, or with a correlation id. As many colons as keys: none stands twice."""
        if self._inputs is None or self._records is None:
            raise _NotPlain
        try:
            found = self._inputs.decode(body)
            rows, keys = found.inputs, 0
        except msgspec.ValidationError:
            found = self._records.decode(body)
            take = msgspec.structs.astuple
            rows = [take(record) for record in found.records]
            keys = len(rows) * len(self._names)
        correlation_id = found.correlation_id
        if colons != 1 + keys + (correlation_id is not msgspec.UNSET):
            raise _NotPlain
        return rows, None if correlation_id is msgspec.UNSET else correlation_id

    def _parsers(self) -> tuple[msgspec.json.Decoder[Any] | None, msgspec.json.Decoder[Any] | None]:
        """For bodies with `inputs` and with `records`; None where they are all left to `decode`."""
        features = self._features
        if len(features) > MAX_FEATURES or any(not _is_plain(f) for f in features):
            return None, None
        types = [_TYPES[f.dtype] | None if f.nullable else _TYPES[f.dtype] for f in features]
        correlation_id = (
            "correlation_id",
            Annotated[str, msgspec.Meta(min_length=1, max_length=128)] | msgspec.UnsetType,
            msgspec.UNSET,
        )
        row: Any = str if self._text else tuple.__class_getitem__(tuple(types))
        inputs = msgspec.defstruct(
            "Inputs", [("inputs", list[row]), correlation_id], forbid_unknown_fields=True
        )
        record: Any = msgspec.defstruct(
            "Record",
            [(f"f{i}", type_) for i, type_ in enumerate(types)],
            rename={f"f{i}": name for i, name in enumerate(self._names)},
            forbid_unknown_fields=True,
        )
        records = msgspec.defstruct(
            "Records", [("records", list[record]), correlation_id], forbid_unknown_fields=True
        )
        named = len(set(self._names)) == len(self._names)
        by_name = msgspec.json.Decoder(records) if named else None
        return msgspec.json.Decoder(inputs), by_name

    def _batch_maker(self) -> Callable[[Rows], Batch]:
        if self._text:
            return lambda rows: Batch(layout="text", texts=[row[0] for row in rows])
        if self._signature["layout"] != "matrix":
            return self._columns
        floats = all(f.dtype == "float" and not f.nullable for f in self._features)
        return self._floats if floats else self._matrix

    def _floats(self, rows: Rows) -> Batch:
        return RowBatch(rows[0]) if len(rows) == 1 else self._matrix(rows)

    def _matrix(self, rows: Rows) -> Batch:
        matrix = np.array(rows, dtype=np.float64)
        if self._whole:
            whole = matrix[:, self._whole]
            if not ((whole == np.floor(whole)) | np.isnan(whole)).all():
                raise _NotPlain
        return Batch(layout="matrix", matrix=matrix)

    def _columns(self, rows: Rows) -> Batch:
        columns: dict[str, np.ndarray[Any, Any]] = {}
        for feature, values in zip(self._features, zip(*rows, strict=True), strict=True):
            columns[feature.name] = _column(feature.dtype, values)
        return Batch(layout="columns", columns=columns)


def _is_plain(feature: Feature) -> bool:
    # A missing boolean or text has no one spelling in an array; `decode` knows.
    return feature.dtype in _TYPES and not (feature.nullable and feature.dtype == "bool")


def _column(dtype: str, values: tuple[Any, ...]) -> np.ndarray[Any, Any]:
    if dtype == "str":
        return np.array(values, dtype=object)
    if dtype == "bool":
        return np.array(values, dtype=np.bool_)
    column = np.array(values, dtype=np.float64)
    if dtype != "int" or np.isnan(column).any():
        return column
    if (column != np.floor(column)).any():
        raise _NotPlain
    return column.astype(np.int64)
