"""How estimators are put together: pipelines, searches, column transformers, text vectorisers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


def is_a(model: Any, *names: str) -> bool:
    """Whether one of the model's classes has one of these names: spares importing them all."""
    return any(cls.__name__ in names for cls in type(model).__mro__)


def unwrapped(model: Any) -> Any:
    """The estimator that answers: a search's best one, else the model itself."""
    while is_a(model, "BaseSearchCV") and hasattr(model, "best_estimator_"):
        model = model.best_estimator_
    return model


def steps_of(model: Any) -> list[Any]:
    """The chain a row passes through, nested pipelines and searches laid flat."""
    model = unwrapped(model)
    if not is_a(model, "Pipeline"):
        return [model]
    chain: list[Any] = []
    for _, step in model.steps:
        if step is not None and not isinstance(step, str):  # "passthrough"
            chain += steps_of(step)
    return chain


def is_vectoriser(step: Any) -> bool:
    """Whether the step takes texts."""
    if is_a(step, "FeatureUnion"):
        parts = [part for _, part in step.transformer_list if not isinstance(part, str)]
        return bool(parts) and all(is_vectoriser(steps_of(part)[0]) for part in parts)
    return is_a(step, "CountVectorizer", "TfidfVectorizer", "HashingVectorizer")


@dataclass(frozen=True, slots=True)
class Part:
    """One transformer of a column transformer and the names of the columns it takes."""

    chain: list[Any]
    columns: list[str]


def column_parts(transformer: Any, names: list[str]) -> Iterator[Part]:
    """The parts of a fitted column transformer that use their columns."""
    places = transformer._transformer_to_input_indices
    for name, step, _ in transformer.transformers_:
        columns = [names[i] for i in places[name]]
        if isinstance(step, str):
            if step != "drop" and columns:
                yield Part([], columns)
        elif columns:
            yield Part(steps_of(step), columns)


def feature_names(model: Any) -> list[str] | None:
    """The names of the data frame the model was fitted with, or None."""
    names = getattr(model, "feature_names_in_", None)
    return None if names is None else [str(name) for name in names]


def trees_of(model: Any) -> Iterator[Any]:
    """Every tree structure inside a tree, a forest, a boosting or a bagging of trees."""
    if hasattr(model, "tree_"):
        yield model.tree_
        return
    estimators = getattr(model, "estimators_", None)
    if estimators is None:
        return
    flat = estimators.ravel() if hasattr(estimators, "ravel") else estimators
    for estimator in flat:
        yield from trees_of(unwrapped(estimator))
