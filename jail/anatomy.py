"""How fitted estimators are put together: what holds what, and the ways rows take through."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

VECTORIZERS = frozenset({"CountVectorizer", "TfidfVectorizer", "HashingVectorizer"})
ENCODERS = frozenset({"OneHotEncoder", "OrdinalEncoder", "TargetEncoder"})
IMPUTERS = frozenset({"SimpleImputer", "KNNImputer", "IterativeImputer"})
HISTOGRAM_TREES = frozenset({"HistGradientBoostingClassifier", "HistGradientBoostingRegressor"})
TREE_ENSEMBLES = frozenset(
    {
        "DecisionTreeClassifier", "DecisionTreeRegressor", "ExtraTreeClassifier",
        "ExtraTreeRegressor", "ExtraTreesClassifier", "ExtraTreesRegressor",
        "GradientBoostingClassifier", "GradientBoostingRegressor", "IsolationForest",
        "RandomForestClassifier", "RandomForestRegressor",
    }
)  # fmt: skip
"""scikit-learn's own trees, which cast their rows to float32 before they compare."""

MAX_WAYS = 64
# Where the fitted parts of an estimator are; the unfitted templates beside them say nothing.
PARTS = (
    "steps", "transformers_", "transformer_list", "best_estimator_", "estimators_", "estimator_",
    "final_estimator_", "calibrated_classifiers_", "estimator", "regressor_", "classifier_",
    "transformer_", "_preprocessor", "kernel_", "base_estimator_", "initial_estimator_", "init_",
)  # fmt: skip


def kind(part: Any) -> str:
    """The name of the part's class."""
    return type(part).__name__


def unwrapped(model: Any) -> Any:
    """The estimator that answers: a search's best one, else the model itself."""
    while hasattr(model, "best_estimator_"):
        model = model.best_estimator_
    return model


def walk(model: Any) -> Iterator[Any]:
    """The model and every fitted estimator inside of it, each once, outer ones first."""
    seen: set[int] = set()
    todo = [model]
    while todo:
        part = todo.pop(0)
        if id(part) in seen:
            continue
        seen.add(id(part))
        if isinstance(part, list | tuple):
            todo += part
        elif isinstance(part, np.ndarray):
            todo += part.ravel().tolist() if part.dtype.kind == "O" else []
        elif hasattr(part, "get_params") or kind(part) == "_CalibratedClassifier":
            yield part
            state = vars(part)
            names = [name for name in PARTS if name in state]
            # `estimator` is a template wherever the fitted ones stand beside it.
            if kind(part) != "_CalibratedClassifier":
                names = [name for name in names if name != "estimator"]
            todo += [state[name] for name in names]


def flat_steps(model: Any) -> list[Any]:
    """The chain of a pipeline, nested pipelines laid flat; anything else is a chain of one."""
    model = unwrapped(model)
    if kind(model) != "Pipeline":
        return [model]
    return [
        inner
        for _, step in model.steps
        if step is not None and not isinstance(step, str)
        for inner in flat_steps(step)
    ]


def paths(model: Any) -> Iterator[list[Any]]:
    """The chains of steps a row may take from the input to an answer, as lists of estimators.

    Unions, votes and stacks fork; a column transformer stays one step.
    """
    ways: list[list[Any]] = [[]]
    for step in flat_steps(model):
        ways = [[*way, *branch] for way in ways for branch in _branches(step)][:MAX_WAYS]
    yield from ways


def _branches(step: Any) -> list[list[Any]]:
    name = kind(step)
    if name == "FeatureUnion":
        parts = [part for _, part in step.transformer_list if not isinstance(part, str)]
        return [way for part in parts for way in paths(part)] or [[]]
    if name in {"VotingClassifier", "VotingRegressor"}:
        return [way for part in step.estimators_ for way in paths(part)]
    if name in {"StackingClassifier", "StackingRegressor"}:
        parts = [part for part in step.estimators_ if not isinstance(part, str)]
        return [[*way, step] for part in parts for way in paths(part)]
    if name == "CalibratedClassifierCV":
        parts = [each.estimator for each in step.calibrated_classifiers_]
        return [[*way, step] for part in parts[:1] for way in paths(part)]
    if name == "TransformedTargetRegressor":
        return list(paths(step.regressor_))
    if name in HISTOGRAM_TREES and getattr(step, "_preprocessor", None) is not None:
        return [[step._preprocessor, step]]
    return [[step]]


def feature_names(model: Any) -> list[str] | None:
    """The names of the data frame that the model was fitted with, or None."""
    for part in (unwrapped(model), flat_steps(model)[0]):
        names = getattr(part, "feature_names_in_", None)
        if names is not None:
            return [str(name) for name in names]
    return None


def feature_count(model: Any) -> int | None:
    """How many features the model takes, as far as it says."""
    for part in (unwrapped(model), flat_steps(model)[0]):
        count = getattr(part, "n_features_in_", None)
        if isinstance(count, int | np.integer) and count > 0:
            return int(count)
    return 1 if kind(flat_steps(model)[-1]) == "IsotonicRegression" else None


def takes_missing(steps: list[Any]) -> bool:
    """Whether a missing number can go through the chain of steps to an answer."""
    for step in steps:
        if kind(step) in IMPUTERS:
            return True
        if not _lets_missing_through(step):
            return False
    return bool(steps)


def _lets_missing_through(step: Any) -> bool:
    """scikit-learn's own tag; functions on rows take what comes unless they are told to look."""
    from sklearn.utils import get_tags

    if kind(step) == "FunctionTransformer":
        return not step.validate

    try:
        return bool(get_tags(step).input_tags.allow_nan)
    except (AttributeError, TypeError, ValueError):
        return False  # a meta-estimator whose parts can't be asked
