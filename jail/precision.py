"""Repairs of converted graphs, so that they decide as scikit-learn does, to the last bit.

Written against skl2onnx 1.20 and onnxruntime 1.32. In a graph of doubles

- scikit-learn's own trees still compare in float32 (sklearn/tree/_tree.pyx): their rows are cast,
  and their thresholds taken from the float32 conversion, which rounds them the right way;
- histogram trees compare doubles: their thresholds are put back, which skl2onnx had rounded;
- a tree's scores are float32 whatever goes in: they are cast for what comes after;
- onnxruntime has no Imputer for doubles: it becomes Where(IsNaN(x), value, x).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from jail import anatomy
from jail.refusal import NotCompilable

TREES = ("TreeEnsembleClassifier", "TreeEnsembleRegressor")
# What onnxruntime 1.32 has no double kernel for.
FLOAT_ONLY = frozenset({"SVMRegressor"})
_FLOATS_TO_TENSORS = {
    "nodes_values", "nodes_hitrates", "base_values", "class_weights", "target_weights",
}  # fmt: skip


def tree_nodes(graph: Any) -> list[Any]:
    """The tree ensembles of a graph, in order."""
    return [node for node in graph.node if node.op_type in TREES]


def widen(wide: Any, narrow: Any | None, model: Any) -> None:
    """Repair the ModelProto `wide`, converted for doubles; `narrow` is the same for float32.

    Raises NotCompilable where a node can't be matched with the model's own numbers.
    """
    graph = wide.graph
    _replace_imputers(graph, model)
    trees = tree_nodes(graph)
    if not trees:
        return
    narrow_trees = tree_nodes(narrow.graph) if narrow is not None else []
    histograms = list(_histogram_thresholds(model))
    for index, node in enumerate(trees):
        exact = _matching(node, histograms)
        if exact is not None:
            _use_double_thresholds(node, exact)
        elif index < len(narrow_trees) and len(narrow_trees) == len(trees):
            _compare_in_float32(graph, node, narrow_trees[index])
        else:
            raise NotCompilable("Its trees could not be told apart in the converted graph.")
        _cast_scores(graph, node)
    for opset in wide.opset_import:
        if opset.domain == "ai.onnx.ml":
            opset.version = max(opset.version, 3)  # the first with tensors of doubles
    _sort(graph)


def route_missing(proto: Any, model: Any) -> None:
    """Send missing values where scikit-learn's trees send them, which skl2onnx leaves out."""
    from onnx import helper

    known = list(_ways_of_missing(model))
    for node in tree_nodes(proto.graph):
        left = next((way for exact, way in known if _matching(node, [exact]) is not None), None)
        if left is None or not left.any():
            continue
        name = "nodes_missing_value_tracks_true"
        for attribute in [a for a in node.attribute if a.name == name]:
            node.attribute.remove(attribute)
        node.attribute.append(helper.make_attribute(name, left.astype(np.int64).tolist()))


def _ways_of_missing(
    model: Any,
) -> Iterator[tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]]:
    """(thresholds, whether a missing value goes left) of each ensemble and of each single tree."""
    for part in anatomy.walk(model):
        trees = [inner.tree_ for inner in anatomy.walk(part) if hasattr(inner, "tree_")]
        if trees:
            inner = [tree.children_left >= 0 for tree in trees]
            thresholds = [np.where(i, t.threshold, 0.0) for i, t in zip(inner, trees, strict=True)]
            ways = [i & (t.missing_go_to_left > 0) for i, t in zip(inner, trees, strict=True)]
            yield np.concatenate(thresholds), np.concatenate(ways)


def _attribute(node: Any, name: str) -> Any | None:
    return next((a for a in node.attribute if a.name == name), None)


def _values(node: Any, name: str) -> np.ndarray[Any, Any]:
    found = _attribute(node, name)
    return np.array([] if found is None else (found.floats or found.ints))


def _histogram_thresholds(model: Any) -> Iterator[np.ndarray[Any, Any]]:
    """The float64 thresholds of each histogram ensemble, node by node, leaves as 0."""
    for part in anatomy.walk(model):
        if anatomy.kind(part) in anatomy.HISTOGRAM_TREES:
            trees = [tree for stage in part._predictors for tree in stage]
            yield np.concatenate(
                [np.where(t.nodes["is_leaf"], 0.0, t.nodes["num_threshold"]) for t in trees]
            )


