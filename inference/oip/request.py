"""From an infer request's body to rows a model takes.

Models of one matrix or of texts take one tensor, whatever its name, or one tensor per feature;
models of a table take one tensor per column. The rows are those that `inference.decode` makes of
the same values, and refused where it refuses them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from common.errors import Invalid, TooLarge
from common.runtime import Batch
from inference.decode import LARGEST, MAX_ROWS, Feature
from inference.oip.tensors import DATATYPES, FIXED, Array, from_binary, from_json

Signature = dict[str, Any]


class Tensor(msgspec.Struct):
    """An input as it is sent. Keys nobody knows are ignored: clients send such."""

    name: str
    shape: list[int]
    datatype: str
    parameters: dict[str, Any] | None = None
    data: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class Wanted(msgspec.Struct):
    """An output that is asked for."""

    name: str
    parameters: dict[str, Any] | None = None


class Body(msgspec.Struct):
    inputs: list[Tensor]
    id: str = ""
    parameters: dict[str, Any] | None = None
    outputs: list[Wanted] | None = None


@dataclass(frozen=True, slots=True)
class InferRequest:
    """What is asked: rows, and the names of outputs with whether each comes in binary form."""

    batch: Batch
    rows: int
    id: str
    outputs: list[tuple[str, bool]]


_body = msgspec.json.Decoder(Body)


def parse(signature: Signature, body: bytes, *, json_length: int | None) -> InferRequest:
    """Read a body. Raises Invalid, its message naming the tensor, or TooLarge beyond MAX_ROWS.

    json_length  the Inference-Header-Content-Length: how much of the body is JSON, None for all of
                 it; 0 where the body is the one input's bytes and nothing else
    """
    if json_length == 0:
        return _raw_request(signature, body)
    asked, tail = _read(body, json_length)
    arrays = _arrays(asked.inputs, tail)
    batch = _batch(signature, arrays)
    outputs = _wanted(signature, asked)
    return InferRequest(batch, batch.rows, asked.id, outputs)


def _read(body: bytes, json_length: int | None) -> tuple[Body, memoryview]:
    """The JSON, and the bytes behind it."""
    length = len(body) if json_length is None else json_length
    try:
        return _body.decode(body[:length]), memoryview(body)[length:]
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        fault = error
    if json_length is not None:
        # Tritonclient sends the length of an earlier call again: the body may be JSON throughout.
        try:
            return _body.decode(body), memoryview(b"")
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            if json_length > len(body):
                raise Invalid(
                    f"the JSON is said to have {json_length} bytes, the body has {len(body)}"
                ) from None
    raise Invalid(f"the request could not be read: {fault}")


def _arrays(inputs: list[Tensor], tail: memoryview) -> dict[str, Array]:
    """Every tensor in its shape, by name."""
    arrays: dict[str, Array] = {}
    at = 0
    for tensor in inputs:
        if tensor.name in arrays:
            raise Invalid(f"input {tensor.name!r} was sent twice")
        count = _count(tensor)
        size = (tensor.parameters or {}).get("binary_data_size")
        if size is None:
            if tensor.data is msgspec.UNSET:
                raise Invalid(f"input {tensor.name!r} has neither data nor binary_data_size")
            flat = from_json(tensor.name, tensor.datatype, count, tensor.data)
        else:
            end = at + _checked_size(tensor, size, len(tail) - at)
            flat = from_binary(tensor.name, tensor.datatype, count, tail[at:end])
            at = end
        arrays[tensor.name] = flat.reshape(tensor.shape)
    if at != len(tail):
        raise Invalid(f"{len(tail) - at} bytes follow the last tensor")
    return arrays


def _count(tensor: Tensor) -> int:
    """How many elements the shape wants."""
    if tensor.datatype not in DATATYPES:
        raise Invalid(f"input {tensor.name!r}: there is no datatype {tensor.datatype[:20]!r}")
    if not 1 <= len(tensor.shape) <= 2 or min(tensor.shape) < 1:
        raise Invalid(f"input {tensor.name!r}: the shape must be [rows] or [rows, columns]")
    if tensor.shape[0] > MAX_ROWS:
        raise TooLarge(
            f"{tensor.shape[0]:,} rows in one call; {MAX_ROWS:,} is the most. Send several calls, "
            "or a file to POST /api/v1/models/{ref}/predict/batch.",
            code="too_many_rows",
        )
    return math.prod(tensor.shape)


def _checked_size(tensor: Tensor, size: Any, left: int) -> int:
    if tensor.data is not msgspec.UNSET:
        raise Invalid(f"input {tensor.name!r} has both data and binary_data_size")
    if type(size) is not int or not 0 <= size <= left:
        raise Invalid(
            f"input {tensor.name!r}: binary_data_size is {size!r}, and {left} bytes are there"
        )
    return size


def _raw_request(signature: Signature, body: bytes) -> InferRequest:
    """The body is the single input: its shape follows from the bytes."""
    if signature["layout"] == "columns" and len(signature["inputs"]) > 1:
        raise Invalid("a body without JSON is for models of one input; this one has several")
    put = signature["inputs"][0]
    datatype, width = put["datatype"], max(1, len(put["features"]))
    if datatype == "BYTES":
        shape, count = [1], 1
    else:
        size = FIXED[datatype].itemsize * width
        if not body or len(body) % size:
            raise Invalid(f"input {put['name']!r}: a row takes {size} bytes")
        shape = [len(body) // size, width]
        count = math.prod(shape)
    tensor = Tensor(put["name"], shape, datatype)
    _count(tensor)
    flat = from_binary(put["name"], datatype, count, memoryview(body))
    batch = _batch(signature, {put["name"]: flat.reshape(shape)})
    outputs = [(output["name"], True) for output in signature["outputs"]]
    return InferRequest(batch, batch.rows, "", outputs)


def _wanted(signature: Signature, asked: Body) -> list[tuple[str, bool]]:
    """The outputs asked for, all of them where none is named, and which come in binary form."""
    all_binary = (asked.parameters or {}).get("binary_data_output") is True
    names = [output["name"] for output in signature["outputs"]]
    if asked.outputs is None:
        return [(name, all_binary) for name in names]
    wanted: list[tuple[str, bool]] = []
    for output in asked.outputs:
        if output.name not in names:
            raise Invalid(f"unexpected inference output {output.name!r}; there are {names}")
        binary = (output.parameters or {}).get("binary_data", all_binary)
        wanted.append((output.name, binary is True))
    return wanted


def _batch(signature: Signature, arrays: dict[str, Array]) -> Batch:
    features = [Feature.of(f, signature) for part in signature["inputs"] for f in part["features"]]
    if not arrays:
        raise Invalid("a request needs an input")
    layout = signature["layout"]
    if layout == "matrix" and len(arrays) == 1:
        ((name, array),) = arrays.items()
        if array.ndim == 2 and (array.shape[1] > 1 or len(features) == 1):
            return Batch("matrix", matrix=_matrix(name, array, features))
    if layout == "text" and len(arrays) == 1:
        ((name, array),) = arrays.items()
        return Batch("text", texts=_texts(name, array, features[0]))
    columns = _columns(arrays, features)
    if layout == "matrix":
        return Batch("matrix", matrix=np.column_stack(list(columns.values())).astype(np.float64))
    return Batch(layout, columns=columns)


def _matrix(name: str, array: Array, features: list[Feature]) -> Array:
    if array.shape[1] != len(features):
        raise Invalid(
            f"input {name!r}: the shape is {list(array.shape)}, the model takes "
            f"[rows, {len(features)}]"
        )
    if array.dtype.kind in "Ob":
        raise Invalid(f"input {name!r}: the model takes numbers")
    matrix = np.ascontiguousarray(array, dtype=np.float64)
    if not (np.abs(matrix) <= LARGEST).all() or any(f.dtype != "float" for f in features):
        for i, feature in enumerate(features):
            _number_column(name, matrix[:, i], feature)
    return matrix


def _columns(arrays: dict[str, Array], features: list[Feature]) -> dict[str, Array]:
    """One tensor per feature, each [rows] or [rows, 1]."""
    known = {feature.name for feature in features}
    unknown = arrays.keys() - known
    if unknown:
        raise Invalid(
            f"unexpected inference input {min(unknown)!r}; the model takes {sorted(known)[:20]}"
        )
    columns: dict[str, Array] = {}
    for feature in features:
        array = arrays.get(feature.name)
        if array is None:
            raise Invalid(f"input {feature.name!r} is missing")
        if array.ndim == 2 and array.shape[1] != 1:
            raise Invalid(f"input {feature.name!r}: the shape must be [rows] or [rows, 1]")
        columns[feature.name] = _column(array.reshape(-1), feature)
    if len({len(column) for column in columns.values()}) > 1:
        raise Invalid("the inputs have different numbers of rows")
    return columns


def _column(array: Array, feature: Feature) -> Array:
    name, kind = feature.name, array.dtype.kind
    if feature.dtype == "str":
        if kind != "O":
            raise Invalid(f"input {name!r}: the model takes texts, which are BYTES")
        _check_cells(name, array, feature)
        return array
    if feature.dtype == "bool":
        if kind != "b":
            raise Invalid(f"input {name!r}: the model takes BOOL")
        return array
    if kind == "O" or (kind == "b" and feature.dtype != "float or bool"):
        raise Invalid(f"input {name!r}: the model takes numbers")
    column = _number_column(name, array.astype(np.float64), feature)
    _check_cells(name, column, feature)
    if feature.dtype == "int" and not np.isnan(column).any():
        return column.astype(np.int64)
    return column


def _number_column(name: str, column: Array, feature: Feature) -> Array:
    missing = np.isnan(column)
    if missing.any() and not feature.nullable:
        raise _fault(name, feature, missing, "is missing, and the model takes no missing values")
    large = np.abs(column) > LARGEST
    if large.any():
        raise _fault(name, feature, large, "is too large a number")
    if feature.dtype == "int":
        broken = ~missing & (column != np.floor(column))
        if broken.any():
            raise _fault(name, feature, broken, "must be a whole number")
    return column


def _texts(name: str, array: Array, feature: Feature) -> list[str]:
    if array.dtype.kind != "O" or (array.ndim == 2 and array.shape[1] != 1):
        raise Invalid(f"input {name!r}: the model takes texts: BYTES of shape [rows]")
    column = array.reshape(-1)
    _check_cells(name, column, feature)
    return [str(text) for text in column.tolist()]


def _check_cells(name: str, column: Array, feature: Feature) -> None:
    """Missing texts and categories nobody knows."""
    for row, cell in enumerate(column.tolist()):
        if cell is None:
            if not feature.nullable:
                raise Invalid(f"input {name!r}: row {row}, {feature.name}: is missing")
        elif feature.categories is not None and cell not in feature.categories and cell == cell:
            raise Invalid(
                f"input {name!r}: row {row}, {feature.name}: {cell!r} is none of the categories "
                "the model knows"
            )


def _fault(name: str, feature: Feature, wrong: Array, what: str) -> Invalid:
    row = int(np.flatnonzero(wrong)[0])
    return Invalid(f"input {name!r}: row {row}, {feature.name}: {what}")
