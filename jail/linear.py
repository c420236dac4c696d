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

from jail.batch import ANSWERS, OneRow

MOST_WEIGHTS = 512
"""With more of them the graph is the faster one: Python takes some 30 ns for each."""

Row = Sequence[float]
# From a row to the answer and the probabilities; None where a score is no number.
Decide = Callable[[Row], tuple[Any, list[float] | None] | None]
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
        self._decide = _decider(link, weights, intercepts, classes)
        datatype = next(o["datatype"] for o in signature["outputs"] if o["name"] == "predict")
        self._dtype = ANSWERS.get(datatype, object)

    def __call__(self, row: Row) -> OneRow | None:
        """The answer to a row of as many numbers as there are features; None: ask the graph."""
        decided = self._decide(row)
        return OneRow(*decided, self._dtype) if decided is not None else None


def check_linear(claimed: Any) -> None:
    """Raises ValueError where it has not the shape of a linear form."""
    if not isinstance(claimed, dict) or claimed.get("link") not in LINKS:
        raise ValueError("a linear form has no known link")
    weights, intercepts = claimed.get("weights"), claimed.get("intercepts")
    if not (isinstance(weights, list) and isinstance(intercepts, list) and weights):
        raise ValueError("a linear form has no weights")
    if not all(isinstance(row, list) for row in weights):
        raise ValueError("a linear form's weights are no rows")
    numbers = [weight for row in weights for weight in row]
    if len(numbers) > MOST_WEIGHTS or len(intercepts) > MOST_WEIGHTS:
        raise ValueError("a linear form has too many weights")
    numbers += intercepts
    if not all(type(number) is float and math.isfinite(number) for number in numbers):
        raise ValueError("a linear form's weights are no numbers")


def _decider(
    link: str, weights: list[list[float]], intercepts: list[float], classes: list[Any]
) -> Decide:
    if link == "identity":
        return _identity(weights[0], intercepts[0])
    if link == "logistic":
        return _logistic(weights[0], intercepts[0], *classes)
    if link == "sign":
        return _sign(weights[0], intercepts[0], *classes)
    return _several(weights, intercepts, classes, proba=link == "softmax")


def _identity(weights: list[float], intercept: float) -> Decide:
    def decide(row: Row) -> tuple[float, None] | None:
        score = sum(map(mul, weights, row), intercept)
        return (score, None) if math.isfinite(score) else None

    return decide


def _logistic(weights: list[float], intercept: float, first: Any, second: Any) -> Decide:
    exp = math.exp

    def decide(row: Row) -> tuple[Any, list[float]] | None:
        score = sum(map(mul, weights, row), intercept)
        if score > 0.0:
            proba = 1.0 / (1.0 + exp(-score))
            return second, [1.0 - proba, proba]
        if score <= 0.0:
            odds = exp(score)
            proba = odds / (1.0 + odds)
            return first, [1.0 - proba, proba]
        return None

    return decide


def _sign(weights: list[float], intercept: float, first: Any, second: Any) -> Decide:
    def decide(row: Row) -> tuple[Any, None] | None:
        score = sum(map(mul, weights, row), intercept)
        return (second if score > 0.0 else first, None) if score == score else None

    return decide


def _several(
    weights: list[list[float]], intercepts: list[float], classes: list[Any], *, proba: bool
) -> Decide:
    exp = math.exp
    scorers = list(zip(weights, intercepts, strict=True))

    def decide(row: Row) -> tuple[Any, list[float] | None] | None:
        scores = [sum(map(mul, each, row), intercept) for each, intercept in scorers]
        if not math.isfinite(sum(scores)):
            return None
        largest = max(scores)
        label = classes[scores.index(largest)]
        if not proba:
            return label, None
        odds = [exp(score - largest) for score in scores]
        total = sum(odds)
        return label, [each / total for each in odds]

    return decide
