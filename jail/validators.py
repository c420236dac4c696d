"""What must hold between the parts of a fitted estimator before any of its methods runs.

One function per family, each reading `__dict__` alone. They close the places where scikit-learn's
compiled code indexes one attribute by another without looking (security rule: validators *and* a
jail).
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from jail.refusal import Refused
from jail.structure import is_array, is_count, require

Check = Callable[[dict[str, Any], str], None]
MAX_HASHED = (1 << 31) - 1
MAX_CATEGORY = 255


def is_estimator(value: Any) -> bool:
    """Whether the value is one of scikit-learn's estimators."""
    from sklearn.base import BaseEstimator

    return isinstance(value, BaseEstimator)


def check(value: Any, path: str) -> None:
    """Run every validator of the value's class. Raises Refused naming the path."""
    state = value.__dict__
    try:
        for cls in type(value).__mro__:
            for each in _table().get(cls, ()):
                each(state, type(value).__name__)
    except Refused as refused:
        raise Refused(f"{path[:200]}: {refused.reason}", refused.code) from None
    except (TypeError, ValueError, AttributeError, KeyError, IndexError, OverflowError) as error:
        # A validator met an attribute of a type it did not expect: no library writes that.
        detail = f"{type(error).__name__}: {error}"[:200]
        raise Refused(
            f"{path[:200]} is not what fitting leaves ({detail}).", "unsafe_structure"
        ) from None


def _width(state: dict[str, Any]) -> int | None:
    width = state.get("n_features_in_")
    if width is None:
        return None
    require(is_count(width, 0, 1 << 31), "n_features_in_ is no whole number")
    return int(width)


def _all_of(array: Any) -> list[Any]:
    if isinstance(array, np.ndarray):
        return list(array.reshape(-1))
    return list(array)


def _features(state: dict[str, Any], _name: str) -> None:
    width, names = _width(state), state.get("feature_names_in_")
    if names is not None:
        require(is_array(names, kinds="OU", ndim=1), "feature_names_in_ is no array of names")
        require(width is None or len(names) == width, "feature_names_in_ has another length")
        require(
            all(isinstance(each, str) for each in names.tolist()), "a feature's name is no text"
        )


def _linear(state: dict[str, Any], _name: str) -> None:
    coef, width = state.get("coef_"), _width(state)
    if isinstance(coef, np.ndarray):
        require(coef.dtype.kind in "iuf", "coef_ is not made of numbers")
        fits = width is None or coef.ndim == 0 or coef.shape[-1] == width
        require(fits, f"coef_ has shape {coef.shape} for {width} features")
        require(np.all(np.isfinite(coef)), "coef_ is not finite")
    intercept = state.get("intercept_")
    if isinstance(intercept, np.ndarray):
        require(intercept.dtype.kind in "iuf", "intercept_ is not made of numbers")


def _tree(state: dict[str, Any], name: str) -> None:
    from sklearn.tree._tree import Tree

    tree: Any = state.get("tree_")
    if "tree_" not in state:
        return
    require(type(tree) is Tree, "tree_ is no tree")
    require(tree.n_features == _width(state), "tree_ was grown on other features")
    classes = state.get("n_classes_")
    require(is_count(state.get("n_outputs_", 1), 1), "n_outputs_")
    require(tree.n_outputs == state.get("n_outputs_", 1), "tree_ has other outputs")
    if classes is not None and name.endswith("Classifier"):
        wanted = np.atleast_1d(np.asarray(classes))
        require(np.array_equal(np.asarray(tree.n_classes), wanted), "tree_ has other classes")


def _forest(state: dict[str, Any], _name: str) -> None:
    """Trees of an ensemble are handed its own matrix unchecked: same width for all of them."""
    if "estimators_" not in state:
        return
    width = _width(state)
    for tree in _all_of(state["estimators_"]):
        inner = tree.__dict__
        require("tree_" in inner and _width(inner) == width, "a tree of another width")
        require(inner.get("n_outputs_", 1) == state.get("n_outputs_", 1), "a tree's outputs")


