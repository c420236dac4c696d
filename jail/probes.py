"""Rows on which the original and its compiled form would part, if they did."""

from __future__ import annotations

from typing import Any

import numpy as np

from jail import anatomy
from jail.batch import Array, Batch
from jail.native import predict_native
from jail.thresholds import Known, known_inputs

MOST = 16_384
"""Probes at the most, however many thresholds there are."""
SPARE = 512
"""Rows on which it is tried whether the original answers for such rows at all."""
HOLES = 0.04
"""Share of missing values where they are allowed."""
LARGEST = 1e30
WORDS = (
    "a", "I", "é", "x1", "42", "the", "not", "good", "bad", "naïve", "café", "Straße", "ÉCOLE",
    "Привет", "東京", "don't", "e-mail", "snake_case", "İstanbul", "ΣΑΣ", "ﬁne", "1,5", "x²",
)  # fmt: skip
SIGNS = (" ", " ", " ", " ", ", ", ". ", "-", "  ", "\n", "_", "\u00a0", "!")


def make_probes(
    model: Any,
    signature: dict[str, Any],
    *,
    seed: bytes,
    example: Batch | None,
    rows: int = 4096,
) -> Batch:
    """At least `rows` rows for the model, the same for the same seed; the example comes last.

    In range, at every threshold and one float32 step beside it (mapped back through scalers),
    rounded to 0 to 3 decimals, with missing values and unknown categories where the signature
    allows them. Rows that the original itself refuses are left out.
    """
    rng = np.random.default_rng(list(seed))
    make = {"text": _texts, "columns": _columns, "matrix": _matrix}[signature["layout"]]
    return _with_example(_answerable(model, signature, make(model, signature, rng, rows)), example)


def _with_example(probes: Batch, example: Batch | None) -> Batch:
    if example is None or not example.rows:
        return probes
    if probes.matrix is not None and example.matrix is not None:
        return Batch("matrix", matrix=np.vstack([probes.matrix, example.matrix]))
    if probes.columns is not None and example.columns is not None:
        # A missing whole number comes as a float: the wider of both types holds all.
        both = {
            name: np.concatenate([values, example.columns[name]])
            for name, values in probes.columns.items()
        }
        return Batch("columns", columns=both)
    return Batch("text", texts=[*(probes.texts or []), *(example.texts or [])])


