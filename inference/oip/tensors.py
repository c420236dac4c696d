"""Datatypes of the protocol, and the bytes and JSON their elements come in."""

from __future__ import annotations

import struct
from typing import Any

import msgspec
import numpy as np

from common.errors import Invalid
from common.strict_json import clean_text

Array = np.ndarray[Any, Any]

# Little-endian, as the binary extension has it. BF16 has no type in numpy and is widened by hand.
FIXED: dict[str, np.dtype[Any]] = {
    "BOOL": np.dtype(np.uint8),
    "UINT8": np.dtype("<u1"),
    "UINT16": np.dtype("<u2"),
    "UINT32": np.dtype("<u4"),
    "UINT64": np.dtype("<u8"),
    "INT8": np.dtype("<i1"),
    "INT16": np.dtype("<i2"),
    "INT32": np.dtype("<i4"),
    "INT64": np.dtype("<i8"),
    "FP16": np.dtype("<f2"),
    "FP32": np.dtype("<f4"),
    "FP64": np.dtype("<f8"),
    "BF16": np.dtype("<u2"),
}
DATATYPES = frozenset(FIXED) | {"BYTES"}
_FLOATS = frozenset({"FP16", "FP32", "FP64", "BF16"})
_LENGTH = struct.Struct("<I")
_NUMBERS = msgspec.json.Decoder(list[float])
_ROWS = msgspec.json.Decoder(list[list[float]])
_ANYTHING = msgspec.json.Decoder()


def from_binary(name: str, datatype: str, count: int, data: memoryview) -> Array:
    """`count` elements of a datatype from exactly their bytes, in one dimension.

    Numbers come as their own type (BF16 as float32), BOOL as bool, BYTES as objects of str.
    """
    if datatype == "BYTES":
        return _texts_from_binary(name, count, data)
    dtype = FIXED[datatype]
    if len(data) != count * dtype.itemsize:
        raise Invalid(
            f"input {name!r}: {count} elements of {datatype} take {count * dtype.itemsize} bytes, "
            f"and {len(data)} were sent"
        )
    array = np.frombuffer(data, dtype=dtype)
    if datatype == "BOOL":
        if array.size and array.max() > 1:
            raise Invalid(f"input {name!r}: a BOOL is 0 or 1")
        return array.astype(np.bool_)
    if datatype == "BF16":
        return (array.astype(np.uint32) << 16).view(np.float32)
    return array


def _texts_from_binary(name: str, count: int, data: memoryview) -> Array:
    """Each element is its length in four bytes, and so many bytes of UTF-8."""
    texts: list[str] = []
    at, size = 0, len(data)
    while at < size:
        if at + 4 > size or len(texts) >= count:
            raise Invalid(f"input {name!r}: the bytes do not hold {count} elements of BYTES")
        end = at + 4 + _LENGTH.unpack_from(data, at)[0]
        if end > size:
            raise Invalid(f"input {name!r}: element {len(texts)} is longer than what was sent")
        texts.append(_text(name, len(texts), bytes(data[at + 4 : end])))
        at = end
    if len(texts) != count:
        raise Invalid(f"input {name!r}: {len(texts)} elements were sent, and {count} announced")
    return _objects(texts)


def _text(name: str, place: int, data: bytes) -> str:
    try:
        return clean_text(data.decode())
    except UnicodeDecodeError:
        raise Invalid(f"input {name!r}: element {place} is not UTF-8") from None


def from_json(name: str, datatype: str, count: int, data: msgspec.Raw) -> Array:
    """`count` elements from JSON, flat or nested row by row, in one dimension; null becomes NaN."""
    if datatype == "BYTES":
        return _texts_from_json(name, count, data)
    array = _plain_numbers(data) if datatype in _FLOATS else None
    if array is None:
        array = _checked_numbers(name, datatype, _flat(name, data))
    if array.size != count:
        raise Invalid(
            f"input {name!r}: the shape wants {count} elements, and data has {array.size}"
        )
    return array


def _plain_numbers(data: msgspec.Raw) -> Array | None:
    """Numbers and nothing else, in one list or in rows of one length: what most clients send."""
    try:
        return np.array(_NUMBERS.decode(data), dtype=np.float64)
    except msgspec.DecodeError:
        pass
    try:
        return np.array(_ROWS.decode(data), dtype=np.float64).reshape(-1)
    except (msgspec.DecodeError, ValueError):
        return None


def _flat(name: str, data: msgspec.Raw) -> list[Any]:
    try:
        values = _ANYTHING.decode(data)
    except (msgspec.DecodeError, RecursionError):
        raise Invalid(f"input {name!r}: data is no list of elements") from None
    if not isinstance(values, list):
        raise Invalid(f"input {name!r}: data must be a list")
    while values and all(isinstance(value, list) for value in values):
        values = [element for value in values for element in value]
    return values


def _checked_numbers(name: str, datatype: str, values: list[Any]) -> Array:
    if datatype == "BOOL":
        if not all(value is True or value is False or value in (0, 1) for value in values):
            raise Invalid(f"input {name!r}: a BOOL is true or false")
        return np.array(values, dtype=np.bool_)
    for place, value in enumerate(values):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise Invalid(f"input {name!r}: element {place} is no number")
    try:
        array = np.array(values, dtype=np.float64)
    except OverflowError:
        raise Invalid(f"input {name!r}: a number is too large for {datatype}") from None
    if datatype not in _FLOATS:
        _check_whole(name, datatype, array)
    return array


def _check_whole(name: str, datatype: str, array: Array) -> None:
    present = array[~np.isnan(array)]
    if not (present == np.floor(present)).all():
        raise Invalid(f"input {name!r}: {datatype} takes whole numbers")
    limits = np.iinfo(FIXED[datatype])
    if present.size and (present.min() < limits.min or present.max() > limits.max):
        raise Invalid(f"input {name!r}: a number does not fit {datatype}")


def _texts_from_json(name: str, count: int, data: msgspec.Raw) -> Array:
    values = _flat(name, data)
    for place, value in enumerate(values):
        if value is not None and not isinstance(value, str):
            raise Invalid(f"input {name!r}: element {place} is no text")
    if len(values) != count:
        raise Invalid(
            f"input {name!r}: the shape wants {count} elements, and data has {len(values)}"
        )
    return _objects([value if value is None else clean_text(value) for value in values])


def _objects(texts: list[Any]) -> Array:
    array = np.empty(len(texts), dtype=object)
    array[:] = texts
    return array


def to_binary(array: Array, datatype: str) -> bytes:
    """The elements' bytes, row by row."""
    if datatype == "BYTES":
        texts = [str(value).encode() for value in array.reshape(-1).tolist()]
        return b"".join(_LENGTH.pack(len(text)) + text for text in texts)
    return np.ascontiguousarray(array, dtype=FIXED[datatype]).tobytes()