def _isolation(state: dict[str, Any], _name: str) -> None:
    """Each tree sees its own choice of columns, unless all of them are chosen."""
    if "estimators_" not in state:
        return
    width, chosen = _width(state), state["estimators_features_"]
    require(len(chosen) == len(state["estimators_"]), "estimators_features_ has another length")
    for tree, columns in zip(state["estimators_"], chosen, strict=True):
        seen = width if state.get("_max_features") == width else len(columns)
        require(_width(tree.__dict__) == seen, "a tree of another width")


def _boosting(state: dict[str, Any], _name: str) -> None:
    """predict_stages writes column k of the answer for tree k, unchecked."""
    stages = state.get("estimators_")
    if stages is None:
        return
    require(is_array(stages, kinds="O", ndim=2), "estimators_ is no table of trees")
    _forest(state | {"n_outputs_": 1}, _name)
    width = state.get("n_trees_per_iteration_", stages.shape[1])
    require(stages.shape[1] == width, "estimators_ has another number of columns")
    classes = state.get("classes_")
    columns = len(classes) if classes is not None and len(classes) > 2 else 1
    require(stages.shape[1] == columns, "estimators_ does not fit the classes")


def _histogram(state: dict[str, Any], _name: str) -> None:
    from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor

    stages = state.get("_predictors")
    if stages is None:
        return
    width = _width(state)
    mapper = state["_bin_mapper"].__dict__
    categorical = np.asarray(mapper["is_categorical_"])
    require(categorical.shape == (width,), "categorical features of another width")
    thresholds = mapper["bin_thresholds_"]
    require(len(thresholds) == width, "bins of another width")
    for feature in np.flatnonzero(categorical):
        values = np.asarray(thresholds[feature])
        fits = values.dtype.kind in "iuf" and np.all((values >= 0) & (values <= MAX_CATEGORY))
        require(fits, "a category outside of 0-255")
    for stage in stages:
        for predictor in stage:
            require(type(predictor) is TreePredictor, "_predictors holds something else")
            _predictor(predictor.__dict__["nodes"], categorical, width or 0)


def _predictor(nodes: Any, categorical: Any, width: int) -> None:
    inner = nodes[~nodes["is_leaf"].astype(bool)]
    features = inner["feature_idx"]
    require(np.all((features >= 0) & (features < width)), "a tree's feature is out of range")
    by_category = inner["is_categorical"].astype(bool)
    require(np.all(categorical[features[by_category]]), "a category split of a number")


def _svm(state: dict[str, Any], name: str) -> None:
    """libsvm reads its arrays by the counts of support vectors (sklearn/svm/_libsvm.pyx)."""
    if "support_" not in state and "_n_support" not in state:
        return
    support, counts = state["support_"], state["_n_support"]
    require(
        is_array(support, kinds="i", ndim=1) and is_array(counts, kinds="i", ndim=1), "support_"
    )
    require(support.dtype == np.int32 and counts.dtype == np.int32, "support_ of another type")
    classifier = name.endswith("SVC")
    classes = len(state["classes_"]) if classifier else 2
    require(len(counts) == classes and np.all(counts >= 0), "_n_support for other classes")
    total = int(counts.sum() if classifier else counts[0])
    require(total == len(support), f"_n_support adds up to {total} for {len(support)} vectors")
    pairs = classes * (classes - 1) // 2
    for attribute in ("intercept_", "_intercept_"):
        require(is_array(state[attribute], kinds="f", ndim=1), attribute)
        require(len(state[attribute]) == pairs, f"{attribute} for other classes")
    for attribute in ("_probA", "_probB"):
        length = len(state[attribute])
        require(length in {0, pairs, 1 if not classifier else 0}, f"{attribute} for other classes")
    _support_vectors(state, len(support), classes)