def _answerable(model: Any, signature: dict[str, Any], probes: Batch) -> Batch:
    """The probes without those the original raises for, such as a logarithm below zero.

    A few rows are tried first, because most models refuse none and asking takes time.
    """
    spread = np.linspace(0, probes.rows - 1, min(SPARE, probes.rows)).astype(int)
    if _answers(model, signature, probes.take(spread)):
        return probes
    kept: list[int] = []
    waiting = [spread]
    while waiting:
        part = waiting.pop()
        if _answers(model, signature, probes.take(part)):
            kept += part.tolist()
        elif len(part) > 1:
            waiting += [part[: len(part) // 2], part[len(part) // 2 :]]
    if not kept:
        return probes
    return probes.take(np.resize(np.array(sorted(kept)), probes.rows))


def _answers(model: Any, signature: dict[str, Any], rows: Batch) -> bool:
    try:
        predict_native(model, signature, rows)
    except Exception:  # noqa: BLE001 - foreign code may refuse rows in any way
        return False
    return True


def _matrix(model: Any, signature: dict[str, Any], rng: np.random.Generator, rows: int) -> Batch:
    features = signature["inputs"][0]["features"]
    known = known_inputs(model, len(features))
    total = _total(rows, known)
    columns = [
        _plain(feature, _numbers(each, rng, rows, total), rng, rows)
        for each, feature in zip(known, features, strict=True)
    ]
    return Batch("matrix", matrix=np.column_stack(columns))


def _total(rows: int, known: list[Known]) -> int:
    """Room for each edge of the feature that has the most of them, once alone and once mixed."""
    return min(rows + 2 * max((len(each.values()) for each in known), default=0), MOST)


def _numbers(known: Known, rng: np.random.Generator, rows: int, total: int) -> Array:
    """One feature: `rows` values of its range, then up to `total` at its thresholds and between."""
    low, high = (-3.0, 3.0) if known.low is None or known.high is None else (known.low, known.high)
    margin = 0.1 * max(high - low, 1e-3)
    low, high = max(low - margin, -LARGEST), min(high + margin, LARGEST)
    values = rng.uniform(low, high, total)
    if known.low is None:
        # Nothing is known: small and large ones, as many as not.
        values[: rows // 2] *= rng.choice([1.0, 10.0, 100.0, 1000.0], rows // 2)
    for decimals in range(4):
        place = rng.random(total) < 0.1
        values[place] = np.round(values[place], decimals)
    edges = known.values()
    if len(edges) and total > rows:
        half = (total - rows + 1) // 2
        values[rows : rows + half] = np.resize(rng.permutation(edges), half)
        rest = total - rows - half
        mixed = np.resize(rng.permutation(edges), rest)
        values[rows + half :] = np.where(rng.random(rest) < 0.5, mixed, values[rows + half :])
    return values


def _columns(model: Any, signature: dict[str, Any], rng: np.random.Generator, rows: int) -> Batch:
    names = anatomy.feature_names(model)
    width = anatomy.feature_count(model) or len(names or [])
    known = dict(
        zip(names or [f"x{i}" for i in range(width)], known_inputs(model, width), strict=True)
    )
    total = _total(rows, list(known.values()))
    vocabulary = _vocabulary(model)
    columns = {}
    for each in signature["inputs"]:
        feature = each["features"][0]
        if feature["dtype"] == "str" and not feature.get("categories"):
            columns[each["name"]] = np.array(_words(vocabulary, rng, total), dtype=object)
        elif feature.get("categories"):
            columns[each["name"]] = _categories(feature, rng, total)
        else:
            columns[each["name"]] = _plain(
                feature, _numbers(known[each["name"]], rng, rows, total), rng, rows
            )
    return Batch("columns", columns=columns)


def _categories(feature: dict[str, Any], rng: np.random.Generator, rows: int) -> Array:
    """Known categories, an unknown one where that is no error, and missing ones."""
    known = feature["categories"]
    values = np.empty(rows, dtype=object)
    values[:] = [known[i] for i in rng.integers(0, len(known), rows)]
    if feature["dtype"] == "bool":
        return values.astype(np.bool_)
    unknown = rng.random(rows) < HOLES
    if feature.get("unknown") == "error":
        unknown[:] = False
    if feature["dtype"] == "str":
        values[unknown] = "never seen"
        if feature.get("nullable"):
            values[rng.random(rows) < HOLES] = None
        return values
    values[unknown] = max(known) + 1
    return _plain(feature, values.astype(np.float64), rng, rows)


def _plain(feature: dict[str, Any], values: Array, rng: np.random.Generator, rows: int) -> Array:
    """The values in the feature's type, with holes in the first `rows` where it may have them."""
    if feature["dtype"] == "bool":
        return rng.random(len(values)) < 0.5
    if feature["dtype"] == "int":
        values = np.round(values)
    if feature["dtype"] == "int" and not feature.get("nullable"):
        return values.astype(np.int64)
    if feature.get("nullable"):
        values[:rows][rng.random(min(rows, len(values))) < HOLES] = np.nan
    return values


def _texts(model: Any, _signature: dict[str, Any], rng: np.random.Generator, rows: int) -> Batch:
    return Batch("text", texts=_words(_vocabulary(model), rng, rows))


def _words(vocabulary: list[str], rng: np.random.Generator, rows: int) -> list[str]:
    """Texts of known words and odd ones: one letter, accents, other scripts, none at all."""
    lengths = rng.integers(0, 12, rows).tolist()
    odd = rng.random(rows) < 0.5
    texts = []
    for row, length in enumerate(lengths):
        words = [*WORDS, *vocabulary] if odd[row] or not vocabulary else vocabulary
        chosen = rng.integers(0, len(words), length).tolist()
        signs = rng.integers(0, len(SIGNS), length).tolist()
        text = "".join(words[w] + SIGNS[s] for w, s in zip(chosen, signs, strict=True))
        texts.append((text.upper(), text.title(), text, text, text)[row % 5])
    return texts


def _vocabulary(model: Any) -> list[str]:
    found: set[str] = set()
    for part in anatomy.walk(model):
        words = getattr(part, "vocabulary_", None)
        if isinstance(words, dict):
            found.update(map(str, words))
    every = sorted(found)
    return [every[i] for i in np.linspace(0, len(every) - 1, min(len(every), 20_000)).astype(int)]
