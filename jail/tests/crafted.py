"""Files whose danger is in their numbers: trees, arrays and archives that lie about themselves."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC

from jail.tests.corpus import Calls, Hostile, X, Y, mapping, named, number, packed, program, text


def _state_with(model: Any, change: Callable[[Any], None]) -> bytes:
    """The model saved after `change`; scikit-learn's own objects let themselves be deformed."""
    change(model)
    return pickle.dumps(model)


class Crafted:
    """Pickles as a compiled object with another state than its own."""

    def __init__(self, original: Any, state: Any, arguments: tuple[Any, ...] | None = None) -> None:
        self.parts = original.__reduce__()
        self.state = state
        self.arguments = self.parts[1] if arguments is None else arguments

    def __reduce__(self) -> tuple[Any, ...]:
        return self.parts[0], self.arguments, self.state


def forest_with(change: Callable[[dict[str, Any]], None]) -> bytes:
    """A forest whose first tree's state was changed."""
    model = RandomForestClassifier(3, max_depth=3, random_state=0).fit(X, Y)
    state = model.estimators_[0].tree_.__getstate__()
    state["nodes"], state["values"] = state["nodes"].copy(), state["values"].copy()
    change(state)
    model.estimators_[0].tree_ = Crafted(model.estimators_[0].tree_, state)
    return pickle.dumps(model)


def boosted_with(change: Callable[[Any], None]) -> bytes:
    """A histogram booster whose first tree was changed."""
    rows = np.column_stack([X, np.arange(len(X)) % 5])
    model = HistGradientBoostingClassifier(
        max_iter=3, categorical_features=[4], min_samples_leaf=2, random_state=0
    ).fit(rows, Y)
    change(model)
    return pickle.dumps(model)


def neighbours_with(place: int, change: Callable[[Any], Any]) -> bytes:
    """A neighbour model whose KD-tree's state was changed at `place`."""
    model = KNeighborsClassifier(algorithm="kd_tree", leaf_size=5).fit(X, Y)
    state = list(model._tree.__getstate__())
    state[place] = change(np.array(state[place]) if isinstance(state[place], np.ndarray) else None)
    model._tree = Crafted(model._tree, tuple(state))
    return pickle.dumps(model)


def _not_finite(state: dict[str, Any]) -> None:
    state["values"][0] = np.nan


