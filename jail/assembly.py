"""Making and filling the objects of a model: the three things a pickle can ask for.

make   call a function (REDUCE): only those in `MAKERS`, each a stand-in that checks its arguments
new    an empty instance (NEWOBJ): only classes on the allow-list
fill   give an instance its state (BUILD): only one made here, only once, never a class

An object is open from being made to being filled. Nothing may be filled twice: NumPy would free a
buffer that another object still points into.
"""

from __future__ import annotations

import collections
import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from jail import arrays, native_state, validators
from jail.arrays import damaged
from jail.globals import ArrayHeader, allow_list
from jail.refusal import Refused

MAX_ENCODED = 1 << 34


def name_of(value: Any) -> str:
    """How to call a thing in a refusal, without running any of its code."""
    if isinstance(value, type) or callable(value):
        module = getattr(value, "__module__", None) or "builtins"
        return f"{module}.{getattr(value, '__qualname__', type(value).__name__)}"
    return f"an object of type {type(value).__module__}.{type(value).__qualname__}"


class Assembly:
    """The objects of one file under construction; `version` is scikit-learn's, as the file says."""

    def __init__(self) -> None:
        self._open: dict[int, Any] = {}
        self.version: str | None = None

    def _opened(self, value: Any) -> Any:
        self._open[id(value)] = value
        return value

    def is_open(self, value: Any) -> bool:
        """Whether the object still waits for its state."""
        return id(value) in self._open

    def make(self, function: Any, args: Any) -> Any:
        """Call an allowed function. Raises Refused, naming it, for any other."""
        maker = _makers().get(id(function))
        if maker is None:
            raise Refused(
                f"The file calls {name_of(function)}, which loading a model never needs.",
                "unsafe_call",
            )
        if type(args) is not tuple:
            raise damaged(f"a call of {name_of(function)} without a list of arguments")
        self._require_finished(args)
        made = maker(self, function, args)
        return self._opened(made) if _takes_state(made) else made

    def new(self, cls: Any, args: Any) -> Any:
        """An empty instance of an allowed class."""
        if isinstance(cls, type) and cls in allow_list().classes and args == ():
            return self._opened(_empty(cls))
        raise Refused(
            f"The file makes an instance of {name_of(cls)} in a way no model needs.", "unsafe_call"
        )

    def blank(self, cls: Any) -> Any:
        """An empty instance of an allowed class, compiled ones included (skops' ObjectNode)."""
        if isinstance(cls, type) and cls in native_state.fillers() and cls in native_state.blanks():
            return self._opened(_empty(cls))
        return self.new(cls, ())

    def fill(self, instance: Any, state: Any) -> None:
        """Give an instance made here its state, once."""
        if self._open.get(id(instance)) is not instance:
            raise Refused(
                f"The file sets the state of {name_of(instance)}, which it did not just make.",
                "unsafe_state",
            )
        self._note_version(state)
        filler = _fillers().get(type(instance))
        if filler is None and isinstance(instance, np.dtype):
            filler = arrays.fill_dtype
        if filler is not None:
            self._require_finished(state)
        (filler or fill_instance)(instance, state)
        del self._open[id(instance)]

    def _note_version(self, state: Any) -> None:
        """The last estimator to get its state is the outermost one; its own loading drops this."""
        said = state.get("_sklearn_version") if type(state) is dict else None
        if type(said) is str:
            self.version = said

    def _require_finished(self, state: Any) -> None:
        """No array or dtype whose own state is still to come: it would change under its user."""
        values = state.values() if type(state) is dict else state
        for value in values if type(state) in {dict, tuple, list} else (state,):
            if isinstance(value, np.ndarray | np.dtype) and self.is_open(value):
                raise damaged(f"{name_of(value)} used before it is complete")

    def finish(self) -> None:
        """Raises Refused when an object of compiled code never got its state."""
        for value in self._open.values():
            fill = native_state.fillers().get(type(value), native_state.fill_nothing)
            if fill is not native_state.fill_nothing:
                raise damaged(f"{name_of(value)} without a state")


def _empty(cls: Any) -> Any:
    return cls.__new__(cls)


def fill_instance(instance: Any, state: Any) -> None:
    """Set the attributes of an instance of an allowed class from a plain dict.

    Raises Refused when a name is not plain, or hides a method or property of its class.
    """
    cls = type(instance)
    if cls not in allow_list().classes:
        raise Refused(f"The file sets the state of {name_of(instance)}.", "unsafe_state")
    if type(state) is tuple and len(state) == 2 and state[1] is None:
        state = state[0]
    if cls is ArrayHeader:
        instance.state = _plain_dict(cls, state)
        return
    if state is None:
        return
    attributes = _plain_dict(cls, state)
    if "__setstate__" in dir(cls) and not isinstance(instance, dict):
        instance.__setstate__(attributes)
    elif not isinstance(instance, dict):
        instance.__dict__.update(attributes)


