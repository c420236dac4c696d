"""Fitted models of every family that people upload, with rows they can answer for.

Each builder is small, seeded and quick, so that a test may build all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn import (
    calibration,
    cluster,
    compose,
    covariance,
    cross_decomposition,
    decomposition,
    discriminant_analysis,
    dummy,
    ensemble,
    feature_extraction,
    feature_selection,
    gaussian_process,
    impute,
    linear_model,
    mixture,
    model_selection,
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

FEATURES = 5


@dataclass(frozen=True, slots=True)
class Family:
    """A fitted model, rows in the form scikit-learn takes, and what its signature must say."""

    model: Any
    rows: Any
    task: str
    layout: str = "matrix"


def numbers(count: int = 240, seed: int = 0) -> np.ndarray[Any, Any]:
    """Rows of five features with different centres and spreads."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(count, FEATURES)) * [1, 5, 0.2, 30, 1] + [0, 10, -1, 100, 0]


def labels(rows: np.ndarray[Any, Any], classes: int = 3) -> np.ndarray[Any, Any]:
    """A class per row that depends on three of the features."""
    score = rows[:, 0] + (rows[:, 1] - 10) / 5 + (rows[:, 3] - 100) / 60
    return np.digitize(score, np.quantile(score, np.linspace(0, 1, classes + 1)[1:-1]))


