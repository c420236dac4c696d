"""How the objects of compiled code are made and filled: each with arguments checked beforehand.

Compiled classes (trees, neighbour trees, losses, generators) believe what they are given. `makers`
says how each is made empty, `fillers` checks a state and hands it over.
"""

from __future__ import annotations

import functools
import importlib
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from jail.globals import MAKERS
from jail.refusal import Refused
from jail.structure import (
    check_metric,
    check_predictor,
    check_space_tree,
    check_tree,
    is_array,
    is_count,
    require,
)

Make = Callable[[Any, tuple[Any, ...]], Any]
Fill = Callable[[Any, Any], None]

MAX_CLASSES = 1 << 24


def _module(name: str) -> Any:
    return importlib.import_module(name)


def _named(module: str, *, ending: str = "") -> list[Any]:
    home = _module(module)
    return [getattr(home, name) for name in MAKERS[module].split() if name.endswith(ending)]


def makers(numbers: Make) -> dict[Any, Make]:
    """Stand-ins for compiled classes and their unpickling functions; `numbers` makes the losses."""
    losses = "sklearn._loss._loss"
    table: dict[Any, Make] = {cls: numbers for cls in _named(losses) if isinstance(cls, type)}
    table |= dict.fromkeys(_named("sklearn.linear_model._sgd_fast"), numbers)
    multinomial = _module(losses).CyHalfMultinomialLoss
    table[_module(losses).__pyx_unpickle_CyHalfMultinomialLoss] = _blank_of((multinomial,))
    for module in ("_dist_metrics", "_ball_tree", "_kd_tree"):
        home = "sklearn.metrics." if module == "_dist_metrics" else "sklearn.neighbors."
        types = tuple(cls for cls in _named(home + module) if isinstance(cls, type))
        table[_module(home + module).newObj] = _blank_of(types)
    table[_module("sklearn.tree._tree").Tree] = _tree
    return table | _random_makers()


def _blank_of(types: tuple[type, ...]) -> Make:
    def make(function: Any, args: tuple[Any, ...]) -> Any:
        wanted: Any = args[0] if args else None
        require(any(wanted is cls for cls in types), f"{function.__name__} of a foreign type")
        return wanted.__new__(wanted)

    return make


def _tree(cls: Any, args: tuple[Any, ...]) -> Any:
    require(len(args) == 3, "a tree's arguments")
    features, classes, outputs = args
    require(is_count(features, 0, 1 << 31) and is_count(outputs, 1, MAX_CLASSES), "a tree's size")
    fits = is_array(classes, kinds="i", ndim=1) and len(classes) == outputs
    require(fits and classes.dtype == np.intp, "a tree's classes")
    require(np.all((classes >= 1) & (classes <= MAX_CLASSES)), "a tree's classes")
    return cls(int(features), np.ascontiguousarray(classes), int(outputs))


def _fill_tree(tree: Any, state: Any) -> None:
    require(type(state) is dict, "a tree's state")
    nodes, values = state.get("nodes"), state.get("values")
    if type(nodes) is np.ndarray and "missing_go_to_left" not in (nodes.dtype.names or ()):
        raise Refused(
            "The model's trees are laid out as in scikit-learn before 1.3, which the installed "
            "version does not load.",
            "version_mismatch",
        )
    shape = (tree.n_outputs, tree.max_n_classes)
    check_tree(
        nodes,
        values,
        features=tree.n_features,
        node_count=state.get("node_count"),
        max_depth=state.get("max_depth"),
        shape=shape,
    )
    tree.__setstate__({**state, "nodes": np.ascontiguousarray(nodes)})


def _fill_predictor(predictor: Any, state: Any) -> None:
    require(type(state) is dict and type(state.get("nodes")) is np.ndarray, "a boosted tree")
    check_predictor(state["nodes"], state.get("raw_left_cat_bitsets"))
    for name in state:
        refuse_hiding(type(predictor), name)
    predictor.__setstate__(state)


def _fill_space_tree(tree: Any, state: Any) -> None:
    check_space_tree(state, bounds=2 if type(tree).__name__.startswith("KDTree") else 1)
    metric = state[11]
    known = [cls for cls in _named("sklearn.metrics._dist_metrics") if isinstance(cls, type)]
    require(any(type(metric) is cls for cls in known), "a neighbour tree's distance")
    check_metric(type(metric).__name__, metric.__getstate__(), features=state[0].shape[1])
    tree.__setstate__(state)


def _fill_metric(metric: Any, state: Any) -> None:
    check_metric(type(metric).__name__, state)
    metric.__setstate__(state)


def fill_nothing(_instance: Any, state: Any) -> None:
    """The multinomial loss: older versions pass an empty state, newer ones none."""
    require(state in (None, ()), "a loss with a state")