def _plain_dict(cls: type, state: Any) -> dict[str, Any]:
    if type(state) is not dict:
        raise damaged(f"the state of {name_of(cls)}")
    for name in state:
        if type(name) is not str or name.startswith("__"):
            raise Refused(
                f"The file sets {str(name)[:80]!r} on {name_of(cls)}, which is no attribute of a "
                "model.",
                "unsafe_state",
            )
        native_state.refuse_hiding(cls, name)
    return state


def _takes_state(value: Any) -> bool:
    """Whether what a call made still waits for its state: blank arrays, dtypes, compiled classes.

    An array over a buffer is complete as it is made.
    """
    if type(value) is np.ndarray:
        return value.base is None
    return isinstance(value, np.dtype) or type(value) in _fillers()


Maker = Callable[[Assembly, Any, tuple[Any, ...]], Any]


def _no_arguments(_assembly: Assembly, cls: Any, args: tuple[Any, ...]) -> Any:
    if args:
        raise damaged(f"arguments for {name_of(cls)}")
    return cls()


def _numbers(_assembly: Assembly, cls: Any, args: tuple[Any, ...]) -> Any:
    if len(args) > 2 or not all(isinstance(arg, int | float) for arg in args):
        raise damaged(f"arguments for {name_of(cls)}")
    return cls(*args)


def _collection(_assembly: Assembly, cls: Any, args: tuple[Any, ...]) -> Any:
    plain = all(type(arg) in {list, tuple, set, dict, bytes} for arg in args)
    if len(args) > 1 or not plain:
        raise damaged(f"arguments for {name_of(cls)}")
    for arg in args:
        if type(arg) is dict or cls in {set, frozenset}:
            for key in arg:
                check_key(key)
        if type(arg) is not dict and not _fits(cls, arg):
            raise damaged(f"arguments for {name_of(cls)}")
    return cls(*args)


def _fits(cls: Any, arg: Any) -> bool:
    if cls in {dict, collections.OrderedDict, collections.Counter}:
        return not arg
    return cls not in {bytes, bytearray} or _bytes_like(arg)


def _bytes_like(arg: Any) -> bool:
    return type(arg) is bytes or (
        type(arg) in {list, tuple} and all(type(n) is int and 0 <= n < 256 for n in arg)
    )


def _bytearray(_assembly: Assembly, _cls: Any, args: tuple[Any, ...]) -> Any:
    # Protocols 0-2: bytearray(text, "latin-1").
    if len(args) == 2 and type(args[0]) is str and args[1] == "latin-1":
        return bytearray(args[0], "latin-1")
    return _collection(_assembly, bytearray, args)


def _encode(_assembly: Assembly, _function: Any, args: tuple[Any, ...]) -> Any:
    # Protocols 0-2 spell bytes as text in Latin-1.
    if len(args) != 2 or type(args[0]) is not str or args[1] not in ("latin1", "latin-1"):
        raise damaged("bytes spelt as text")
    return args[0].encode("latin-1")


def _slice(_assembly: Assembly, cls: Any, args: tuple[Any, ...]) -> Any:
    plain = all(arg is None or type(arg) in {int, str} for arg in args)
    if not 1 <= len(args) <= 3 or not plain:
        raise damaged(f"a {cls.__name__}")
    return cls(*args)


def _default_dict(_assembly: Assembly, _cls: Any, args: tuple[Any, ...]) -> Any:
    if args not in ((), (int,), (float,), (list,), (dict,), (set,), (None,)):
        raise damaged("a defaultdict with a factory of its own")
    return collections.defaultdict(*args)


def _reconstructor(assembly: Assembly, _function: Any, args: tuple[Any, ...]) -> Any:
    # Protocols 0 and 1: copyreg._reconstructor(class, base, base's value).
    if len(args) == 3 and args[1] is object and args[2] is None:
        return assembly.new(args[0], ())
    if len(args) == 3 and args[1] is dict and type(args[2]) is dict:
        made = assembly.new(args[0], ())
        if isinstance(made, dict):
            dict.update(made, args[2])
            return made
    raise damaged("an instance of protocol 0")


def _blank_array(_assembly: Assembly, _function: Any, args: tuple[Any, ...]) -> Any:
    if len(args) != 3 or args[0] is not np.ndarray:
        raise damaged(f"an array of type {name_of(args[0]) if args else 'none'}")
    return np.ndarray((0,), np.int8)


