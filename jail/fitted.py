"""A loaded model walked once: nothing in it that does not belong, and its parts fit.

Reads `__dict__` and items only; no method or property of the model runs before all of it passed.
"""

from __future__ import annotations

import collections
import functools
from typing import Any

import numpy as np

from jail import validators
from jail.assembly import name_of
from jail.globals import MAKERS, ArrayHeader, allow_list
from jail.refusal import Refused
from jail.structure import check_sparse, is_count

MAX_NESTING = 60
"""Estimators inside of estimators; scikit-learn itself recurses through them."""

SCALARS = frozenset(
    (type(None), bool, int, float, complex, str, bytes, bytearray, slice, range, type(Ellipsis))
)
_DICTS = (dict, collections.OrderedDict, collections.defaultdict, collections.Counter)
_LISTS = (list, tuple, set, frozenset)


def check(model: Any) -> None:
    """Walk the model, run every validator and force `n_jobs` to 1.

    Raises Refused, naming the attribute, for anything unexpected.
    """
    seen: set[int] = set()
    todo: list[tuple[Any, str, int]] = [(model, type(model).__name__, 0)]
    while todo:
        value, path, depth = todo.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if depth > MAX_NESTING:
            raise Refused(f"The model is nested too deeply, at {path[:200]}.", "too_deep")
        for child, name, deeper in _children(value, path):
            if type(child) not in SCALARS:
                todo.append((child, name, depth + deeper))


def _children(value: Any, path: str) -> list[tuple[Any, str, int]]:
    """What is inside of a value that is allowed to be where it is, with its name and depth."""
    kind = type(value)
    if kind in SCALARS or isinstance(value, np.generic | np.dtype):
        return []
    if isinstance(value, np.ndarray):
        return _items(value, path)
    if kind in _LISTS:
        return [(item, f"{path}[{at}]", 0) for at, item in enumerate(value) if _is_rich(item)]
    if kind in _DICTS or (isinstance(value, dict) and kind in allow_list().classes):
        return _entries(value, path)
    if kind in allow_list().classes and kind is not ArrayHeader:
        return _attributes(value, path)
    if _is_known(value):
        return []
    raise Refused(f"{path[:200]} is {name_of(value)}, which no model holds there.", "unexpected")


def _is_rich(value: Any) -> bool:
    return type(value) not in SCALARS


def _items(array: Any, path: str) -> list[tuple[Any, str, int]]:
    if type(array) not in {np.ndarray, np.ma.MaskedArray}:
        raise Refused(f"{path[:200]} is {name_of(array)}.", "unexpected")
    if array.dtype.kind != "O":
        return []
    flat = np.asarray(array).reshape(-1)
    return [(item, f"{path}[{at}]", 0) for at, item in enumerate(flat) if _is_rich(item)]


def _entries(held: dict[Any, Any], path: str) -> list[tuple[Any, str, int]]:
    found = [(held[key], f"{path}[{key!r}]"[:300], 0) for key in held if _is_rich(held[key])]
    if isinstance(held, collections.defaultdict) and held.default_factory is not None:
        found.append((held.default_factory, f"{path}.default_factory", 0))
    return found


def _attributes(value: Any, path: str) -> list[tuple[Any, str, int]]:
    kind = type(value)
    if kind.__module__.startswith("scipy.sparse"):
        check_sparse(value)
        return []
    state = value.__dict__ if hasattr(value, "__dict__") else {}
    force_one_thread(state)
    validators.check(value, path)
    deeper = 1 if validators.is_estimator(value) else 0
    return [(each, f"{path}.{name}", deeper) for name, each in state.items() if _is_rich(each)]


def force_one_thread(state: dict[str, Any]) -> None:
    """In the jail no thread can be started, whatever the model was trained with."""
    for name in ("n_jobs", "_n_threads"):
        if name in state:
            if not (state[name] is None or is_count(state[name], -1024, 1 << 20)):
                raise Refused(f"{name} is {name_of(state[name])}.", "unexpected")
            state[name] = 1


@functools.cache
def _compiled() -> frozenset[Any]:
    """Types made by checked stand-ins, complete in themselves."""
    found = {cls for (module, name), cls in allow_list().objects.items() if name in _made(module)}
    from scipy.interpolate import interp1d

    # IsotonicRegression makes its interpolation anew from checked arrays; no file can name it.
    return frozenset(cls for cls in found if isinstance(cls, type)) - {object, type} | {interp1d}


def _made(module: str) -> list[str]:
    return MAKERS.get(module, "").split()


def _is_known(value: Any) -> bool:
    """A compiled object, or a function or plain type that models refer to."""
    if type(value) in _compiled():
        return True
    listed = allow_list()
    if isinstance(value, type):
        return value in listed.types or value in {list, dict, set, tuple, object, bytes, np.ndarray}
    if callable(value) and type(value).__hash__ is not None:
        return any(value is each for each in listed.functions)
    return False