def _put(name: str, at: int, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(state: dict[str, Any]) -> None:
        state["nodes"][name][at] = value

    return change


def _set(array: Any, at: Any, value: Any) -> Any:
    array[at] = value
    return array


def _attribute(name: str, value: Any) -> Callable[[Any], None]:
    return lambda model: setattr(model, name, value)


def trees() -> Hostile:
    """Native structures that would loop for ever or read another's memory."""
    arguments = (4, np.array([2, 2]), 1)
    tree = RandomForestClassifier(1, random_state=0).fit(X, Y).estimators_[0].tree_

    def predictor(name: str, at: int, value: Any) -> Callable[[Any], None]:
        def change(model: Any) -> None:
            nodes = model._predictors[0][0].nodes
            nodes["is_leaf"][at] = 0
            nodes[name][at] = value

        return change

    def svc() -> Any:
        return SVC().fit(X, Y)

    def knn() -> Any:
        return KNeighborsClassifier().fit(X, Y)

    return {
        "tree_cycle": (forest_with(_put("left_child", 0, 0)), "child is itself"),
        "tree_backwards": (forest_with(_put("right_child", 1, 0)), "child is itself"),
        "tree_outside": (forest_with(_put("left_child", 0, 1 << 40)), "child is itself"),
        "tree_negative": (forest_with(_put("left_child", 0, -7)), "child is itself"),
        "tree_one_child": (forest_with(_put("left_child", 0, -1)), "one child"),
        "tree_two_parents": (forest_with(_put("left_child", 0, 2)), "parent"),
        "tree_feature": (forest_with(_put("feature", 0, 99)), "feature it does not have"),
        "tree_count": (
            forest_with(lambda state: state.update(node_count=10**6)),
            "number of nodes",
        ),
        "tree_depth": (forest_with(lambda state: state.update(max_depth=1)), "deeper than it says"),
        "tree_values": (
            forest_with(lambda state: state.update(values=state["values"][:, :, :1])),
            "values do not fit",
        ),
        "tree_not_finite": (
            forest_with(_not_finite),
            "not finite",
        ),
        "tree_classes": (pickle.dumps(Crafted(tree, None, arguments)), "classes"),
        "tree_without_state": (pickle.dumps(Crafted(tree, None)), "without a state"),
        "tree_of_other_width": (
            _state_with(
                RandomForestClassifier(2, random_state=0).fit(X, Y),
                _attribute("n_features_in_", 2),
            ),
            "another width",
        ),
        "boosted_cycle": (boosted_with(predictor("left", 0, 0)), "child is itself"),
        "boosted_outside": (boosted_with(predictor("right", 0, 4_000_000)), "child is itself"),
        "boosted_feature": (boosted_with(predictor("feature_idx", 0, 77)), "feature"),
        "space_index": (neighbours_with(1, lambda a: _set(a, 0, 10**9)), "out of range"),
        "space_repeated": (neighbours_with(1, lambda a: _set(a, 0, a[1])), "permutation"),
        "space_range": (neighbours_with(2, lambda a: _set(a, "idx_end", 10**9)), "out of range"),
        "space_inner": (neighbours_with(2, lambda a: _set(a, "is_leaf", 0)), "child outside"),
        "space_levels": (neighbours_with(5, lambda _: 60), "number of nodes"),
        "svm_counts": (
            _state_with(svc(), _attribute("_n_support", np.array([9999, 9999], np.int32))),
            "adds up to",
        ),
        "svm_classes": (
            _state_with(svc(), _attribute("_n_support", np.ones(50, np.int32))),
            "other classes",
        ),
        "svm_coefficients": (
            _state_with(svc(), _attribute("_dual_coef_", np.ones((1, 2)))),
            "_dual_coef_",
        ),
        "svm_vectors": (
            _state_with(svc(), _attribute("support_vectors_", np.ones((2, 4)))),
            "support_vectors_",
        ),
        "svm_kind": (_state_with(svc(), _attribute("_impl", "epsilon_svr")), "SVC._impl"),
        "knn_labels": (
            _state_with(knn(), _attribute("_y", np.full(len(Y), 10**9))),
            "a class that does not exist",
        ),
        "coefficients": (
            _state_with(LogisticRegression().fit(X, Y), _attribute("coef_", np.ones((1, 4_000)))),
            "coef_ has shape",
        ),
    }


def array_descriptions() -> Hostile:
    """Arrays and dtypes that lie about themselves."""
    double = named("numpy", "dtype") + packed(text("f8"), b"\x89", b"\x88") + b"R"
    double += packed(number(3), text("<"), b"NNN", number(-1), number(-1), number(0)) + b"b"
    blank = named("numpy._core.multiarray", "_reconstruct")
    blank += packed(named("numpy", "ndarray"), packed(number(0)), b"C\x01b") + b"R"

    def state(*shape: int, raw: bytes = b"C\x08" + bytes(8), dtype: bytes = double) -> bytes:
        sizes = packed(*(number(each) for each in shape))
        return program(blank, packed(number(1), sizes, dtype, b"\x89", raw), b"b")

    def wrapped(*shape: int, dtype: bytes = double) -> bytes:
        return program(
            named("joblib.numpy_pickle", "NumpyArrayWrapper"),
            b")\x81",
            mapping(
                subclass=named("numpy", "ndarray"),
                shape=packed(*(number(each) for each in shape)),
                order=text("C"),
                dtype=dtype,
                allow_mmap=b"\x89",
            ),
            b"b",
        )

    def typed(kind: str, *rest: bytes) -> bytes:
        return (
            named("numpy", "dtype") + packed(text(kind), b"\x89", b"\x88") + b"R" + b"".join(rest)
        )

    fields = mapping(a=packed(double, number(64)))
    outside = packed(
        number(3), text("|"), b"N", packed(text("a")), fields, number(8), number(1), number(16), b""
    )
    pointers = mapping(a=packed(typed("O"), number(0)))
    hidden = packed(
        number(3), text("|"), b"N", packed(text("a")), pointers, number(8), number(1), number(0)
    )
    return {
        "negative_shape": (state(-1), "shape"),
        "overflowing_shape": (state(2**62, 2**62), "shape"),
        "large_shape": (state(10**9), "do not fit"),
        "many_dimensions": (state(*([1] * 70)), "shape"),
        "shape_of_text": (
            program(blank, packed(number(1), packed(text("x")), double, b"\x89", b"C\x00"), b"b"),
            "whole numbers",
        ),
        "joblib_negative": (wrapped(-5), "shape"),
        "joblib_overflow": (wrapped(2**40, 2**40), "cut off"),
        "joblib_too_long": (wrapped(10**7), "cut off"),
        "item_bomb": (program(typed("V99999999")), "bytes"),
        "dtype_of_code": (program(typed("os.system")), "dtype"),
        "field_outside": (program(typed("V8", outside, b"b")), "outside its structured dtype"),
        "hidden_pointers": (program(typed("V8", hidden, b"b")), "field of a structured dtype"),
        "scalar_of_objects": (
            program(named("numpy._core.multiarray", "scalar"), packed(typed("O"), b"C\x00"), b"R"),
            "",
        ),
        "objects_from_buffer": (
            program(
                named("numpy._core.numeric", "_frombuffer"),
                packed(b"C\x08" + bytes(8), double, packed(number(9)), text("C")),
                b"R",
            ),
            "do not fit",
        ),
        "array_of_matrix": (
            program(
                named("numpy._core.multiarray", "_reconstruct"),
                packed(named("numpy.ma.core", "MaskedArray"), packed(number(0)), b"C\x01b"),
                b"R",
            ),
            "MaskedArray",
        ),
        "generator_position": (_generator_with(10**6), "position"),
    }


def _generator_with(position: int) -> bytes:
    model = RandomForestClassifier(1, random_state=np.random.RandomState(0))
    state = model.random_state.get_state(legacy=False)
    state["state"]["pos"] = position
    model.random_state = Crafted(model.random_state, state)
    return pickle.dumps(model)


def skops_nodes() -> dict[str, dict[str, Any]]:
    """Nodes a skops file can carry that look something up or call it."""

    def of(loader: str, module: str, name: str, **rest: Any) -> dict[str, Any]:
        return {"__loader__": loader, "__module__": module, "__class__": name, **rest}

    none = of("JsonNode", "builtins", "str", content="null", is_json=True)
    items = of("TupleNode", "builtins", "tuple", content=[none])
    return {
        "operator.attrgetter": of("OperatorFuncNode", "operator", "attrgetter", attrs=items),
        "builtins.str": of("MethodNode", "builtins", "str", content={"func": "f", "obj": none}),
        "posix.system": of(
            "PartialNode",
            "functools",
            "partial",
            content={"func": of("FunctionNode", "posix", "system")},
        ),
        "os.system": of("FunctionNode", "os", "system"),
        "builtins.eval": of("TypeNode", "builtins", "eval"),
        "subprocess.Popen": of("ObjectNode", "subprocess", "Popen"),
        "datetime.timezone": of("ConstructorFromReduceNode", "datetime", "timezone", content=items),
        "os.environ": of("ListNode", "os", "environ", content=[]),
        "sklearn.utils._bunch.os": of("ObjectNode", "sklearn.utils._bunch", "os"),
        "numpy.ma.core.sys": of("FunctionNode", "numpy", "ma.core.sys"),
        "quantile_forest.X": of("QuantileForestNode", "quantile_forest", "X"),
    }


def zipped(entries: dict[str, bytes], *, compress: int = zipfile.ZIP_STORED) -> bytes:
    """A zip archive of these entries."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compress) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def schema(node: dict[str, Any]) -> bytes:
    """The schema of a file with this node as its root."""
    return json.dumps({**node, "protocol": 2, "_skops_version": "0.16.0"}).encode()


def skops_files() -> Hostile:
    """Whole skops files: hostile nodes, archives and arrays."""
    files: Hostile = {
        f"skops {name}": (zipped({"schema.json": schema(node)}), name)
        for name, node in skops_nodes().items()
    }
    buffer = io.BytesIO()
    np.save(buffer, np.array([Calls(print, "no")], dtype=object), allow_pickle=True)
    array = {"__loader__": "NdArrayNode", "__module__": "numpy", "__class__": "ndarray"}
    hidden = {**array, "type": "numpy", "file": "1.npy"}
    return files | {
        "skops npy pickle": (
            zipped({"1.npy": buffer.getvalue(), "schema.json": schema(hidden)}),
            "hides a pickle",
        ),
        "skops slip": (zipped({"schema.json": b"{}", "../evil.npy": b""}), "../evil.npy"),
        "skops bomb": (
            lambda: zipped({"1.npy": bytes(80 << 20)}, compress=zipfile.ZIP_DEFLATED),
            "unpacks to",
        ),
        "skops no schema": (zipped({"1.npy": b""}), "no schema.json"),
        "skops deep": (
            zipped({"schema.json": b'{"a":' * 100_000 + b"1" + b"}" * 100_000}),
            "nested too deeply",
        ),
        "skops not json": (zipped({"schema.json": b"{"}), "not JSON"),
        "skops missing array": (zipped({"schema.json": schema(hidden)}), "lacks"),
        "skops protocol": (zipped({"schema.json": b'{"protocol": 0}'}), "version"),
    }


def crafted() -> Hostile:
    """All of them."""
    return trees() | array_descriptions() | skops_files()
