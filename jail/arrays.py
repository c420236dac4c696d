"""NumPy's dtypes and arrays from what a file says of them, every number checked before it counts.

NumPy believes its own `__setstate__`: a crafted dtype may put a field outside its item or an
object where bytes are, and an array may free the buffer another object still points into. So
descriptions are rebuilt from scratch, sizes are compared before anything is allocated, and bytes go
straight into the array that keeps them (a large model is never held twice).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from jail.globals import ArrayHeader
from jail.refusal import Refused
from jail.source import Source

Array = np.ndarray[Any, np.dtype[Any]]

MAX_DIMENSIONS = 32
MAX_FIELDS = 256
MAX_ITEM = 1 << 24
READ = 16 << 20
"""Bytes per read into an array: large enough to be quick, small enough to fail early."""

_PLAIN = re.compile(
    r"[<>|=]?(?:b1|\?|[iufc](?:1|2|4|8|16)|[SUV]\d{1,8}|O8?|O4|[mM]8)\Z|[mM]8\[\w+\]\Z"
)
_UNITS = re.compile(r"(?:Y|M|W|D|h|m|s|ms|us|ns|ps|fs|as|generic)\Z")
_ALIGNED = 0x80
"""NPY_ALIGNED_STRUCT in a dtype's flags."""


def damaged(what: str) -> Refused:
    """The refusal of something that no library would have written."""
    return Refused(f"The file is damaged or crafted: {what}.", "damaged")


def new_dtype(args: tuple[Any, ...]) -> np.dtype[Any]:
    """The first half of a pickled dtype: `dtype(typestr, align, copy)`, always a private copy."""
    if not args or type(args[0]) is not str or not _PLAIN.match(args[0]):
        raise damaged(f"a dtype {_shown(args[:1])}")
    dtype = np.dtype(args[0], copy=True)
    if dtype.itemsize > MAX_ITEM:
        raise damaged(f"an item of {dtype.itemsize:,} bytes")
    return dtype


def fill_dtype(dtype: np.dtype[Any], state: Any) -> None:
    """The second half: byte order, fields, unit. The state NumPy gets is one it made itself."""
    if type(state) is not tuple or not 8 <= len(state) <= 9:
        raise damaged("a dtype's description")
    order, subarray, names, fields, itemsize, _alignment, flags = state[1:8]
    if subarray is not None or order not in {"<", ">", "|", "="} or type(flags) is not int:
        raise damaged("a dtype's description")
    if names is not None or fields is not None:
        made = _structured(names, fields, itemsize, aligned=bool(flags & _ALIGNED))
    elif dtype.kind in "mM":
        made = np.dtype(f"{dtype.str}{_unit(state)}").newbyteorder(order)
    else:
        made = dtype.newbyteorder(order)
    if made.itemsize != dtype.itemsize or (names is None and itemsize not in (-1, made.itemsize)):
        raise damaged("a dtype whose size is not that of its fields")
    dtype.__setstate__(made.__reduce__()[2])  # type: ignore[attr-defined]


def _unit(state: tuple[Any, ...]) -> str:
    try:
        unit, number = state[8][1][0], state[8][1][1]
        text = unit.decode("ascii")
    except (IndexError, TypeError, AttributeError, UnicodeDecodeError):
        raise damaged("a date's unit") from None
    if type(number) is not int or not 0 < number < 1 << 31 or not _UNITS.match(text):
        raise damaged("a date's unit")
    return "" if text == "generic" else f"[{number}{text}]"


def _structured(names: Any, fields: Any, itemsize: Any, *, aligned: bool) -> np.dtype[Any]:
    if type(names) is not tuple or type(fields) is not dict or len(names) > MAX_FIELDS:
        raise damaged("a structured dtype")
    formats, offsets = [], []
    for name in names:
        field = fields.get(name) if type(name) is str else None
        if type(field) is not tuple or len(field) != 2:
            raise damaged("a structured dtype")
        dtype, offset = field
        if type(offset) is not int or not isinstance(dtype, np.dtype) or dtype.hasobject:
            raise damaged("a field of a structured dtype")
        formats.append(dtype)
        offsets.append(offset)
    ends = [offset + dtype.itemsize for offset, dtype in zip(offsets, formats, strict=True)]
    if type(itemsize) is not int or min(offsets, default=0) < 0 or max(ends, default=0) > itemsize:
        raise damaged("a field outside its structured dtype")
    described = {"names": list(names), "formats": formats, "offsets": offsets, "itemsize": itemsize}
    try:
        return np.dtype(described, align=aligned)  # type: ignore[call-overload,no-any-return]
    except (ValueError, TypeError):
        raise damaged("a structured dtype") from None


def checked_shape(shape: Any) -> tuple[int, ...]:
    """A shape of whole numbers, none negative, in no more dimensions than NumPy knows."""
    if type(shape) is int:
        shape = (shape,)
    if type(shape) not in {tuple, list} or len(shape) > MAX_DIMENSIONS:
        raise damaged(f"an array's shape {_shown(shape)}")
    whole = tuple(_whole(each) for each in shape)
    if any(each < 0 or each > 1 << 48 for each in whole):
        raise damaged(f"an array of shape {_shown(whole)}")
    return whole


def _whole(value: Any) -> int:
    if type(value) is int or isinstance(value, np.integer):
        return int(value)
    raise damaged("an array's shape that is not made of whole numbers")


