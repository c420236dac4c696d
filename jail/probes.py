"""Rows on which the original and its compiled form would part, if they did."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from jail import anatomy
from jail.batch import Array, Batch

MOST = 16_384
SCALERS = frozenset({"StandardScaler", "MinMaxScaler", "MaxAbsScaler", "RobustScaler"})
WORDS = ("a", "I", "good", "bad", "naïve", "café", "Straße", "ÉCOLE", "x1", "42", "the", "not")


def make_probes(
    model: Any,
    signature: dict[str, Any],
    *,
    seed: bytes,
    example: Batch | None,
    rows: int = 4096,
) -> Batch:
    """At least `rows` rows for the model, the same for the same seed; the example is among them.

    In range, at every threshold and one float32 step beside it (mapped back through scalers),
    rounded to 0 to 3 decimals, and with missing values where the signature allows them.
    """
    rng = np.random.default_rng(np.frombuffer(seed, dtype=np.uint32))
    if signature["layout"] == "text":
        return _with_example(_texts(model, rng, rows), example)
    if signature["layout"] == "columns":
        return _with_example(_columns(model, signature, rng, rows), example)
    return _with_example(_matrix(model, signature, rng, rows), example)


def _with_example(probes: Batch, example: Batch | None) -> Batch:
    if example is None or not example.rows:
        return probes
    if probes.matrix is not None and example.matrix is not None:
        return Batch("matrix", matrix=np.vstack([probes.matrix, example.matrix]))
    if probes.columns is not None and example.columns is not None:
        both = {
            name: np.concatenate([values, example.columns[name].astype(values.dtype)])
            for name, values in probes.columns.items()
        }
        return Batch("columns", columns=both)
    return Batch("text", texts=[*(probes.texts or []), *(example.texts or [])])


def _matrix(model: Any, signature: dict[str, Any], rng: np.random.Generator, rows: int) -> Batch:
    features = signature["inputs"][0]["features"]
    low, high = _ranges(model, len(features))
    thresholds = [np.asarray(found) for found in _thresholds(model, len(features))]
    most = max((len(found) for found in thresholds), default=0)
    edge_rows = min(3 * most, MOST - rows) if most else 0
    plain = rng.uniform(low, high, size=(rows, len(features)))
    quarter = rows // 4
    for decimals in range(4):
        part = slice(decimals * quarter // 2, (decimals + 1) * quarter // 2)
        plain[part] = np.round(plain[part], decimals)
    edges = _edges(thresholds, rng.uniform(low, high, size=(edge_rows, len(features))), rng)
    matrix = np.vstack([plain, edges])
    for i, feature in enumerate(features):
        if feature.get("nullable"):
            matrix[rng.random(len(matrix)) < 0.05, i] = np.nan
    return Batch("matrix", matrix=matrix)


def _edges(thresholds: list[Array], rows: Array, rng: np.random.Generator) -> Array:
    """Put thresholds, and what is one float32 step beside them, into the rows."""
    for i, found in enumerate(thresholds):
        if not len(found) or not len(rows):
            continue
        at = np.resize(rng.permutation(found), len(rows)).astype(np.float32)
        steps = np.stack(
            [at, np.nextafter(at, np.float32(-np.inf)), np.nextafter(at, np.float32(np.inf))]
        )
        chosen = steps[rng.integers(0, 3, len(rows)), np.arange(len(rows))]
        # Half of the rows keep an ordinary value, so that other paths are walked too.
        keep = rng.random(len(rows)) < 0.5
        rows[:, i] = np.where(keep, rows[:, i], chosen.astype(np.float64))
    return rows


def _ranges(model: Any, width: int) -> tuple[Array, Array]:
    """The values each feature had in training, as far as the model remembers."""
    low, high = np.full(width, -3.0), np.full(width, 3.0)
    for step in anatomy.flat_steps(model):
        for seen_low, seen_high in _seen(step):
            if len(seen_low) == width:
                spread = np.maximum(seen_high - seen_low, 1e-3)
                return seen_low - 0.1 * spread, seen_high + 0.1 * spread
        if not _keeps_columns(step):
            break
    for i, found in enumerate(_thresholds(model, width)):
        if len(found):
            spread = max(float(np.max(found) - np.min(found)), 1e-3)
            low[i], high[i] = np.min(found) - 0.2 * spread, np.max(found) + 0.2 * spread
    return low, high


def _seen(step: Any) -> Iterator[tuple[Array, Array]]:
    if hasattr(step, "data_min_") and hasattr(step, "data_max_"):
        yield np.asarray(step.data_min_), np.asarray(step.data_max_)
    if hasattr(step, "mean_") and getattr(step, "scale_", None) is not None:
        mean, scale = np.asarray(step.mean_), np.asarray(step.scale_)
        if mean.shape == scale.shape:
            yield mean - 3 * scale, mean + 3 * scale
    for name in ("_fit_X", "X_train_", "support_vectors_", "cluster_centers_", "theta_", "means_"):
        seen = getattr(step, name, None)
        if isinstance(seen, np.ndarray) and seen.ndim == 2 and seen.dtype.kind == "f":
            yield seen.min(axis=0) - 1, seen.max(axis=0) + 1


def _keeps_columns(step: Any) -> bool:
    return anatomy.kind(step) in {"SimpleImputer", *SCALERS}


def _thresholds(model: Any, width: int) -> list[list[float]]:
    """Every threshold by feature, mapped back through the scalers in front."""
    chain = anatomy.flat_steps(model)
    found: list[list[float]] = [[] for _ in range(width)]
    scalers = []
    for step in chain[:-1]:
        if anatomy.kind(step) in SCALERS:
            scalers.append(step)
        elif anatomy.kind(step) != "SimpleImputer":
            return found
    for feature, threshold in _splits(chain[-1]):
        if feature < width:
            found[feature].append(threshold)
    for i, values in enumerate(found):
        unique = np.unique(values)
        for scaler in reversed(scalers):
            grid = np.zeros((len(unique), width))
            grid[:, i] = unique
            unique = scaler.inverse_transform(grid)[:, i] if len(unique) else unique
        found[i] = unique.tolist()
    return found


def _splits(estimator: Any) -> Iterator[tuple[int, float]]:
    for part in anatomy.walk(estimator):
        for predictor in [each for stage in getattr(part, "_predictors", []) for each in stage]:
            nodes = predictor.nodes[predictor.nodes["is_leaf"] == 0]
            at = nodes["feature_idx"].tolist()
            yield from zip(at, nodes["num_threshold"].tolist(), strict=True)
        if hasattr(part, "tree_"):
            inner = part.tree_.feature >= 0
            at = part.tree_.feature[inner].tolist()
            yield from zip(at, part.tree_.threshold[inner].tolist(), strict=True)


def _columns(model: Any, signature: dict[str, Any], rng: np.random.Generator, rows: int) -> Batch:
    columns: dict[str, Array] = {}
    for each in signature["inputs"]:
        columns[each["name"]] = _column(each["features"][0], rng, rows)
    return Batch("columns", columns=columns)


def _column(feature: dict[str, Any], rng: np.random.Generator, rows: int) -> Array:
    known = feature.get("categories")
    kind, nullable = feature["dtype"], feature.get("nullable")
    if known:
        values = np.empty(rows, dtype=np.object_)
        values[:] = [known[i] for i in rng.integers(0, len(known), rows)]
        if feature.get("unknown") != "error" and kind == "str":
            values[rng.random(rows) < 0.02] = "never seen"
    elif kind == "str":
        values = np.array([" ".join(rng.choice(WORDS, 5)) for _ in range(rows)], dtype=np.object_)
    else:
        values = _numbers(rng, rows)
    if kind == "str":
        if nullable:
            values[rng.random(rows) < 0.05] = None
        return values
    if kind == "int" and not nullable:
        return values.astype(np.int64)
    if kind == "bool":
        return values.astype(np.bool_)
    values = values.astype(np.float64)
    if nullable:
        values[rng.random(rows) < 0.05] = np.nan
    return values


def _numbers(rng: np.random.Generator, rows: int) -> Array:
    """Small and large, round and not."""
    values = rng.normal(size=rows) * rng.choice([1.0, 10.0, 100.0], rows)
    values[: rows // 3] = np.round(values[: rows // 3], 1)
    return values


def _texts(model: Any, rng: np.random.Generator, rows: int) -> Batch:
    words = [*WORDS, *_vocabulary(model)]
    lengths = rng.integers(0, 12, rows)
    signs = [" ", " ", " ", ", ", ". ", "-", "  ", "\n"]
    texts = []
    for length in lengths.tolist():
        chosen = [words[i] for i in rng.integers(0, len(words), length)]
        text = "".join(word + signs[rng.integers(0, len(signs))] for word in chosen)
        texts.append(text.upper() if rng.random() < 0.1 else text)
    return Batch("text", texts=texts)


def _vocabulary(model: Any) -> list[str]:
    found: set[str] = set()
    for part in anatomy.walk(model):
        found |= set(map(str, getattr(part, "vocabulary_", {})))
    return sorted(found)[:20_000]