def _support_vectors(state: dict[str, Any], count: int, classes: int) -> None:
    vectors, width, rows = state["support_vectors_"], _width(state), state["shape_fit_"][0]
    precomputed = state.get("kernel") == "precomputed"
    if precomputed:
        support = state["support_"]
        require(
            np.all((support >= 0) & (support < rows)) and rows == width, "support_ out of range"
        )
    for attribute in ("dual_coef_", "_dual_coef_"):
        require(state[attribute].shape == (classes - 1, count), f"{attribute} of another shape")
    if isinstance(vectors, np.ndarray):
        shape = (0, 0) if precomputed and vectors.size == 0 else (count, width)
        require(is_array(vectors, kinds="f", ndim=2), "support_vectors_")
        require(vectors.shape == shape, "support_vectors_ of another shape")
        require(isinstance(state["_dual_coef_"], np.ndarray), "_dual_coef_")
    else:
        require(vectors.__dict__["_shape"] == (count, width), "support_vectors_ of another shape")


def _neighbors(state: dict[str, Any], _name: str) -> None:
    """The vote reads a label for each neighbour's row and counts it under its class, unchecked."""
    if "_fit_X" not in state:
        return
    rows = _rows(state["_fit_X"])
    require(state.get("n_samples_fit_", rows) == rows, "n_samples_fit_ is another number")
    tree = state.get("_tree")
    if tree is not None:
        data = tree.__getstate__()[0]
        require(data.shape == (rows, _width(state)), "_tree was built on other data")
    labels = state.get("_y")
    if labels is None:
        return
    require(is_array(labels, kinds="biuf") and len(labels) == rows, "_y has another length")
    classes = state.get("classes_")
    if classes is not None:
        each = classes if isinstance(classes, list) else [classes]
        table = labels.reshape(rows, -1)
        require(labels.dtype.kind in "iu" and table.shape[1] == len(each), "_y for other classes")
        for column, names in enumerate(each):
            inside = (table[:, column] >= 0) & (table[:, column] < len(names))
            require(np.all(inside), "_y names a class that does not exist")


def _rows(matrix: Any) -> int:
    return int(matrix.shape[0] if isinstance(matrix, np.ndarray) else matrix.__dict__["_shape"][0])


def _centers(state: dict[str, Any], _name: str) -> None:
    for attribute in ("cluster_centers_", "subcluster_centers_"):
        centers = state.get(attribute)
        if isinstance(centers, np.ndarray):
            require(is_array(centers, kinds="f", ndim=2), attribute)
            require(centers.shape[1] == _width(state), f"{attribute} of another width")
    norms = state.get("_subcluster_norms")
    if norms is not None:
        fits = is_array(norms, kinds="f", ndim=1) and len(norms) == len(
            state["subcluster_centers_"]
        )
        require(fits, "_subcluster_norms has another length")
    _bisections(state.get("_bisecting_tree"), _width(state))


def _bisections(root: Any, width: int | None) -> None:
    todo, seen = [root] if root is not None else [], set()
    while todo:
        node = todo.pop()
        require(id(node) not in seen, "the tree of bisections has a cycle")
        seen.add(id(node))
        center = node.__dict__["center"]
        require(is_array(center, kinds="f", ndim=1) and len(center) == width, "a center's width")
        todo += [each for key in ("left", "right") if (each := node.__dict__.get(key)) is not None]


def _vocabulary(state: dict[str, Any], _name: str) -> None:
    words = state.get("vocabulary_")
    if words is None:
        return
    require(type(words) is dict, "vocabulary_ is no dictionary")
    require(all(type(word) is str for word in words), "a word is no text")
    seen = sorted(int(place) for place in words.values() if is_count(place))
    require(seen == list(range(len(words))), "vocabulary_ is no numbering of its words")


def _hashing(state: dict[str, Any], _name: str) -> None:
    require(is_count(state["n_features"], 1, MAX_HASHED), "n_features is no size for hashing")


def _spline(state: dict[str, Any], _name: str) -> None:
    degree, knots, coefficients = state["k"], state["_t"], state["_c"]
    require(is_count(degree, 0, 100), "a spline's degree")
    require(is_array(knots, kinds="f", ndim=1), "a spline's knots")
    count = len(knots) - int(degree) - 1
    require(count > int(degree) and np.all(np.diff(knots) >= 0), "a spline's knots")
    require(is_array(coefficients, kinds="f") and len(coefficients) >= count, "a spline's terms")