def checked_dtype(dtype: Any) -> np.dtype[Any]:
    """A dtype whose items are either plain bytes or objects, never both."""
    if not isinstance(dtype, np.dtype) or (dtype.hasobject and dtype.kind != "O"):
        raise damaged("an array whose dtype mixes bytes and objects")
    return dtype


def array_state(state: Any) -> tuple[int, tuple[int, ...], np.dtype[Any], bool, Any]:
    """The state of a pickled ndarray, its buffer's length equal to what shape and dtype need."""
    if type(state) is not tuple or len(state) not in {4, 5}:
        raise damaged("an array's state")
    shape, dtype, fortran, raw = state[-4:]
    shape, dtype = checked_shape(shape), checked_dtype(dtype)
    count = math.prod(shape)
    if dtype.hasobject:
        if type(raw) is not list or len(raw) != count:
            raise damaged("an array of objects with too few or too many of them")
    elif type(raw) is not bytes or len(raw) != count * dtype.itemsize:
        raise damaged("an array whose bytes do not fit its shape")
    return 1, shape, dtype, bool(fortran), raw


def from_buffer(args: tuple[Any, ...]) -> Array:
    """Protocol 5's `_frombuffer(bytes, dtype, shape, order[, axis order])`."""
    if len(args) not in {4, 5} or type(args[0]) not in {bytes, bytearray}:
        raise damaged("an array's buffer")
    raw, dtype, shape, order = args[:4]
    dtype, shape = checked_dtype(dtype), checked_shape(shape)
    if dtype.hasobject or order not in ("C", "F", "K"):
        raise damaged("an array's buffer")
    if math.prod(shape) * dtype.itemsize != len(raw):
        raise damaged("an array whose bytes do not fit its shape")
    if order == "K":
        return _any_order(raw, dtype, shape, args[4] if len(args) == 5 else None)
    return np.ndarray(shape, dtype, buffer=raw, order=order)


def _any_order(raw: bytes, dtype: np.dtype[Any], shape: tuple[int, ...], axes: Any) -> Array:
    if type(axes) is not tuple or sorted(map(_whole, axes)) != list(range(len(shape))):
        raise damaged("an array's order of axes")
    stored = tuple(shape[axis] for axis in axes)
    back = [axes.index(axis) for axis in range(len(axes))]
    return np.ndarray(stored, dtype, buffer=raw).transpose(back)


def scalar(args: tuple[Any, ...]) -> Any:
    """`numpy.core.multiarray.scalar(dtype, bytes)`."""
    if len(args) != 2 or not isinstance(args[0], np.dtype):
        raise damaged("a NumPy scalar")
    dtype, raw = args
    if isinstance(raw, str):
        raw = raw.encode("latin-1", "strict")
    if dtype.hasobject or dtype.names or type(raw) is not bytes or len(raw) != dtype.itemsize:
        raise damaged("a NumPy scalar")
    return np.ndarray((1,), dtype, buffer=raw)[0] if raw else dtype.type()


def read_segment(source: Source, header: ArrayHeader, nested: Callable[[], Any]) -> Array:
    """The array behind a joblib wrapper. `nested` loads the pickle an array of objects is.

    The wrapper's own class is never used; joblib's layout (numpy_pickle.py): a byte with the length
    of the padding, the padding, then the items; files before joblib 1.2 have no padding.
    """
    state = header.state
    if state is None or state.get("subclass") is not np.ndarray:
        raise damaged("an array of a type other than ndarray")
    dtype, shape = checked_dtype(state.get("dtype")), checked_shape(state.get("shape"))
    if dtype.hasobject:
        return _objects(nested(), shape)
    order = state.get("order")
    if order not in {"C", "F"}:
        raise damaged("an array's order")
    if state.get("numpy_array_alignment_bytes") is not None:
        source.read(source.read(1)[0])
    source.check(math.prod(shape) * dtype.itemsize)
    array = read_items(source, dtype, shape, "F" if order == "F" else "C")
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def skip_segment(source: Source, header: ArrayHeader, nested: Callable[[], Any]) -> None:
    """Pass over what `read_segment` would read; `nested` passes over a pickle."""
    state = header.state or {}
    dtype, shape = checked_dtype(state.get("dtype")), checked_shape(state.get("shape"))
    if dtype.hasobject:
        nested()
        return
    if state.get("numpy_array_alignment_bytes") is not None:
        source.read(source.read(1)[0])
    source.skip(math.prod(shape) * dtype.itemsize)


def read_items(source: Source, dtype: np.dtype[Any], shape: tuple[int, ...], order: str) -> Array:
    """Read an array's items straight into it."""
    stored: Sequence[int] = shape[::-1] if order == "F" else shape
    array = np.empty(tuple(stored), dtype)
    if array.nbytes:
        view = memoryview(array.reshape(-1).view(np.uint8))  # type: ignore[arg-type]
        for start in range(0, len(view), READ):
            source.readinto(view[start : start + READ])
    return array.transpose() if order == "F" else array


def _objects(array: Any, shape: tuple[int, ...]) -> Array:
    if type(array) is not np.ndarray or array.dtype.kind != "O" or array.shape != shape:
        raise damaged("an array of objects that is something else")
    return array


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 80 else text[:79] + "…"
