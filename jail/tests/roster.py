"""One small fitted model of every family that the product promises to serve, with rows to ask."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from sklearn import (
    cluster,
    compose,
    discriminant_analysis,
    ensemble,
    feature_extraction,
    gaussian_process,
    impute,
    linear_model,
    mixture,
    multiclass,
    multioutput,
    naive_bayes,
    neighbors,
    neural_network,
    pipeline,
    preprocessing,
    svm,
    tree,
)
from sklearn.calibration import CalibratedClassifierCV

ROWS, FEATURES = 240, 4
RNG = np.random.default_rng(7)
X = RNG.normal(size=(ROWS, FEATURES))
LABELS = (X[:, 0] + X[:, 1] ** 2 > 0.6).astype(int)
THREE = np.array(["low", "mid", "high"])[np.digitize(X[:, 0], [-0.5, 0.5])]
VALUES = X @ np.array([1.0, -2.0, 0.5, 0.0]) + 0.1 * RNG.normal(size=ROWS)
HOLED = np.where(RNG.random(X.shape) < 0.1, np.nan, X)
TEXTS = [
    " ".join(RNG.choice(["good", "bad", "fine", "awful", "café", "a", "x1"], size=6))
    for _ in range(ROWS)
]
SENTIMENT = np.array([int(text.count("good") > text.count("bad")) for text in TEXTS])
FRAME = pd.DataFrame(
    {
        "age": HOLED[:, 0],
        "income": X[:, 1],
        "city": RNG.choice(["Oslo", "Göteborg", "Rome"], size=ROWS),
    }
)


def _columns() -> Any:
    numbers = pipeline.make_pipeline(impute.SimpleImputer(), preprocessing.StandardScaler())
    onehot = preprocessing.OneHotEncoder(handle_unknown="ignore")
    prepare = compose.ColumnTransformer(
        [("numbers", numbers, ["age", "income"]), ("city", onehot, ["city"])]
    )
    return pipeline.make_pipeline(prepare, linear_model.LogisticRegression())


Family = tuple[Callable[[], Any], Any, Any]
"""How to make the estimator, the rows and the targets to fit it with (None where it needs none)."""

FAMILIES: dict[str, Family] = {
    "logistic": (linear_model.LogisticRegression, X, LABELS),
    "logistic_text_labels": (linear_model.LogisticRegression, X, THREE),
    "sgd": (lambda: linear_model.SGDClassifier(random_state=0), X, LABELS),
    "linear": (linear_model.LinearRegression, X, VALUES),
    "ridge": (linear_model.Ridge, X, VALUES),
    "lasso": (lambda: linear_model.Lasso(alpha=0.01), X, VALUES),
    "tree": (lambda: tree.DecisionTreeClassifier(max_depth=5, random_state=0), X, THREE),
    "tree_regressor": (lambda: tree.DecisionTreeRegressor(max_depth=5), X, VALUES),
    "forest": (lambda: ensemble.RandomForestClassifier(25, random_state=0), X, THREE),
    "forest_regressor": (lambda: ensemble.RandomForestRegressor(25, n_jobs=-1), X, VALUES),
    "extra_trees": (lambda: ensemble.ExtraTreesClassifier(25, n_jobs=4), X, LABELS),
    "boosting": (lambda: ensemble.GradientBoostingClassifier(n_estimators=20), X, THREE),
    "boosting_regressor": (lambda: ensemble.GradientBoostingRegressor(n_estimators=20), X, VALUES),
    "hist_boosting": (lambda: ensemble.HistGradientBoostingClassifier(max_iter=20), HOLED, LABELS),
    "hist_boosting_regressor": (
        lambda: ensemble.HistGradientBoostingRegressor(max_iter=20),
        HOLED,
        VALUES,
    ),
    "ada_boost": (lambda: ensemble.AdaBoostClassifier(n_estimators=10), X, LABELS),
    "bagging": (lambda: ensemble.BaggingClassifier(n_estimators=5), X, LABELS),
    "svc": (lambda: svm.SVC(random_state=0), X, THREE),
    "svr": (svm.SVR, X, VALUES),
    "linear_svc": (svm.LinearSVC, X, LABELS),
    "neighbors": (neighbors.KNeighborsClassifier, X, LABELS),
    "neighbors_regressor": (neighbors.KNeighborsRegressor, X, VALUES),
    "naive_bayes": (naive_bayes.GaussianNB, X, THREE),
    "mlp": (lambda: neural_network.MLPClassifier((8,), max_iter=60), X, LABELS),
    "gaussian_process": (gaussian_process.GaussianProcessRegressor, X[:60], VALUES[:60]),
    "lda": (discriminant_analysis.LinearDiscriminantAnalysis, X, THREE),
    "one_vs_rest": (
        lambda: multiclass.OneVsRestClassifier(linear_model.LogisticRegression()),
        X,
        THREE,
    ),
    "voting": (
        lambda: ensemble.VotingClassifier(
            [("a", linear_model.LogisticRegression()), ("b", naive_bayes.GaussianNB())],
            voting="soft",
        ),
        X,
        LABELS,
    ),
    "stacking": (
        lambda: ensemble.StackingClassifier(
            [("a", linear_model.LogisticRegression()), ("b", naive_bayes.GaussianNB())], cv=3
        ),
        X,
        LABELS,
    ),
    "calibrated": (lambda: CalibratedClassifierCV(naive_bayes.GaussianNB(), cv=3), X, LABELS),
    "kmeans": (lambda: cluster.KMeans(3, n_init=2, random_state=0), X, None),
    "mixture": (lambda: mixture.GaussianMixture(2, random_state=0), X, None),
    "isolation_forest": (
        lambda: ensemble.IsolationForest(n_estimators=20, random_state=0),
        X,
        None,
    ),
    "one_class_svm": (lambda: svm.OneClassSVM(nu=0.1), X, None),
    "multi_output": (
        lambda: multioutput.MultiOutputRegressor(linear_model.Ridge()),
        X,
        np.column_stack([VALUES, -VALUES]),
    ),
    "scaled": (
        lambda: pipeline.make_pipeline(
            preprocessing.StandardScaler(), linear_model.LogisticRegression()
        ),
        X,
        LABELS,
    ),
    "imputed_forest": (
        lambda: pipeline.make_pipeline(
            impute.SimpleImputer(), ensemble.RandomForestClassifier(10, random_state=0)
        ),
        HOLED,
        LABELS,
    ),
    "columns": (_columns, FRAME, LABELS),
    "text": (
        lambda: pipeline.make_pipeline(
            feature_extraction.text.TfidfVectorizer(), linear_model.LogisticRegression()
        ),
        TEXTS,
        SENTIMENT,
    ),
}


def fitted(name: str) -> tuple[Any, Any]:
    """The fitted model of a family and rows to ask it about."""
    make, rows, targets = FAMILIES[name]
    model = make()
    return (model.fit(rows) if targets is None else model.fit(rows, targets)), rows
