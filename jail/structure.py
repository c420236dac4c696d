"""Whether the arrays that compiled code walks are what that code assumes, before it walks them.

scikit-learn's tree, neighbour and SVM code trusts its arrays: a child that points backwards never
ends, one that points outside reads another's memory. Every check here is on whole arrays and
raises Refused("unsafe_structure") with what is wrong.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from jail.refusal import Refused

Array = np.ndarray[Any, np.dtype[Any]]

MAX_LEAF_SIZE = 1 << 31
LEAF = -1
"""scikit-learn's TREE_LEAF: no child."""


def require(condition: object, what: str) -> None:
    """Raises Refused("unsafe_structure") saying what unless the condition holds."""
    if not condition:
        raise Refused(f"The model's inner structure is impossible: {what}.", "unsafe_structure")


def is_array(value: object, *, kinds: str, ndim: int | None = None) -> bool:
    """Whether the value is a plain array of one of the kinds (numpy's letters)."""
    return (
        type(value) is np.ndarray
        and value.dtype.kind in kinds
        and (ndim is None or value.ndim == ndim)
    )


def is_count(value: object, low: int = 0, high: int = 1 << 40) -> bool:
    """Whether the value is a whole number in [low, high]."""
    return (
        isinstance(value, int | np.integer)
        and not isinstance(value, bool)
        and low <= int(value) <= high
    )


def check_children(left: Array, right: Array, leaf: Array, what: str) -> Array:
    """A binary tree in arrays: every inner node's children come later and have one parent.

    `left`, `right`: whole numbers (n,); `leaf`: bool (n,). Returns each node's depth, root 0.
    """
    count = len(left)
    require(count > 0, f"{what} has no nodes")
    inner = np.flatnonzero(~leaf)
    children = np.concatenate([left[inner], right[inner]]).astype(np.int64)
    parents = np.concatenate([inner, inner])
    require(
        np.all((children > parents) & (children < count)),
        f"{what} has a node whose child is itself, an earlier node or outside of it",
    )
    require(
        len(np.unique(children)) == len(children), f"{what} has a node with more than one parent"
    )
    return _depths(children, parents, count)


def _depths(children: Array, parents: Array, count: int) -> Array:
    """Depth of each node: doubling the reach of the parent pointers, log2(depth) steps."""
    above = np.zeros(count, np.int64)
    above[children] = parents
    depth = np.zeros(count, np.int64)
    depth[children] = 1
    while np.any(above):
        depth = depth + depth[above]
        above = above[above]
    return depth


def check_tree(
    nodes: Any, values: Any, *, features: int, node_count: Any, max_depth: Any, shape: Any
) -> None:
    """The state of `sklearn.tree._tree.Tree`; `shape` is what `values` must have behind nodes."""
    require(type(nodes) is np.ndarray and nodes.ndim == 1, "a tree without nodes")
    wanted = {"left_child", "right_child", "feature", "threshold", "missing_go_to_left"}
    require(wanted <= set(nodes.dtype.names or ()), "a tree's nodes lack a field")
    require(is_count(node_count) and int(node_count) == len(nodes), "a tree's number of nodes")
    require(
        is_array(values, kinds="f", ndim=3) and values.shape == (len(nodes), *shape),
        "a tree's values do not fit its nodes",
    )
    require(np.all(np.isfinite(values)), "a tree's values are not finite")
    left, right, feature = nodes["left_child"], nodes["right_child"], nodes["feature"]
    leaf = left == LEAF
    require(np.array_equal(leaf, right == LEAF), "a tree's node has one child")
    inner = feature[~leaf]
    require(np.all((inner >= 0) & (inner < features)), "a tree asks for a feature it does not have")
    depth = check_children(left, right, leaf, "a tree")
    require(is_count(max_depth) and int(max_depth) >= depth.max(), "a tree deeper than it says")


def check_predictor(nodes: Any, bitsets: Any) -> None:
    """A HistGradientBoosting tree; `bitsets` are its categorical splits, uint32 (n, 8)."""
    wanted = {"left", "right", "is_leaf", "feature_idx", "is_categorical", "bitset_idx", "value"}
    fine = type(nodes) is np.ndarray and nodes.ndim == 1 and wanted <= set(nodes.dtype.names or ())
    require(fine, "a boosted tree without nodes")
    leaf = nodes["is_leaf"].astype(bool)
    check_children(nodes["left"], nodes["right"], leaf, "a boosted tree")
    require(np.all(np.isfinite(nodes["value"][leaf])), "a boosted tree's values are not finite")
    require(np.all(nodes["feature_idx"][~leaf] >= 0), "a boosted tree's feature is negative")
    fits = is_array(bitsets, kinds="u", ndim=2) and bitsets.shape[1] == 8
    require(fits and bitsets.dtype.itemsize == 4, "a boosted tree's categories")
    used = nodes["bitset_idx"][nodes["is_categorical"].astype(bool) & ~leaf]
    require(np.all(used < len(bitsets)), "a boosted tree asks for a category set it does not have")


