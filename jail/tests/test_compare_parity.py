"""Two models agree where no caller could tell them apart, and nowhere else."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from jail.batch import Outputs
from jail.parity import compare

CLASSIFIER: dict[str, Any] = {"task": "classification"}
REGRESSOR: dict[str, Any] = {"task": "regression"}


def proba(*first: float) -> Any:
    """Two classes, given the first one's probability."""
    return np.column_stack([first, 1 - np.array(first)])


def test_equal_answers_pass() -> None:
    outputs = Outputs(np.array([0, 1]), proba(0.9, 0.2))
    report = compare(outputs, outputs, CLASSIFIER)
    assert report.passed
    assert report.max_abs_diff == 0
    assert report.reason == ""


def test_another_label_fails_and_names_the_probe() -> None:
    one = Outputs(np.array(["a", "b"], dtype=object), proba(0.9, 0.2))
    other = Outputs(np.array(["a", "a"], dtype=object), proba(0.9, 0.2))
    report = compare(one, other, CLASSIFIER)
    assert not report.passed
    assert not report.labels_equal
    assert "1" in report.reason


def test_tie_may_go_either_way() -> None:
    one = Outputs(np.array([0, 1]), proba(0.5, 0.2))
    other = Outputs(np.array([1, 1]), proba(0.5, 0.2))
    report = compare(one, other, CLASSIFIER)
    assert report.passed
    assert report.ties == 1


@pytest.mark.parametrize(("difference", "passed"), [(9e-5, True), (1.1e-4, False)])
def test_probabilities_have_a_tolerance(difference: float, passed: bool) -> None:
    one = Outputs(np.array([0]), proba(0.7))
    other = Outputs(np.array([0]), proba(0.7 + difference))
    assert compare(one, other, CLASSIFIER).passed == passed


def test_missing_probabilities_fail() -> None:
    one = Outputs(np.array([0]), proba(0.7))
    assert not compare(one, Outputs(np.array([0])), CLASSIFIER).passed


@pytest.mark.parametrize(
    ("original", "other", "passed"),
    [
        (1e6, 1e6 + 50, True),
        (1e6, 1e6 + 150, False),
        (0.0, 9e-5, True),
        (0.0, 2e-4, False),
        (math.nan, math.nan, True),
        (math.nan, 1.0, False),
        (1.0, math.nan, False),
        (math.inf, math.inf, True),
        (math.inf, -math.inf, False),
        (math.inf, 1.0, False),
    ],
)
def test_numbers_are_compared_by_their_size(original: float, other: float, passed: bool) -> None:
    report = compare(Outputs(np.array([original])), Outputs(np.array([other])), REGRESSOR)
    assert report.passed == passed
    assert not math.isnan(report.max_abs_diff)


def test_another_shape_fails() -> None:
    report = compare(Outputs(np.zeros((3, 2))), Outputs(np.zeros(3)), REGRESSOR)
    assert not report.passed
    assert "shape" in report.reason


def test_each_output_of_several_counts() -> None:
    one, other = Outputs(np.array([[0, 1], [1, 1]])), Outputs(np.array([[0, 1], [1, 0]]))
    assert not compare(one, other, CLASSIFIER).passed
