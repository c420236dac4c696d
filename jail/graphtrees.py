"""Tree ensembles of a graph, checked before native code walks them by pointer.

A child that is its own ancestor would never end; an index outside of its table would be read or
written. onnxruntime checks some of it; nothing here relies on that.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx

from jail.batch import Array

ENSEMBLES = frozenset({"TreeEnsembleClassifier", "TreeEnsembleRegressor"})
PARALLEL = (
    "nodes_nodeids", "nodes_featureids", "nodes_truenodeids", "nodes_falsenodeids",
)  # fmt: skip


def faults(node: onnx.NodeProto) -> Iterator[str]:
    """What is wrong with a tree ensemble, in words; nothing for any other operator."""
    if node.op_type not in ENSEMBLES or node.domain != "ai.onnx.ml":
        return
    given = {attribute.name: attribute for attribute in node.attribute}
    trees = _integers(given, "nodes_treeids")
    columns = {name: _integers(given, name) for name in PARALLEL}
    modes = given["nodes_modes"].strings if "nodes_modes" in given else []
    if any(len(column) != len(trees) for column in columns.values()) or len(modes) != len(trees):
        yield "its tables differ in length"
        return
    if not len(trees):
        yield "it has no nodes"
        return
    if columns["nodes_featureids"].min() < 0:
        yield "a node reads a feature below the first"
    leaf = np.array([mode == b"LEAF" for mode in modes])
    yield from _broken_links(trees, columns, leaf)
    yield from _broken_leaves(given, trees, columns["nodes_nodeids"])


def _integers(given: dict[str, Any], name: str) -> Array:
    return np.array(given[name].ints if name in given else [], dtype=np.int64)


def _keys(trees: Array, nodes: Array) -> Array:
    """One number for each (tree, node); negative ones, which name nothing, stay apart."""
    return np.where((nodes < 0) | (nodes >= 1 << 31), -1, (trees << 31) | nodes)


def _broken_links(trees: Array, columns: dict[str, Array], leaf: Array) -> Iterator[str]:
    if trees.min() < 0 or trees.max() >= 1 << 31:
        yield "a tree's number is out of range"
        return
    keys = _keys(trees, columns["nodes_nodeids"])
    if (keys < 0).any() or len(np.unique(keys)) != len(keys):
        yield "two nodes have one number"
        return
    inner = ~leaf
    children = np.concatenate(
        [
            _keys(trees[inner], columns["nodes_truenodeids"][inner]),
            _keys(trees[inner], columns["nodes_falsenodeids"][inner]),
        ]
    )
    if not np.isin(children, keys).all():
        yield "a node points to none"
    # Each node has one parent at the most and the first of a tree none: then no walk from the
    # first node can come back to where it was.
    if len(np.unique(children)) != len(children):
        yield "a node has two parents"
    first = np.unique(trees, return_index=True)[1]
    if np.isin(keys[first], children).any():
        yield "a tree begins at a node that has a parent"


def _broken_leaves(given: dict[str, Any], trees: Array, nodes: Array) -> Iterator[str]:
    kind = "class" if "class_nodeids" in given else "target"
    owners = _integers(given, f"{kind}_treeids"), _integers(given, f"{kind}_nodeids")
    places = _integers(given, f"{kind}_ids")
    if len({len(owners[0]), len(owners[1]), len(places)}) != 1:
        yield "its tables of answers differ in length"
        return
    if len(places) and not np.isin(_keys(*owners), _keys(trees, nodes)).all():
        yield "an answer belongs to no node"
    if kind == "class":
        labels = given.get("classlabels_int64s") or given.get("classlabels_strings")
        count = 0 if labels is None else len(labels.ints) or len(labels.strings)
    else:
        count = given["n_targets"].i if "n_targets" in given else 1
    if len(places) and (places.min() < 0 or places.max() >= max(count, 1)):
        yield "an answer is for a class that is not there"