def check_space_tree(state: Any, *, bounds: int) -> None:
    """The state of a KDTree (`bounds` 2) or BallTree (1): indices, node ranges, sizes.

    The tree is a heap: node i has children 2i+1 and 2i+2 (sklearn.neighbors._binary_tree).
    """
    require(type(state) is tuple and len(state) == 13, "a neighbour tree's state")
    data, index, nodes, box, leaf_size, levels, count = state[:7]
    require(
        is_array(data, kinds="f", ndim=2) and data.flags.c_contiguous, "a neighbour tree's data"
    )
    rows, features = data.shape
    require(rows > 0 and features > 0, "a neighbour tree without data")
    require(is_array(index, kinds="i", ndim=1) and len(index) == rows, "a neighbour tree's indices")
    seen = np.zeros(rows, bool)
    require(np.all((index >= 0) & (index < rows)), "a neighbour tree's index is out of range")
    seen[index] = True
    require(np.all(seen), "a neighbour tree's indices are no permutation")
    require(is_count(count, 1) and is_count(levels, 1, 62), "a neighbour tree's number of nodes")
    require(int(count) == 2 ** int(levels) - 1, "a neighbour tree's number of nodes")
    require(is_count(leaf_size, 1, MAX_LEAF_SIZE), "a neighbour tree's leaf size")
    _check_ranges(nodes, int(count), rows)
    fits = is_array(box, kinds="f", ndim=3) and box.shape == (bounds, int(count), features)
    require(fits, "a neighbour tree's bounds")
    require(all(is_count(calls) for calls in state[7:11]), "a neighbour tree's counters")
    weight = state[12]
    weighed = is_array(weight, kinds="f", ndim=1) and len(weight) == rows
    require(weight is None or weighed, "a neighbour tree's weights")


def _check_ranges(nodes: Any, count: int, rows: int) -> None:
    named = type(nodes) is np.ndarray and nodes.ndim == 1 and len(nodes) == count
    require(named and {"idx_start", "idx_end", "is_leaf"} <= set(nodes.dtype.names or ()), "nodes")
    start, end, leaf = nodes["idx_start"], nodes["idx_end"], nodes["is_leaf"].astype(bool)
    in_range = np.all((start >= 0) & (start <= end) & (end <= rows))
    require(in_range, "a neighbour tree's node is out of range")
    inner = np.flatnonzero(~leaf)
    require(np.all(2 * inner + 2 < count), "a neighbour tree's node has a child outside of it")


def check_metric(name: str, state: Any, *, features: int | None = None) -> None:
    """The state of a distance: (p, vector, matrix); both must reach `features` where used."""
    require(type(state) is tuple and len(state) == 3, "a distance's state")
    power, vector, matrix = state
    require(isinstance(power, int | float | np.number) and power > 0, "a distance's power")
    require(is_array(vector, kinds="f", ndim=1), "a distance's vector")
    require(is_array(matrix, kinds="f", ndim=2), "a distance's matrix")
    if name.startswith("Haversine"):
        require(features in {None, 2}, "a haversine distance of other than two features")
    if name.startswith("Mahalanobis"):
        require(matrix.shape[0] == matrix.shape[1], "a distance's matrix is not square")
        require(features is None or len(matrix) == features, "a distance of other features")
    weighted = name.startswith("SEuclidean") or (name.startswith("Minkowski") and len(vector))
    if weighted:
        require(features is None or len(vector) == features, "a distance of other features")


def check_sparse(matrix: Any) -> None:
    """A scipy sparse matrix (csr, csc or coo) without stray indices."""
    shape = matrix.__dict__.get("_shape")
    require(type(shape) is tuple and all(is_count(n) for n in shape), "a sparse matrix's shape")
    require(len(shape) == 2, "a sparse matrix that is not two-dimensional")
    kind = type(matrix).__name__[:3]
    data = matrix.__dict__.get("data")
    require(kind in {"csr", "csc", "coo"}, f"a sparse matrix of type {kind}")
    require(is_array(data, kinds="biufc", ndim=1), "a sparse matrix's data")
    if kind == "coo":
        coords = matrix.__dict__.get("coords")
        require(type(coords) is tuple and len(coords) == 2, "a sparse matrix's coordinates")
        for axis, index in enumerate(coords):
            _check_indices(index, len(data), shape[axis])
        return
    major, minor = shape if kind == "csr" else shape[::-1]
    pointers, indices = matrix.__dict__.get("indptr"), matrix.__dict__.get("indices")
    fits = is_array(pointers, kinds="i", ndim=1) and len(pointers) == major + 1
    require(fits and pointers[0] == 0 and np.all(np.diff(pointers) >= 0), "a sparse matrix's rows")
    require(pointers[-1] == len(data), "a sparse matrix's rows")
    _check_indices(indices, len(data), minor)
    require(indices.dtype == pointers.dtype, "a sparse matrix's indices")


def _check_indices(index: Any, count: int, below: int) -> None:
    require(is_array(index, kinds="i", ndim=1) and len(index) == count, "a sparse matrix's indices")
    require(np.all((index >= 0) & (index < below)), "a sparse matrix's index is out of range")