@functools.cache
def blanks() -> frozenset[type]:
    """Compiled classes that are complete without arguments until their state comes."""
    spaces = "sklearn.neighbors._kd_tree", "sklearn.neighbors._ball_tree"
    modules = ("sklearn.metrics._dist_metrics", *spaces)
    return frozenset(cls for module in modules for cls in _named(module) if isinstance(cls, type))


@functools.cache
def fillers() -> dict[type, Fill]:
    """By exact type: the check of a state and its handing over."""
    predictor = _module("sklearn.ensemble._hist_gradient_boosting.predictor").TreePredictor
    table: dict[type, Fill] = {
        _module("sklearn.tree._tree").Tree: _fill_tree,
        predictor: _fill_predictor,
        _module("sklearn._loss._loss").CyHalfMultinomialLoss: fill_nothing,
    }
    for cls in _named("sklearn.metrics._dist_metrics"):
        if isinstance(cls, type):
            table[cls] = _fill_metric
    for module in ("sklearn.neighbors._kd_tree", "sklearn.neighbors._ball_tree"):
        table |= {cls: _fill_space_tree for cls in _named(module) if isinstance(cls, type)}
    return table | _random_fillers()


def _random_makers() -> dict[Any, Make]:
    pickled, seeds = _module("numpy.random._pickle"), _module("numpy.random.bit_generator")
    known = {cls.__name__: cls for cls in _generators()}

    def bit_generator(_function: Any, args: tuple[Any, ...]) -> Any:
        name = args[0] if len(args) == 1 else None
        cls = known.get(name) if type(name) is str else name
        require(any(cls is each for each in known.values()), "a foreign generator")
        return cls(0)  # type: ignore[misc]

    def generator_of(cls: Any) -> Make:
        def make(_function: Any, args: tuple[Any, ...]) -> Any:
            given = args[0] if args and len(args) <= 2 else None
            given = known[given](0) if type(given) is str and given in known else given
            require(any(type(given) is each for each in known.values()), "a foreign generator")
            return cls(given)

        return make

    return {
        pickled.__bit_generator_ctor: bit_generator,
        pickled.__randomstate_ctor: generator_of(np.random.RandomState),
        pickled.__generator_ctor: generator_of(np.random.Generator),
        seeds.__pyx_unpickle_SeedSequence: _blank_of((seeds.SeedSequence,)),
    }


def _generators() -> tuple[Any, ...]:
    return np.random.MT19937, np.random.PCG64, np.random.PCG64DXSM


def _check_generator(state: Any) -> None:
    """MT19937 indexes its key with `pos` unchecked; the others only hold numbers."""
    require(type(state) is dict and type(state.get("state")) is dict, "a generator's state")
    inner = state["state"]
    if "key" in inner or "pos" in inner:
        key = inner.get("key")
        require(is_array(key, kinds="u", ndim=1) and len(key) == 624, "a generator's key")
        require(is_count(inner.get("pos"), 0, 624), "a generator's position")
    else:
        require(all(type(value) is int for value in inner.values()), "a generator's state")
    rest = (value for name, value in state.items() if name != "state")
    require(all(type(value) in {int, float, str} for value in rest), "a generator's state")


def _fill_generator(generator: Any, state: Any) -> None:
    numbers = state[0] if type(state) is tuple and len(state) == 2 else state
    _check_generator(numbers)
    generator.state = numbers  # the seed's history matters to `spawn` alone


def _fill_random_state(generator: Any, state: Any) -> None:
    _check_generator(state)
    generator.set_state(state)


def _fill_seed(seed: Any, state: Any) -> None:
    require(type(state) is tuple and len(state) == 5, "a seed")
    entropy, spawned, pool, size, key = state
    require(is_array(pool, kinds="u", ndim=1) and len(pool) == size, "a seed's pool")
    require(is_count(spawned) and type(key) is tuple and all(map(is_count, key)), "a seed")
    plain = entropy is None or isinstance(entropy, int | np.integer | list | np.ndarray)
    require(plain, "a seed's entropy")
    seed.__setstate_cython__(state)


def _random_fillers() -> dict[type, Fill]:
    table: dict[type, Fill] = dict.fromkeys(_generators(), _fill_generator)
    table[np.random.RandomState] = _fill_random_state
    table[_module("numpy.random.bit_generator").SeedSequence] = _fill_seed
    return table


@functools.cache
def _hides(cls: type, name: str) -> bool:
    # No estimator sets what its class defines, but for a few plain switches (LassoLars.positive).
    return not isinstance(inspect.getattr_static(cls, name, None), bool | None)


def refuse_hiding(cls: type, name: str) -> None:
    """Refuse an attribute that would take the place of a method or property of its class."""
    if _hides(cls, name):
        raise Refused(
            f"The file replaces {cls.__module__}.{cls.__name__}.{name}, a part of the class "
            "itself.",
            "unsafe_state",
        )