def _matching(node: Any, candidates: list[np.ndarray[Any, Any]]) -> np.ndarray[Any, Any] | None:
    """The candidate that this node's float32 thresholds are the rounded form of."""
    attribute = _attribute(node, "nodes_modes")
    if _attribute(node, "nodes_values") is None:
        return None  # given its doubles already
    leaf = np.array([mode == b"LEAF" for mode in attribute.strings]) if attribute else np.array([])
    rounded = np.where(leaf, 0.0, _values(node, "nodes_values").astype(np.float32))
    for exact in candidates:
        if len(exact) == len(rounded):
            near = np.isclose(exact.astype(np.float32), rounded, rtol=3e-7, atol=0, equal_nan=True)
            if near.all():
                return exact
    return None


def _use_double_thresholds(node: Any, exact: np.ndarray[Any, Any]) -> None:
    from onnx import helper, numpy_helper

    # onnxruntime takes either all of these as tensors of the input's type, or none.
    for attribute in list(node.attribute):
        if attribute.name not in _FLOATS_TO_TENSORS:
            continue
        name = attribute.name
        values = exact if name == "nodes_values" else np.array(attribute.floats)
        node.attribute.remove(attribute)
        tensor = numpy_helper.from_array(values.astype(np.float64), name)
        node.attribute.append(helper.make_attribute(f"{name}_as_tensor", tensor))


def _compare_in_float32(graph: Any, node: Any, twin: Any) -> None:
    from onnx import TensorProto, helper

    values = _attribute(twin, "nodes_values")
    mine = _attribute(node, "nodes_values")
    if values is None or mine is None or len(values.floats) != len(mine.floats):
        raise NotCompilable("Its trees could not be told apart in the converted graph.")
    mine.floats[:] = values.floats
    source = node.input[0]
    narrowed = f"{source}_as_float32"
    if not any(narrowed in other.output for other in graph.node):
        cast = helper.make_node("Cast", [source], [narrowed], to=TensorProto.FLOAT)
        graph.node.append(cast)
    node.input[0] = narrowed


def _cast_scores(graph: Any, node: Any) -> None:
    from onnx import TensorProto, helper

    place = 1 if node.op_type == "TreeEnsembleClassifier" else 0
    name = node.output[place]
    node.output[place] = f"{name}_as_float32"
    graph.node.append(helper.make_node("Cast", [node.output[place]], [name], to=TensorProto.DOUBLE))
    for output in graph.output:
        if output.name == name:
            output.type.tensor_type.elem_type = TensorProto.DOUBLE


def _replace_imputers(graph: Any, model: Any) -> None:
    from onnx import helper, numpy_helper

    statistics = [
        part.statistics_.astype(np.float64)
        for part in anatomy.walk(model)
        if anatomy.kind(part) == "SimpleImputer" and part.statistics_.dtype.kind in "fiu"
    ]
    for node in list(graph.node):
        if node.op_type != "Imputer":
            continue
        replaced = _attribute(node, "replaced_value_float")
        values = _values(node, "imputed_value_floats")
        if replaced is None or not np.isnan(replaced.f) or not len(values):
            raise NotCompilable("An imputer replaces another value than NaN.")
        exact = next(
            (s for s in statistics if np.array_equal(s.astype(np.float32), values.astype("f4"))),
            values.astype(np.float64),
        )
        constant, mask = f"{node.output[0]}_values", f"{node.output[0]}_missing"
        graph.initializer.append(numpy_helper.from_array(exact.reshape(1, -1), constant))
        graph.node.append(helper.make_node("IsNaN", [node.input[0]], [mask]))
        graph.node.append(
            helper.make_node("Where", [mask, constant, node.input[0]], [node.output[0]])
        )
        graph.node.remove(node)
    _sort(graph)


def _sort(graph: Any) -> None:
    """Put the nodes back into an order in which each comes after what it reads."""
    known = {value.name for value in graph.input} | {value.name for value in graph.initializer}
    known.add("")
    waiting, ordered = list(graph.node), []
    while waiting:
        ready = [node for node in waiting if known.issuperset(node.input)]
        if not ready:
            raise NotCompilable("The converted graph reads a value that nothing makes.")
        for node in ready:
            known.update(node.output)
        ordered += ready
        chosen = {id(node) for node in ready}
        waiting = [node for node in waiting if id(node) not in chosen]
    copies = [type(node).FromString(node.SerializeToString()) for node in ordered]
    del graph.node[:]
    graph.node.extend(copies)
