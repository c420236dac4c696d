"""Where a model's trees part, feature by feature, in the terms of the caller's own columns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from jail import anatomy
from jail.batch import Array

SCALERS = frozenset({"StandardScaler", "MinMaxScaler", "MaxAbsScaler", "RobustScaler"})
MAX_SPLITS = 200_000
MAX_EDGES = 3000
"""Values kept for one feature; of more, evenly spread ones are taken."""
LARGEST = float(np.finfo(np.float32).max)


@dataclass(slots=True)
class Known:
    """What a model gives away about one of its inputs.

    low, high  the range it was trained on, as far as it remembers; None where it does not
    edges      the values at thresholds and one float32 step to either side
    """

    low: float | None = None
    high: float | None = None
    edges: list[Array] = field(default_factory=list)

    def widen(self, low: float, high: float) -> None:
        """Take another range in."""
        if np.isfinite([low, high]).all() and low <= high:
            self.low = low if self.low is None else min(self.low, low)
            self.high = high if self.high is None else max(self.high, high)

    def values(self) -> Array:
        """All edges, sorted, each once, at most MAX_EDGES of them."""
        if not self.edges:
            return np.empty(0)
        found: Array = np.unique(np.concatenate(self.edges))
        found = np.asarray(found[np.isfinite(found) & (np.abs(found) < LARGEST)])
        if len(found) <= MAX_EDGES:
            return found
        spread: Array = found[np.linspace(0, len(found) - 1, MAX_EDGES).astype(int)]
        return spread


def known_inputs(model: Any, count: int) -> list[Known]:
    """What is known of each of the `count` columns that the model was fitted on."""
    known = [Known() for _ in range(count)]
    for way in anatomy.paths(model):
        for columns, chain, first_output in _lanes(way, count):
            _remembered(chain or way[1:2], columns, known)
            _split(way, chain, columns, first_output, known)
    for each in known:
        edges = each.values()
        if each.low is None and len(edges):
            spread = max(float(edges[-1] - edges[0]), abs(float(edges[0])) * 1e-3, 1e-3)
            each.widen(float(edges[0]) - 0.2 * spread, float(edges[-1]) + 0.2 * spread)
    return known


def _lanes(way: list[Any], count: int) -> Iterator[tuple[list[int], list[Any], int]]:
    """(input columns, steps of their own, place of the first in what comes out) of a way.

    A way without a column transformer is one lane of all columns.
    """
    if anatomy.kind(way[0]) != "ColumnTransformer":
        yield list(range(count)), way, 0
        return
    for name, part, _ in way[0].transformers_:
        columns = [int(i) for i in way[0]._transformer_to_input_indices[name]]
        place = way[0].output_indices_.get(name)
        if columns and place is not None and not (isinstance(part, str) and part == "drop"):
            yield columns, [] if isinstance(part, str) else anatomy.flat_steps(part), place.start


def _remembered(chain: list[Any], columns: list[int], known: list[Known]) -> None:
    for step in chain:
        for low, high in _ranges(step):
            if len(low) == len(columns):
                for column, least, most in zip(columns, low, high, strict=True):
                    known[column].widen(float(least), float(most))
                return
        if anatomy.kind(step) not in anatomy.IMPUTERS:
            return


def _ranges(step: Any) -> Iterator[tuple[Array, Array]]:
    """The training range by column, from whatever the step keeps."""
    if hasattr(step, "data_min_") and hasattr(step, "data_max_"):
        yield np.atleast_1d(step.data_min_), np.atleast_1d(step.data_max_)
    scale = getattr(step, "scale_", None)
    for name in ("mean_", "center_"):
        middle = getattr(step, name, None)
        if isinstance(middle, np.ndarray) and middle.ndim == 1 and isinstance(scale, np.ndarray):
            yield middle - 3 * scale, middle + 3 * scale
    if anatomy.kind(step) == "MaxAbsScaler":
        yield -step.max_abs_, step.max_abs_
    if hasattr(step, "theta_") and hasattr(step, "var_"):
        spread = 3 * np.sqrt(step.var_.max(axis=0))
        yield step.theta_.min(axis=0) - spread, step.theta_.max(axis=0) + spread
    for name in ("_fit_X", "X_train_", "support_vectors_", "cluster_centers_", "means_"):
        seen = getattr(step, name, None)
        if isinstance(seen, np.ndarray) and seen.ndim == 2 and seen.dtype.kind == "f" and seen.size:
            spread = np.maximum(seen.std(axis=0), 1e-3)
            yield seen.min(axis=0) - spread, seen.max(axis=0) + spread


def _split(
    way: list[Any], chain: list[Any], columns: list[int], start: int, known: list[Known]
) -> None:
    """Add the thresholds of the way's trees to the columns they fall on."""
    alone = chain is way or chain == way
    before = chain[:-1] if alone else chain
    between = [] if alone else way[1:-1]
    plain = SCALERS | {"SimpleImputer"}
    if not all(anatomy.kind(step) in plain for step in [*before, *between]):
        return
    features, thresholds = splits(way[-1])
    for offset, column in enumerate(columns):
        at = np.unique(thresholds[features == start + offset]).astype(np.float32)
        if not len(at):
            continue
        near = np.concatenate(
            [at, np.nextafter(at, np.float32(-np.inf)), np.nextafter(at, np.float32(np.inf))]
        ).astype(np.float64)
        exact = np.unique(thresholds[features == start + offset])
        raw = _unscaled(np.concatenate([near, exact]), between, start + offset)
        raw = _unscaled(raw, before, offset)
        rounded = raw.astype(np.float32).astype(np.float64)
        known[column].edges += [raw, rounded]


def _unscaled(values: Array, scalers: list[Any], place: int) -> Array:
    """The values as they were before these scalers, last one first."""
    for scaler in reversed(scalers):
        if anatomy.kind(scaler) not in SCALERS:
            continue
        rows = np.zeros((len(values), int(scaler.n_features_in_)))
        if place >= rows.shape[1]:
            return np.empty(0)
        rows[:, place] = values
        values = scaler.inverse_transform(rows)[:, place]
    return values


def splits(estimator: Any) -> tuple[Array, Array]:
    """(features, thresholds) of every inner node of every tree inside, at most MAX_SPLITS."""
    features: list[Array] = [np.empty(0, dtype=np.int64)]
    thresholds: list[Array] = [np.empty(0)]
    for part in anatomy.walk(estimator):
        for predictor in [each for stage in getattr(part, "_predictors", []) for each in stage]:
            nodes = predictor.nodes[predictor.nodes["is_leaf"] == 0]
            features.append(nodes["feature_idx"].astype(np.int64))
            thresholds.append(nodes["num_threshold"].astype(np.float64))
        if hasattr(part, "tree_"):
            inner = part.tree_.children_left >= 0
            features.append(part.tree_.feature[inner])
            thresholds.append(part.tree_.threshold[inner])
    feature, threshold = np.concatenate(features), np.concatenate(thresholds)
    if len(feature) > MAX_SPLITS:
        chosen = np.linspace(0, len(feature) - 1, MAX_SPLITS).astype(int)
        feature, threshold = feature[chosen], threshold[chosen]
    finite = np.isfinite(threshold)
    return feature[finite], threshold[finite]
