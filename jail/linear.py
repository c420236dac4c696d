"""A linear model's answer to one row, without its graph.

A run of onnxruntime has a price of its own, many times that of a few dozen multiplications; Python
does those while a graph's run would still be looking for its inputs. So a linear model's plan
carries its weights beside the graph. Batches, and rows whose score is no number, are the graph's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from operator import mul
from typing import Any

import numpy as np

from jail.batch import OneRow

MOST_WEIGHTS = 512
"""With more of them the graph is the faster one: Python takes some 30 ns for each."""

Row = Sequence[float]
Position = int
# From a row to what was decided and the probabilities; None where a score is no number.
Decide = Callable[[Row], tuple[Position, list[float] | None] | None]
LINKS = ("identity", "sign", "argmax", "logistic", "softmax")


class Linear:
    """Answers rows as `link(weights · row + intercepts)`.

    plan       {"link", "weights": [[…]], "intercepts": […]}: one row of weights for a number
               ("identity") or two classes ("sign", "logistic"), else one for each class
               ("argmax", "softmax")
    signature  the model's

    Raises ValueError where plan and signature don't belong together.
    """

    def __init__(self, plan: dict[str, Any], signature: dict[str, Any]) -> None:
        weights = [[float(weight) for weight in row] for row in plan["weights"]]
        intercepts = [float(intercept) for intercept in plan["intercepts"]]
        link = plan["link"]
        classes: list[Any] = signature.get("classes") or []
        width = len(signature["inputs"][0]["features"])
        one = link in ("identity", "sign", "logistic")
        fits = (
            signature["layout"] == "matrix"
            and all(len(row) == width for row in weights)
            and len(weights) == len(intercepts) == (1 if one else len(classes))
            and (link == "identity" or len(classes) >= 2)
            and (not one or link == "identity" or len(classes) == 2)
        )
        if not fits:
            raise ValueError("The linear form is not this model's.")
        self._classes = classes
        self._identity = link == "identity"
        self._score = _scorer(weights[0], intercepts[0])
        self._decide = _decider(link, weights, intercepts)
        datatype = next(o["datatype"] for o in signature["outputs"] if o["name"] == "predict")
        self._dtype: Any = {"FP64": np.float64, "INT64": np.int64, "BOOL": np.bool_}.get(
            datatype, object
        )

    def __call__(self, row: Row) -> OneRow | None:
        """The answer to a row of as many numbers as there are features; None: ask the graph."""
        if self._identity:
            score = self._score(row)
            return OneRow(score, None, self._dtype) if score - score == 0.0 else None
        decided = self._decide(row)
        if decided is None:
            return None
        position, proba = decided
        return OneRow(self._classes[position], proba, self._dtype)


def check_linear(claimed: Any) -> None:
    """Raises ValueError where it has not the shape of a linear form."""
    if not isinstance(claimed, dict) or claimed.get("link") not in LINKS:
        raise ValueError("a linear form has no known link")
    weights, intercepts = claimed.get("weights"), claimed.get("intercepts")
    if not (isinstance(weights, list) and isinstance(intercepts, list) and weights):
        raise ValueError("a linear form has no weights")
    if not all(isinstance(row, list) for row in weights):
        raise ValueError("a linear form's weights are no rows")
    numbers = [*intercepts, *(weight for row in weights for weight in row)]
    if len(numbers) > MOST_WEIGHTS + len(intercepts) or len(intercepts) > MOST_WEIGHTS:
        raise ValueError("a linear form has too many weights")
    if not all(type(number) is float and math.isfinite(number) for number in numbers):
        raise ValueError("a linear form's weights are no numbers")


def _scorer(weights: list[float], intercept: float) -> Callable[[Row], float]:
    return lambda row: sum(map(mul, weights, row), intercept)


def _decider(link: str, weights: list[list[float]], intercepts: list[float]) -> Decide:
    if link == "logistic":
        return _logistic(weights[0], intercepts[0])
    if link == "sign":
        return _sign(weights[0], intercepts[0])
    return _several([_scorer(*each) for each in zip(weights, intercepts, strict=True)], link)


def _logistic(weights: list[float], intercept: float) -> Decide:
    exp = math.exp

    def decide(row: Row) -> tuple[Position, list[float]] | None:
        score = sum(map(mul, weights, row), intercept)
        if score > 0.0:
            second = 1.0 / (1.0 + exp(-score))
            return 1, [1.0 - second, second]
        if score <= 0.0:
            odds = exp(score)
            second = odds / (1.0 + odds)
            return 0, [1.0 - second, second]
        return None

    return decide


def _sign(weights: list[float], intercept: float) -> Decide:
    def decide(row: Row) -> tuple[Position, None] | None:
        score = sum(map(mul, weights, row), intercept)
        return (int(score > 0.0), None) if score == score else None

    return decide


def _several(scorers: list[Callable[[Row], float]], link: str) -> Decide:
    exp = math.exp

    def decide(row: Row) -> tuple[Position, list[float] | None] | None:
        scores = [score(row) for score in scorers]
        total = sum(scores)
        if total - total != 0.0:
            return None
        largest = max(scores)
        position = scores.index(largest)
        if link == "argmax":
            return position, None
        odds = [exp(score - largest) for score in scores]
        total = sum(odds)
        return position, [each / total for each in odds]

    return decide