def _fill_array(array: Any, state: Any) -> None:
    array.__setstate__(arrays.array_state(state))


def _blank_masked(_assembly: Assembly, _function: Any, args: tuple[Any, ...]) -> Any:
    if len(args) != 4 or args[0] is not np.ma.MaskedArray or args[1] is not np.ndarray:
        raise damaged("a masked array")
    return np.ma.core._mareconstruct(  # type: ignore[attr-defined]
        np.ma.MaskedArray, np.ndarray, (0,), "b"
    )


def _fill_masked(array: Any, state: Any) -> None:
    if type(state) is not tuple or len(state) != 7:
        raise damaged("a masked array")
    version, shape, dtype, fortran, raw, mask, fill = state
    checked = arrays.array_state((version, shape, dtype, fortran, raw))
    if checked[2].names is not None:
        raise damaged("a masked array of records")
    arrays.array_state((version, shape, np.dtype(bool), fortran, mask))
    if fill is not None and not isinstance(fill, str | int | float | np.generic | np.ndarray):
        raise damaged("a masked array's filling")
    array.__setstate__((*checked, mask, fill))


def _partial(_assembly: Assembly, cls: Any, args: tuple[Any, ...]) -> Any:
    if len(args) != 1 or args[0] is not validators.numbers_check():
        raise Refused(
            f"The file calls functools.partial of {name_of(args[0]) if args else 'nothing'}, which "
            "no model needs.",
            "unsafe_call",
        )
    return cls(args[0])


def _fill_partial(partial: Any, state: Any) -> None:
    if type(state) is not tuple or len(state) != 4 or state[3]:
        raise damaged("a functools.partial")
    validators.check_partial(*state[:3])
    partial.__setstate__((*state[:3], None))


def _dtype(_assembly: Assembly, _function: Any, args: tuple[Any, ...]) -> Any:
    return arrays.new_dtype(args)


def _from_buffer(_assembly: Assembly, _function: Any, args: tuple[Any, ...]) -> Any:
    return arrays.from_buffer(args)


def _scalar(_assembly: Assembly, _function: Any, args: tuple[Any, ...]) -> Any:
    return arrays.scalar(args)


def _stand_ins() -> dict[Any, Maker]:
    import numpy._core as numpy_core

    masked: Any = np.ma.core
    multiarray: Any = numpy_core.multiarray
    numeric: Any = numpy_core.numeric
    plain: dict[Any, Maker] = dict.fromkeys((set, frozenset, list, tuple, dict, bytes), _collection)
    plain |= dict.fromkeys((collections.OrderedDict, collections.Counter), _collection)
    plain |= {slice: _slice, range: _slice, complex: _numbers, object: _no_arguments}
    plain |= {bytearray: _bytearray, collections.defaultdict: _default_dict}
    plain |= {multiarray._reconstruct: _blank_array, np.dtype: _dtype, multiarray.scalar: _scalar}
    plain |= {numeric._frombuffer: _from_buffer, masked._mareconstruct: _blank_masked}
    plain[functools.partial] = _partial
    return plain


@functools.cache
def _makers() -> dict[int, Maker]:
    """The stand-ins by the identity of what they stand for, so that nothing foreign is compared."""
    import _codecs
    import copyreg

    reconstructor: Any = copyreg._reconstructor  # type: ignore[attr-defined]
    table = _stand_ins() | {_codecs.encode: _encode, reconstructor: _reconstructor}
    table |= {
        function: (lambda _assembly, called, args, make=make: make(called, args))
        for function, make in native_state.makers(_numbers_of).items()
    }
    return {id(function): maker for function, maker in table.items()}


def _numbers_of(cls: Any, args: tuple[Any, ...]) -> Any:
    if len(args) > 2 or not all(type(arg) in {int, float} for arg in args):
        raise damaged(f"arguments for {name_of(cls)}")
    return cls(*args)


@functools.cache
def _fillers() -> dict[type, Callable[[Any, Any], None]]:
    """By exact type: how a state is checked and handed over."""
    return {
        **native_state.fillers(),
        np.ndarray: _fill_array,
        np.ma.MaskedArray: _fill_masked,
        functools.partial: _fill_partial,
    }


_SCALARS = (str, int, float, bool, complex, bytes, type(None), np.generic)


def check_key(key: Any) -> None:
    """Refuse a key of a dict or set that is no scalar: hashing nested tuples can take for ever."""
    if isinstance(key, _SCALARS):
        return
    if type(key) is tuple and all(isinstance(each, _SCALARS) for each in key):
        return
    raise Refused(
        f"The file uses {name_of(key)} as the key of a dictionary or set.", "unsafe_state"
    )
