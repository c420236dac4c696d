"""Whether a compiled model answers as its original does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from jail.batch import Array, Outputs

TOLERANCE = 1e-4
"""Largest difference in a probability; for numbers relative to max(1, |the original's|)."""
TIE = 1e-6
"""Where the original's top two probabilities lie this close, either label is right."""


@dataclass(frozen=True, slots=True)
class ParityReport:
    """The outcome of a comparison.

    labels_equal  labels agree on every row that is no tie; true where there are no labels
    ties          rows on which the original's top two classes tie, within TIE
    max_abs_diff  largest difference over all rows, in the terms of TOLERANCE; infinite where one
                  side is NaN or missing and the other is not
    reason        one sentence, empty when passed
    """

    rows: int
    labels_equal: bool
    ties: int
    max_abs_diff: float
    passed: bool
    reason: str


def compare(reference: Outputs, got: Outputs, signature: dict[str, Any]) -> ParityReport:
    """Hold what the compiled form `got` against the original's `reference`, row by row."""
    rows = len(reference.predict)
    if got.predict.shape != reference.predict.shape:
        reason = f"it answers in the shape {got.predict.shape}, not {reference.predict.shape}."
        return ParityReport(rows, False, 0, float("inf"), False, reason)
    if signature["task"] in ("regression", "transform"):
        return _numbers(reference.predict, got.predict)
    return _labels(reference, got)


def _numbers(reference: Array, got: Array) -> ParityReport:
    scale = np.maximum(1.0, np.abs(np.where(np.isfinite(reference), reference, 1.0)))
    difference, row = _largest(reference / scale, got / scale)
    passed = difference <= TOLERANCE
    reason = (
        "" if passed else f"its answers differ by up to {difference:.2g} (relative) at probe {row}."
    )
    return ParityReport(len(reference), True, 0, difference, passed, reason)


def _labels(reference: Outputs, got: Outputs) -> ParityReport:
    rows = len(reference.predict)
    tied = _tied(reference.predict_proba, rows)
    unequal = reference.predict != got.predict
    wrong = (unequal.any(axis=1) if unequal.ndim == 2 else unequal) & ~tied
    difference, row = 0.0, 0
    if reference.predict_proba is not None:
        difference, row = _probabilities(reference.predict_proba, got.predict_proba)
    reason = ""
    if wrong.any():
        count = int(wrong.sum())
        reason = f"its labels differ on {count:,} of {rows:,} probes, first at {wrong.argmax()}."
    elif difference > TOLERANCE:
        reason = f"its probabilities differ by up to {difference:.2g}, at probe {row}."
    return ParityReport(
        rows, not wrong.any(), int(tied.sum()), difference, not reason, reason
    )  # fmt: skip


def _probabilities(reference: Array, got: Array | None) -> tuple[float, int]:
    if got is None or got.shape != reference.shape:
        return float("inf"), 0
    return _largest(reference, got)


def _tied(proba: Array | None, rows: int) -> Array:
    if proba is None or proba.shape[1] < 2:
        return np.zeros(rows, dtype=bool)
    top = np.partition(proba, -2, axis=1)[:, -2:]
    return np.asarray(top[:, 1] - top[:, 0] <= TIE)


def _largest(reference: Array, got: Array) -> tuple[float, int]:
    """The largest difference and its row. NaN equals NaN, and each infinity itself."""
    if not reference.size:
        return 0.0, 0
    with np.errstate(invalid="ignore"):
        difference = np.abs(reference - got)
    same = (reference == got) | (np.isnan(reference) & np.isnan(got))
    difference = np.where(same, 0.0, np.where(np.isnan(difference), np.inf, difference))
    per_row = difference.reshape(len(reference), -1).max(axis=1)
    return float(per_row.max()), int(per_row.argmax())
