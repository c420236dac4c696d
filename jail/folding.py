"""A fitted linear model, with the scalers before it, as one row of weights per score.

Each form is held against the original on every probe, row by row, before it may answer.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from jail import anatomy
from jail.linear import MOST_WEIGHTS

Vector = npt.NDArray[np.float64]
REGRESSORS = frozenset(
    {
        "ARDRegression", "BayesianRidge", "ElasticNet", "ElasticNetCV", "HuberRegressor", "Lars",
        "LarsCV", "Lasso", "LassoCV", "LassoLars", "LassoLarsCV", "LassoLarsIC",
        "LinearRegression", "LinearSVR", "OrthogonalMatchingPursuit",
        "OrthogonalMatchingPursuitCV", "Ridge", "RidgeCV", "SGDRegressor", "TheilSenRegressor",
    }
)  # fmt: skip
MARGINS = frozenset(
    {
        "LinearSVC", "PassiveAggressiveClassifier", "Perceptron", "RidgeClassifier",
        "RidgeClassifierCV", "SGDClassifier",
    }
)  # fmt: skip
LOGISTIC = frozenset({"LogisticRegression", "LogisticRegressionCV"})


def fold(model: Any, signature: dict[str, Any]) -> dict[str, Any] | None:
    """The linear form as `Linear` takes it; None where the model has none that is worth it."""
    *before, last = anatomy.flat_steps(model)
    link = _link(last, signature)
    if link is None or signature["layout"] != "matrix" or hasattr(last.coef_, "toarray"):
        return None
    coefficients = np.atleast_2d(np.asarray(last.coef_, dtype=np.float64))
    intercepts = np.zeros(len(coefficients)) + np.ravel(np.asarray(last.intercept_, np.float64))
    for step in reversed(before):
        scale = _scale(step)
        if scale is None or len(scale[0]) != coefficients.shape[1]:
            return None
        factor, offset = scale
        intercepts = intercepts + coefficients @ offset
        coefficients = coefficients * factor
    if coefficients.size > MOST_WEIGHTS or not np.isfinite([*coefficients.flat, *intercepts]).all():
        return None
    return {"link": link, "weights": coefficients.tolist(), "intercepts": intercepts.tolist()}


def _link(last: Any, signature: dict[str, Any]) -> str | None:
    kind, classes = anatomy.kind(last), signature.get("classes") or []
    outputs = {output["name"]: output for output in signature["outputs"]}
    if "predict" not in outputs or len(outputs["predict"]["shape"]) != 1:
        return None
    if kind in REGRESSORS:
        return "identity" if signature["task"] == "regression" else None
    if signature["task"] != "classification" or len(classes) < 2:
        return None
    if kind in LOGISTIC and "predict_proba" in outputs:
        return "logistic" if len(classes) == 2 else "softmax"
    if kind in MARGINS and "predict_proba" not in outputs:
        return "sign" if len(classes) == 2 else "argmax"
    return None


def _scale(step: Any) -> tuple[Vector, Vector] | None:
    """What a scaler does to each feature: times the first, plus the second."""
    kind = anatomy.kind(step)
    if kind == "StandardScaler":
        centre = step.mean_ if step.with_mean else None
        return _centred(centre, step.scale_, step.n_features_in_)
    if kind == "RobustScaler":
        return _centred(step.center_, step.scale_, step.n_features_in_)
    if kind == "MaxAbsScaler":
        return _centred(None, step.scale_, step.n_features_in_)
    if kind == "MinMaxScaler" and not step.clip:
        return np.asarray(step.scale_, np.float64), np.asarray(step.min_, np.float64)
    return None


def _centred(centre: Any, scale: Any, width: int) -> tuple[Vector, Vector]:
    centre = np.zeros(width) if centre is None else np.asarray(centre, np.float64)
    factor = np.ones(width) if scale is None else 1.0 / np.asarray(scale, np.float64)
    return factor, -centre * factor
