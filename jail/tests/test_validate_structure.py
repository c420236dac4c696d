"""It refuses arrays that compiled code would follow out of bounds or for ever."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from sklearn.cluster import Birch, BisectingKMeans, KMeans
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
)
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import BallTree, KDTree, KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, SplineTransformer, StandardScaler
from sklearn.svm import SVC, SVR
from sklearn.tree import DecisionTreeClassifier

from jail import fitted
from jail.refusal import Refused
from jail.structure import check_children, check_metric, check_space_tree, check_sparse, check_tree

RNG = np.random.default_rng(1)
X = RNG.normal(size=(60, 4))
Y = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0)


def grown() -> dict[str, Any]:
    """The state of an honest tree with what it is checked against."""
    tree = DecisionTreeClassifier(max_depth=4, random_state=0).fit(X, Y).tree_
    state = tree.__getstate__()
    return {
        "nodes": state["nodes"].copy(),
        "values": state["values"].copy(),
        "features": 4,
        "node_count": state["node_count"],
        "max_depth": state["max_depth"],
        "shape": (1, 3),
    }


def test_honest_trees_pass() -> None:
    check_tree(**grown())


@pytest.mark.parametrize(
    ("field", "at", "value"),
    [
        ("left_child", 0, 0),
        ("left_child", 1, 0),
        ("right_child", 0, 10**6),
        ("right_child", 0, -2),
        ("left_child", 0, -1),
        ("feature", 0, 4),
        ("feature", 0, -1),
    ],
)
def test_crafted_nodes_are_refused(field: str, at: int, value: int) -> None:
    state = grown()
    state["nodes"][field][at] = value
    with pytest.raises(Refused) as refused:
        check_tree(**state)
    assert refused.value.code == "unsafe_structure"


@given(
    field=st.sampled_from(["left_child", "right_child"]),
    at=st.integers(0, 8),
    value=st.integers(-3, 40),
)
def test_a_tree_that_passes_can_be_walked(field: str, at: int, value: int) -> None:
    """Whatever one child becomes: refused, or every row reaches a leaf in its depth."""
    state = grown()
    nodes = state["nodes"]
    nodes[field][at] = value
    try:
        check_tree(**state)
    except Refused:
        return
    for start in range(2):
        node = 0
        for _ in range(state["max_depth"]):
            if nodes["left_child"][node] == -1:
                break
            node = nodes["left_child" if start else "right_child"][node]
        assert nodes["left_child"][node] == -1


@given(st.lists(st.tuples(st.integers(-1, 12), st.integers(-1, 12)), min_size=1, max_size=9))
def test_depths_agree_with_a_walk(children: list[tuple[int, int]]) -> None:
    left = np.array([a for a, _ in children])
    right = np.array([b for _, b in children])
    leaf = left == -1
    try:
        depth = check_children(left, right, leaf, "a tree")
    except Refused:
        return
    walked = np.zeros(len(children), int)
    for node in range(len(children)):
        if not leaf[node]:
            walked[left[node]] = walked[right[node]] = walked[node] + 1
    np.testing.assert_array_equal(depth, walked)


@pytest.mark.parametrize(("kind", "bounds"), [(KDTree, 2), (BallTree, 1)])
def test_neighbour_trees(kind: Any, bounds: int) -> None:
    state = kind(X, leaf_size=3).__getstate__()
    check_space_tree(state, bounds=bounds)
    for place, value in ((1, np.zeros(60, np.int64)), (4, 0), (5, 63), (6, 10**9), (3, X)):
        changed = (*state[:place], value, *state[place + 1 :])
        with pytest.raises(Refused):
            check_space_tree(changed, bounds=bounds)


def test_distances_reach_all_features() -> None:
    check_metric("EuclideanDistance64", (2.0, np.zeros(1), np.zeros((1, 1))), features=4)
    for name in ("SEuclideanDistance64", "MinkowskiDistance64"):
        with pytest.raises(Refused):
            check_metric(name, (2.0, np.ones(2), np.zeros((1, 1))), features=4)
    with pytest.raises(Refused):
        check_metric("MahalanobisDistance64", (2.0, np.ones(4), np.eye(2)), features=4)
    with pytest.raises(Refused):
        check_metric("HaversineDistance64", (2.0, np.ones(1), np.zeros((1, 1))), features=1)


@pytest.mark.parametrize("kind", [sp.csr_matrix, sp.csc_array, sp.coo_matrix])
def test_sparse_matrices(kind: Any) -> None:
    check_sparse(kind(np.eye(3)))
    matrix = kind(np.eye(3))
    index = matrix.coords[1] if kind is sp.coo_matrix else matrix.indices
    index[0] = 99
    with pytest.raises(Refused, match="out of range"):
        check_sparse(matrix)


class StringHolder:
    """Nothing that a model holds."""


def set_to(name: str, value: Any) -> Callable[[Any], None]:
    return lambda model: vars(model).__setitem__(name, value)


def part(*path: Any) -> Callable[[Any], Any]:
    def follow(model: Any) -> Any:
        for step in path:
            model = getattr(model, step) if isinstance(step, str) else model[step]
        return model

    return follow


def category_out_of_range(model: Any) -> None:
    mapper = model._bin_mapper
    mapper.bin_thresholds_[int(np.argmax(mapper.is_categorical_))] = np.array([0.0, 999.0])


def split_of_a_number(model: Any) -> None:
    nodes = model._predictors[0][0].nodes
    categorical = int(np.argmax(model._bin_mapper.is_categorical_))
    inner = np.flatnonzero((nodes["is_leaf"] == 0) & (nodes["feature_idx"] != categorical))
    nodes["is_categorical"][inner[0]] = 1


def bisection_cycle(model: Any) -> None:
    model._bisecting_tree.left = model._bisecting_tree


def narrow_bisection(model: Any) -> None:
    model._bisecting_tree.left.center = np.zeros(1)


def stray_loss(model: Any) -> None:
    model.estimators_ = model.estimators_[:, :1]


def boosted() -> Any:
    rows = np.column_stack([X, np.arange(60) % 4])
    model = HistGradientBoostingClassifier(max_iter=2, categorical_features=[4], min_samples_leaf=2)
    return model.fit(rows, Y)


CRAFTED: dict[str, tuple[Callable[[], Any], Callable[[Any], None]]] = {
    "coef_ too wide": (lambda: Ridge().fit(X, Y), set_to("coef_", np.ones(99))),
    "coef_ not finite": (lambda: Ridge().fit(X, Y), set_to("coef_", np.full(4, np.inf))),
    "forest of narrow trees": (
        lambda: RandomForestClassifier(2).fit(X, Y),
        set_to("estimators_", RandomForestClassifier(2).fit(X[:, :2], Y).estimators_),
    ),
    "forest of other models": (
        lambda: RandomForestClassifier(2).fit(X, Y),
        set_to("estimators_", [Ridge().fit(X, Y)]),
    ),
    "isolation of narrow columns": (
        lambda: IsolationForest(n_estimators=2).fit(X),
        set_to("estimators_features_", [np.arange(4)]),
    ),
    "boosting with too few columns": (
        lambda: GradientBoostingClassifier(n_estimators=2).fit(X, Y),
        stray_loss,
    ),
    "category out of range": (boosted, category_out_of_range),
    "category split of a number": (boosted, split_of_a_number),
    "svc counts": (lambda: SVC().fit(X, Y), set_to("_n_support", np.array([5, 5, 5], np.int32))),
    "svc negative counts": (
        lambda: SVC().fit(X, Y),
        set_to("_n_support", np.array([-1, 1, 60], np.int32)),
    ),
    "svc intercepts": (lambda: SVC().fit(X, Y), set_to("_intercept_", np.ones(9))),
    "svc probabilities": (lambda: SVC().fit(X, Y), set_to("_probA", np.ones(7))),
    "svr counts": (lambda: SVR().fit(X, Y), set_to("_n_support", np.array([999, 0], np.int32))),
    "svc precomputed": (
        lambda: SVC(kernel="precomputed").fit(X @ X.T, Y),
        lambda model: model.support_.__setitem__(0, 10**6),
    ),
    "knn labels": (lambda: KNeighborsClassifier().fit(X, Y), set_to("_y", np.full(60, 3))),
    "knn fewer labels": (lambda: KNeighborsClassifier().fit(X, Y), set_to("_y", np.zeros(5, int))),
    "knn other tree": (
        lambda: KNeighborsClassifier(algorithm="kd_tree").fit(X, Y),
        set_to("_tree", KDTree(X[:5])),
    ),
    "centers too narrow": (
        lambda: KMeans(2, n_init=1).fit(X),
        set_to("cluster_centers_", np.ones((2, 1))),
    ),
    "birch norms": (lambda: Birch(n_clusters=2).fit(X), set_to("_subcluster_norms", np.ones(1))),
    "bisection cycle": (lambda: BisectingKMeans(2).fit(X), bisection_cycle),
    "bisection width": (lambda: BisectingKMeans(2).fit(X), narrow_bisection),
    "vocabulary": (lambda: CountVectorizer().fit(["aa bb"]), set_to("vocabulary_", {"aa": 10**9})),
    "hashing into nothing": (HashingVectorizer, set_to("n_features", 0)),
    "spline knots": (
        lambda: SplineTransformer().fit(X),
        lambda model: vars(model.bsplines_[0]).__setitem__("_t", np.arange(3.0)),
    ),
    "feature names": (
        lambda: LogisticRegression().fit(X, Y),
        set_to("feature_names_in_", np.array(["a"], dtype=object)),
    ),
    "a function of one's own": (FunctionTransformer, set_to("func", print)),
    "keywords for a function": (lambda: FunctionTransformer(np.exp), set_to("kw_args", {"out": X})),
    "a step that is none": (
        lambda: make_pipeline(StandardScaler(), Ridge()),
        lambda model: model.steps.append(("x", 7)),
    ),
    "an object of another library": (Ridge, set_to("alpha", pickle.Pickler)),
    "an instance of another library": (Ridge, set_to("alpha", StringHolder())),
    "threads of a text": (RandomForestClassifier, set_to("n_jobs", "all")),
}


@pytest.mark.parametrize("name", sorted(CRAFTED))
def test_crafted_models_are_refused(name: str) -> None:
    make, change = CRAFTED[name]
    fitted.check(make())  # honest until changed
    model = make()
    change(model)
    with pytest.raises(Refused):
        fitted.check(model)


def test_nested_estimators_are_checked_too() -> None:
    inner = Ridge().fit(X, Y)
    inner.coef_ = np.ones(77)
    with pytest.raises(Refused, match="coef_"):
        fitted.check(make_pipeline(StandardScaler(), inner))


def test_nesting_has_a_limit() -> None:
    model: Any = Ridge()
    for _ in range(200):
        model = make_pipeline(model)
    with pytest.raises(Refused, match="nested"):
        fitted.check(model)


def test_a_model_that_holds_itself_ends() -> None:
    model = make_pipeline(StandardScaler(), Ridge())
    model.steps.append(("again", model))
    fitted.check(model)


def test_every_n_jobs_becomes_one() -> None:
    forest = RandomForestClassifier(n_jobs=-1)
    model = make_pipeline(StandardScaler(), KNeighborsClassifier(n_jobs=4), forest)
    fitted.check(model)
    assert (forest.n_jobs, model[1].n_jobs) == (1, 1)