def targets(rows: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """A number per row."""
    return rows[:, 0] * 2 + np.sin(rows[:, 1]) + rows[:, 3] / 50  # type: ignore[no-any-return]


def frame(count: int = 240, seed: int = 0) -> pd.DataFrame:
    """Rows of a table: two numbers (one with holes), a town, a size, a count, a flag, a remark."""
    rng = np.random.default_rng(seed)
    age = rng.integers(18, 90, count).astype(float)
    age[rng.random(count) < 0.1] = np.nan
    words = np.array(["good", "bad", "late", "broken", "nice", "über", "slow"])
    remarks = [" ".join(rng.choice(words, 4)) for _ in range(count)]
    return pd.DataFrame(
        {
            "age": age,
            "income": rng.normal(3000, 900, count).round(2),
            "town": rng.choice(["Bern", "Genf", "Zürich", "Basel"], count),
            "size": rng.choice(["S", "M", "L"], count),
            "rooms": rng.integers(1, 6, count),
            "owner": rng.random(count) < 0.5,
            "remark": remarks,
        }
    )


def texts(count: int = 200, seed: int = 0) -> list[str]:
    """Short remarks of known words."""
    rng = np.random.default_rng(seed)
    words = ["good", "bad", "late", "broken", "nice", "slow", "café", "naïve", "cheap", "I", "a"]
    return [" ".join(rng.choice(words, rng.integers(2, 8))) for _ in range(count)]


def _classifier(make: Callable[[], Any], classes: int = 3) -> Callable[[], Family]:
    def build() -> Family:
        rows = numbers()
        return Family(make().fit(rows, labels(rows, classes)), rows, "classification")

    return build


def _regressor(make: Callable[[], Any]) -> Callable[[], Family]:
    def build() -> Family:
        rows = numbers()
        return Family(make().fit(rows, targets(rows)), rows, "regression")

    return build


def _unsupervised(make: Callable[[], Any], task: str) -> Callable[[], Family]:
    def build() -> Family:
        rows = numbers()
        return Family(make().fit(rows), rows, task)

    return build


def _text(make: Callable[[], Any]) -> Callable[[], Family]:
    def build() -> Family:
        rows = texts()
        answers = np.array(["yes" if "good" in text or "nice" in text else "no" for text in rows])
        return Family(make().fit(rows, answers), rows, "classification", "text")

    return build


def _scaled(model: Any) -> Any:
    return pipeline.make_pipeline(preprocessing.StandardScaler(), model)


def _named() -> Family:
    rows = pd.DataFrame(numbers(), columns=["a", "b", "c", "d", "e"])
    answers = np.array(["low", "mid", "high"])[labels(rows.to_numpy())]
    model = _scaled(linear_model.LogisticRegression(max_iter=500)).fit(rows, answers)
    return Family(model, rows, "classification")


def _boolean() -> Family:
    rows = numbers()
    model = linear_model.LogisticRegression(max_iter=2000).fit(rows, labels(rows, 2) == 1)
    return Family(model, rows, "classification")


def mixed(*, text: bool = False) -> compose.ColumnTransformer:
    """What most people put in front of a model that answers for a table."""
    numeric = pipeline.make_pipeline(impute.SimpleImputer(), preprocessing.StandardScaler())
    steps: list[Any] = [
        ("number", numeric, ["age", "income"]),
        ("town", preprocessing.OneHotEncoder(handle_unknown="ignore"), ["town", "owner"]),
        ("size", preprocessing.OrdinalEncoder(), ["size"]),
        ("rooms", "passthrough", ["rooms"]),
    ]
    if text:
        steps.append(("remark", feature_extraction.text.TfidfVectorizer(), "remark"))
    return compose.ColumnTransformer(steps)


def _columns(model: Any, *, text: bool = False) -> Callable[[], Family]:
    def build() -> Family:
        rows = frame()
        answers = (rows["income"] + 300 * (rows["town"] == "Bern") > 3000).to_numpy()
        made = pipeline.make_pipeline(mixed(text=text), model).fit(rows, answers)
        return Family(made, rows, "classification", "columns")

    return build


def _columns_regressor() -> Family:
    rows = frame()
    steps = [
        (preprocessing.OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["town"]),
        (preprocessing.MinMaxScaler(), ["income", "rooms"]),
    ]
    made = pipeline.make_pipeline(compose.make_column_transformer(*steps), linear_model.Ridge())
    return Family(made.fit(rows, rows["income"] / 100), rows, "regression", "columns")


def _columns_by_index() -> Family:
    rows = numbers()
    steps = compose.ColumnTransformer(
        [("scaled", preprocessing.StandardScaler(), [0, 3])], remainder="passthrough"
    )
    model = pipeline.make_pipeline(steps, linear_model.LogisticRegression(max_iter=3000))
    return Family(model.fit(rows, labels(rows)), rows, "classification")


def _encoder_first() -> Family:
    rows = frame()[["town", "size"]]
    model = pipeline.make_pipeline(
        preprocessing.OneHotEncoder(handle_unknown="ignore"), linear_model.LogisticRegression()
    )
    return Family(model.fit(rows, rows["town"] == "Bern"), rows, "classification", "columns")


def _imputed() -> Family:
    rows = numbers()
    rows[::7, 1] = np.nan
    model = pipeline.make_pipeline(
        impute.SimpleImputer(strategy="median"),
        ensemble.RandomForestClassifier(n_estimators=20, random_state=0),
    )
    return Family(model.fit(rows, labels(numbers())), rows, "classification")


def _boosted_with_holes() -> Family:
    rows = numbers()
    rows[::9, 0] = np.nan
    model = ensemble.HistGradientBoostingClassifier(max_iter=20)
    return Family(model.fit(rows, labels(numbers(), 2)), rows, "classification")


def _many_answers(make: Callable[[], Any], task: str) -> Callable[[], Family]:
    def build() -> Family:
        rows = numbers()
        if task == "classification":
            answers = np.column_stack([labels(rows), labels(rows, 2)])
        else:
            answers = np.column_stack([targets(rows), rows[:, 2] * 3])
        return Family(make().fit(rows, answers), rows, task)

    return build


def _searched() -> Family:
    rows = numbers()
    search = model_selection.GridSearchCV(
        _scaled(svm.SVC(probability=False)), {"svc__C": [0.1, 1.0]}, cv=2
    )
    return Family(search.fit(rows, labels(rows, 2)), rows, "classification")


def _boosting() -> Any:
    return ensemble.HistGradientBoostingClassifier(max_iter=20, min_samples_leaf=5)


def _forest() -> Any:
    return ensemble.RandomForestClassifier(n_estimators=20, random_state=0, n_jobs=-1)


def _logistic() -> Any:
    return linear_model.LogisticRegression(max_iter=2000)


FAMILIES: dict[str, Callable[[], Family]] = {
    "logistic": _classifier(_logistic),
    "logistic_binary": _classifier(_logistic, 2),
    "logistic_named_strings": _named,
    "logistic_bool_labels": _boolean,
    "ridge_classifier": _classifier(linear_model.RidgeClassifier),
    "sgd": _classifier(lambda: _scaled(linear_model.SGDClassifier(random_state=0))),
    "sgd_log": _classifier(
        lambda: _scaled(linear_model.SGDClassifier(loss="log_loss", random_state=0))
    ),
    "perceptron": _classifier(lambda: _scaled(linear_model.Perceptron(random_state=0))),
    "linear_svc": _classifier(lambda: _scaled(svm.LinearSVC())),
    "svc": _classifier(lambda: _scaled(svm.SVC())),
    "svc_binary": _classifier(svm.SVC, 2),
    "tree": _classifier(lambda: tree.DecisionTreeClassifier(random_state=0)),
    "forest": _classifier(_forest),
    "forest_binary": _classifier(_forest, 2),
    "extra_trees": _classifier(
        lambda: ensemble.ExtraTreesClassifier(n_estimators=20, random_state=0)
    ),
    "gradient_boosting": _classifier(
        lambda: ensemble.GradientBoostingClassifier(n_estimators=20, random_state=0)
    ),
    "ada_boost": _classifier(
        lambda: ensemble.AdaBoostClassifier(n_estimators=10, random_state=0), 2
    ),
    "bagging": _classifier(lambda: ensemble.BaggingClassifier(n_estimators=5, random_state=0)),
    "hist_gradient_boosting": _classifier(_boosting, 2),
    "hist_gradient_boosting_3": _classifier(_boosting),
    "hist_gradient_boosting_holes": _boosted_with_holes,
    "scaled_hist_gradient_boosting": _classifier(lambda: _scaled(_boosting()), 2),
    "scaled_forest": _classifier(lambda: _scaled(_forest())),
    "imputed_forest": _imputed,
    "knn": _classifier(neighbors.KNeighborsClassifier),
    "nearest_centroid": _classifier(neighbors.NearestCentroid),
    "gaussian_nb": _classifier(naive_bayes.GaussianNB),
    "bernoulli_nb": _classifier(lambda: naive_bayes.BernoulliNB(binarize=0.5)),
    "lda": _classifier(discriminant_analysis.LinearDiscriminantAnalysis),
    "qda": _classifier(discriminant_analysis.QuadraticDiscriminantAnalysis),
    "mlp": _classifier(
        lambda: _scaled(neural_network.MLPClassifier((8,), max_iter=80, random_state=0))
    ),
    "gaussian_process": _classifier(
        lambda: _scaled(gaussian_process.GaussianProcessClassifier()), 2
    ),
    "voting_soft": _classifier(
        lambda: ensemble.VotingClassifier(
            [("a", _scaled(_logistic())), ("b", _forest())], voting="soft"
        )
    ),
    "voting_hard": _classifier(
        lambda: ensemble.VotingClassifier([("a", _scaled(_logistic())), ("b", _forest())])
    ),
    "stacking": _classifier(
        lambda: ensemble.StackingClassifier([("a", _scaled(_logistic())), ("b", _forest())], cv=2),
        2,
    ),
    "calibrated": _classifier(
        lambda: calibration.CalibratedClassifierCV(_scaled(svm.LinearSVC()), cv=2)
    ),
    "one_vs_rest": _classifier(lambda: multiclass.OneVsRestClassifier(_logistic())),
    "grid_search": _searched,
    "selected": _classifier(
        lambda: pipeline.make_pipeline(
            pipeline.make_pipeline(
                preprocessing.RobustScaler(), feature_selection.SelectKBest(k=3)
            ),
            _logistic(),
        )
    ),
    "polynomial": _classifier(
        lambda: _scaled(
            pipeline.make_pipeline(
                preprocessing.PolynomialFeatures(2), preprocessing.MaxAbsScaler(), _logistic()
            )
        )
    ),
    "dummy": _classifier(dummy.DummyClassifier),
    "linear_regression": _regressor(linear_model.LinearRegression),
    "elastic_net": _regressor(lambda: linear_model.ElasticNet(alpha=0.1)),
    "bayesian_ridge": _regressor(linear_model.BayesianRidge),
    "huber": _regressor(lambda: _scaled(linear_model.HuberRegressor(max_iter=500))),
    "svr": _regressor(lambda: _scaled(svm.SVR())),
    "knn_regressor": _regressor(neighbors.KNeighborsRegressor),
    "tree_regressor": _regressor(lambda: tree.DecisionTreeRegressor(random_state=0)),
    "forest_regressor": _regressor(
        lambda: ensemble.RandomForestRegressor(n_estimators=20, random_state=0)
    ),
    "gradient_boosting_regressor": _regressor(
        lambda: ensemble.GradientBoostingRegressor(n_estimators=20, random_state=0)
    ),
    "hist_gradient_boosting_regressor": _regressor(
        lambda: ensemble.HistGradientBoostingRegressor(max_iter=20)
    ),
    "mlp_regressor": _regressor(
        lambda: _scaled(
            neural_network.MLPRegressor(hidden_layer_sizes=(8,), max_iter=80, random_state=0)
        )
    ),
    "gaussian_process_regressor": _regressor(
        lambda: _scaled(gaussian_process.GaussianProcessRegressor())
    ),
    "pls": _regressor(lambda: cross_decomposition.PLSRegression(2)),
    "transformed_target": _regressor(
        lambda: compose.TransformedTargetRegressor(
            linear_model.Ridge(), transformer=preprocessing.StandardScaler()
        )
    ),
    "poisson": _regressor(
        lambda: compose.TransformedTargetRegressor(
            _scaled(linear_model.PoissonRegressor()), func=np.exp, inverse_func=np.log
        )
    ),
    "multi_output_tree": _many_answers(
        lambda: tree.DecisionTreeClassifier(random_state=0), "classification"
    ),
    "multi_output_classifier": _many_answers(
        lambda: multioutput.MultiOutputClassifier(_scaled(_logistic())), "classification"
    ),
    "multi_output_linear": _many_answers(linear_model.LinearRegression, "regression"),
    "multi_output_forest": _many_answers(
        lambda: ensemble.RandomForestRegressor(n_estimators=10, random_state=0), "regression"
    ),
    "multi_output_regressor": _many_answers(
        lambda: multioutput.MultiOutputRegressor(
            ensemble.GradientBoostingRegressor(n_estimators=5, random_state=0)
        ),
        "regression",
    ),
    "kmeans": _unsupervised(
        lambda: _scaled(cluster.KMeans(3, n_init=2, random_state=0)), "clustering"
    ),
    "mini_batch_kmeans": _unsupervised(
        lambda: cluster.MiniBatchKMeans(3, n_init=2, random_state=0), "clustering"
    ),
    "bisecting_kmeans": _unsupervised(
        lambda: cluster.BisectingKMeans(3, random_state=0), "clustering"
    ),
    "birch": _unsupervised(lambda: cluster.Birch(n_clusters=3), "clustering"),
    "mean_shift": _unsupervised(lambda: cluster.MeanShift(bandwidth=40), "clustering"),
    "affinity_propagation": _unsupervised(
        lambda: cluster.AffinityPropagation(random_state=0, damping=0.9, max_iter=500), "clustering"
    ),
    "gaussian_mixture": _unsupervised(
        lambda: mixture.GaussianMixture(3, random_state=0), "clustering"
    ),
    "isolation_forest": _unsupervised(
        lambda: ensemble.IsolationForest(n_estimators=20, random_state=0), "outlier"
    ),
    "one_class_svm": _unsupervised(lambda: _scaled(svm.OneClassSVM(nu=0.1)), "outlier"),
    "elliptic_envelope": _unsupervised(
        lambda: covariance.EllipticEnvelope(random_state=0), "outlier"
    ),
    "local_outlier_factor": _unsupervised(
        lambda: neighbors.LocalOutlierFactor(novelty=True), "outlier"
    ),
    "pca": _unsupervised(lambda: _scaled(decomposition.PCA(2)), "transform"),
    "standard_scaler": _unsupervised(preprocessing.StandardScaler, "transform"),
    "min_max_scaler": _unsupervised(preprocessing.MinMaxScaler, "transform"),
    "columns_logistic": _columns(_logistic()),
    "columns_forest": _columns(_forest()),
    "columns_boosting": _columns(_boosting()),
    "columns_text": _columns(_logistic(), text=True),
    "columns_regressor": _columns_regressor,
    "columns_by_index": _columns_by_index,
    "encoder_first": _encoder_first,
    "tfidf": _text(
        lambda: pipeline.make_pipeline(feature_extraction.text.TfidfVectorizer(), _logistic())
    ),
    "count_bigrams": _text(
        lambda: pipeline.make_pipeline(
            feature_extraction.text.CountVectorizer(ngram_range=(1, 2)),
            naive_bayes.MultinomialNB(),
        )
    ),
    "tfidf_stop_words": _text(
        lambda: pipeline.make_pipeline(
            feature_extraction.text.TfidfVectorizer(stop_words="english", lowercase=True),
            linear_model.SGDClassifier(loss="log_loss", random_state=0),
        )
    ),
    "hashing": _text(
        lambda: pipeline.make_pipeline(
            feature_extraction.text.HashingVectorizer(n_features=64), _logistic()
        )
    ),
}


def build(name: str) -> Family:
    """The family of that name, fitted."""
    return FAMILIES[name]()