def numbers_check() -> Any:
    """scikit-learn's own check of numbers, which histogram boosters hold as a partial."""
    from sklearn.utils.validation import check_array

    return check_array


def check_partial(function: Any, args: Any, keywords: Any) -> None:
    """The one partial that models hold: `check_array` told which dtypes and gaps to accept."""
    require(function is numbers_check() and args == (), "a functools.partial of something else")
    known = {"dtype", "ensure_all_finite", "force_all_finite"}
    require(type(keywords) is dict and known.issuperset(keywords), "a functools.partial's options")
    dtypes = keywords.get("dtype", [])
    require(type(dtypes) is list, "a functools.partial's dtypes")
    require(
        all(each in (np.float32, np.float64) for each in dtypes), "a functools.partial's dtypes"
    )
    flags = (keywords[name] for name in keywords if name != "dtype")
    require(all(type(flag) in {bool, str} for flag in flags), "a functools.partial's options")


def _function(state: dict[str, Any], _name: str) -> None:
    from jail.globals import allow_list

    allowed = allow_list().transforms
    for attribute in ("func", "inverse_func"):
        function = state.get(attribute)
        if type(function) is functools.partial:
            check_partial(function.func, function.args, function.keywords)
        elif function is not None and not any(function is each for each in allowed):
            raise Refused(
                f"FunctionTransformer.{attribute} is not one of NumPy's elementwise functions.",
                "custom_code",
            )
    for attribute in ("kw_args", "inv_kw_args"):
        require(not state.get(attribute), f"FunctionTransformer.{attribute} is set")


def _pipeline(state: dict[str, Any], _name: str) -> None:
    steps = state["steps"]
    require(type(steps) is list and len(steps) > 0, "a pipeline without steps")
    for step in steps:
        require(type(step) in {tuple, list} and len(step) == 2, "a pipeline's step")
        require(type(step[0]) is str, "the name of a pipeline's step")
        fine = step[1] is None or isinstance(step[1], str) or is_estimator(step[1])
        require(fine, f"step {step[0]!r} of a pipeline is no estimator")


def _loss(state: dict[str, Any], _name: str) -> None:
    closs = state.get("closs")
    require(type(closs).__module__ in {"sklearn._loss._loss", "builtins"}, "a loss of its own")


_HISTOGRAM = "sklearn.ensemble._hist_gradient_boosting.gradient_boosting"

_CHECKS: dict[str, Check] = {
    "sklearn.base:BaseEstimator": _features,
    "sklearn.linear_model._base:LinearModel": _linear,
    "sklearn.linear_model._base:LinearClassifierMixin": _linear,
    "sklearn.linear_model._base:SparseCoefMixin": _linear,
    "sklearn.tree._classes:BaseDecisionTree": _tree,
    "sklearn.ensemble._forest:BaseForest": _forest,
    "sklearn.ensemble._iforest:IsolationForest": _isolation,
    "sklearn.ensemble._gb:BaseGradientBoosting": _boosting,
    f"{_HISTOGRAM}:BaseHistGradientBoosting": _histogram,
    "sklearn.svm._base:BaseLibSVM": _svm,
    "sklearn.neighbors._base:NeighborsBase": _neighbors,
    "sklearn.base:ClusterMixin": _centers,
    "sklearn.feature_extraction.text:CountVectorizer": _vocabulary,
    "sklearn.feature_extraction._dict_vectorizer:DictVectorizer": _vocabulary,
    "sklearn.feature_extraction.text:HashingVectorizer": _hashing,
    "sklearn.feature_extraction._hash:FeatureHasher": _hashing,
    "scipy.interpolate._bsplines:BSpline": _spline,
    "sklearn.preprocessing._function_transformer:FunctionTransformer": _function,
    "sklearn.pipeline:Pipeline": _pipeline,
    "sklearn._loss.loss:BaseLoss": _loss,
}


@functools.cache
def _table() -> dict[type, tuple[Check, ...]]:
    table: dict[type, tuple[Check, ...]] = {}
    for place, each in _CHECKS.items():
        module, name = place.split(":")
        cls = getattr(importlib.import_module(module), name)
        table[cls] = (*table.get(cls, ()), each)
    return table
