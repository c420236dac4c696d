"""Fitted models of the kinds people upload, each with rows it can answer for."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from sklearn import (
    calibration,
    cluster,
    compose,
    covariance,
    cross_decomposition,
    decomposition,
    discriminant_analysis,
    ensemble,
    feature_extraction,
    feature_selection,
    gaussian_process,
    impute,
    isotonic,
    kernel_approximation,
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
    random_projection,
    semi_supervised,
    svm,
    tree,
)

RNG = np.random.default_rng(5)
ROWS = 90
X = RNG.normal(size=(ROWS, 4))
THREE = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0.3).astype(int)
TWO = (X[:, 0] + X[:, 2] > 0).astype(int)
NAMED = np.array(["low", "middle", "high"])[THREE]
VALUES = X @ np.array([1.0, -2.0, 0.5, 0.0]) + 0.1
HOLED = np.where(RNG.random(X.shape) < 0.1, np.nan, X)
TEXTS = [" ".join(RNG.choice(["good", "bad", "café", "a", "fine"], 5)) for _ in range(ROWS)]
FRAME = pd.DataFrame(
    {
        "age": HOLED[:, 0],
        "income": X[:, 1],
        "town": RNG.choice(["Oslo", "Göteborg", "Rome"], ROWS),
        "size": RNG.choice(["S", "M", "L"], ROWS),
    }
)
MADE: dict[str, tuple[Callable[[], Any], Any, Any]] = {}


def add(name: str, make: Callable[[], Any], rows: Any = X, targets: Any = None) -> None:
    """One more kind of model."""
    MADE[name] = (make, rows, targets)


@functools.cache
def fitted(name: str) -> tuple[Any, Any]:
    """The model of this name, fitted once, and its rows."""
    make, rows, targets = MADE[name]
    model = make()
    return (model.fit(rows) if targets is None else model.fit(rows, targets)), rows


def columns(last: Any) -> Any:
    """Numbers imputed and scaled, words encoded two ways, the rest dropped."""
    numbers = pipeline.make_pipeline(
        impute.SimpleImputer(add_indicator=True), preprocessing.StandardScaler()
    )
    steps = [
        ("numbers", numbers, ["age", "income"]),
        ("town", preprocessing.OneHotEncoder(handle_unknown="ignore", min_frequency=5), ["town"]),
        ("size", preprocessing.OrdinalEncoder(categories=[["S", "M", "L"]]), ["size"]),
    ]
    return pipeline.make_pipeline(compose.ColumnTransformer(steps), last)


def grid(**options: Any) -> Any:
    """A search over a pipeline."""
    made = pipeline.make_pipeline(preprocessing.StandardScaler(), svm.SVC())
    return model_selection.GridSearchCV(
        made, {"svc__C": [0.1, 1.0], "svc__kernel": ["rbf", "linear"]}, cv=2, **options
    )


def Sparsified(**options: Any) -> Any:  # noqa: N802 - stands where a class would
    """A line whose coefficients are kept as a sparse matrix, as `sparsify` leaves them."""
    model = linear_model.SGDClassifier(**options)
    fit = model.fit

    class Fitting:
        """Fits, then makes sparse."""

        def fit(self, rows: Any, targets: Any) -> Any:
            return fit(rows, targets).sparsify()

    return Fitting()


def pair() -> list[tuple[str, Any]]:
    """Two models for an ensemble of unlike ones."""
    return [
        ("line", linear_model.LogisticRegression()),
        ("wood", ensemble.RandomForestClassifier(4, random_state=0)),
    ]


KERNEL = gaussian_process.kernels.ConstantKernel() * gaussian_process.kernels.Matern(nu=1.5)
KERNEL += gaussian_process.kernels.WhiteKernel()
BOTH = np.column_stack([THREE, TWO])
BOOSTED = np.column_stack([HOLED, RNG.integers(0, 5, ROWS)])

add("logistic", linear_model.LogisticRegression, X, NAMED)
add("logistic_cv", lambda: linear_model.LogisticRegressionCV(cv=2, n_jobs=2), X, TWO)
add("linear", lambda: linear_model.LinearRegression(n_jobs=4), X, VALUES)
add("ridge", linear_model.RidgeCV, X, VALUES)
add("lasso", lambda: linear_model.LassoLars(positive=True), X, VALUES)
add("elastic_net", linear_model.ElasticNetCV, X, VALUES)
add("poisson", linear_model.PoissonRegressor, X, np.abs(VALUES))
add("tweedie", lambda: linear_model.TweedieRegressor(power=1.5), X, np.abs(VALUES) + 0.1)
add("quantile", linear_model.QuantileRegressor, X, VALUES)
add("ransac", lambda: linear_model.RANSACRegressor(random_state=0), X, VALUES)
add("sgd_hinge", lambda: linear_model.SGDClassifier(random_state=0), X, THREE)
add("sgd_huber", lambda: linear_model.SGDClassifier("modified_huber", random_state=0), X, TWO)
add("sgd_regressor", lambda: linear_model.SGDRegressor("epsilon_insensitive"), X, VALUES)
add("sparse_coefficients", lambda: Sparsified(penalty="l1", random_state=0), X, TWO)
add("tree", lambda: tree.DecisionTreeClassifier(random_state=0), X, NAMED)
add("tree_pruned", lambda: tree.DecisionTreeRegressor(ccp_alpha=0.01), X, VALUES)
add("tree_best_first", lambda: tree.DecisionTreeRegressor(max_leaf_nodes=6), HOLED, VALUES)
add("forest", lambda: ensemble.RandomForestClassifier(8, n_jobs=-1, random_state=0), X, NAMED)
add("forest_two_answers", lambda: ensemble.RandomForestClassifier(4, random_state=0), X, BOTH)
add("extra_trees", lambda: ensemble.ExtraTreesRegressor(8, random_state=0), X, VALUES)
add("boosting", lambda: ensemble.GradientBoostingClassifier(n_estimators=6), X, NAMED)
add("boosting_two", lambda: ensemble.GradientBoostingClassifier(n_estimators=6), X, TWO)
add("boosting_huber", lambda: ensemble.GradientBoostingRegressor(loss="huber"), X, VALUES)
add("boosting_zero", lambda: ensemble.GradientBoostingRegressor(init="zero"), X, VALUES)
add("histogram", lambda: ensemble.HistGradientBoostingClassifier(max_iter=6), HOLED, NAMED)
add(
    "histogram_categories",
    lambda: ensemble.HistGradientBoostingClassifier(
        max_iter=6, categorical_features=[4], min_samples_leaf=3
    ),
    BOOSTED,
    TWO,
)
add(
    "histogram_frame",
    lambda: ensemble.HistGradientBoostingRegressor(max_iter=6, min_samples_leaf=3),
    FRAME.astype({"town": "category", "size": "category"}),
    VALUES,
)


def boosted(loss: str) -> Any:
    """A histogram booster with this loss."""
    return ensemble.HistGradientBoostingRegressor(loss=loss, quantile=0.7, max_iter=4)


for _loss in ("gamma", "poisson", "quantile", "absolute_error"):
    _targets = np.abs(VALUES) + 0.1
    add(f"histogram_{_loss}", functools.partial(boosted, _loss), X, _targets)
add("ada_boost", lambda: ensemble.AdaBoostRegressor(n_estimators=4, random_state=0), X, VALUES)
add("bagging", lambda: ensemble.BaggingClassifier(n_estimators=4, max_features=2), X, THREE)
add(
    "isolation_forest",
    lambda: ensemble.IsolationForest(n_estimators=8, max_features=2, random_state=0),
)
add("random_trees", lambda: ensemble.RandomTreesEmbedding(4, random_state=0))
add("voting", lambda: ensemble.VotingClassifier(pair(), voting="soft"), X, NAMED)
add("stacking", lambda: ensemble.StackingClassifier(pair(), cv=2), X, TWO)
add("calibrated", lambda: calibration.CalibratedClassifierCV(svm.LinearSVC(), cv=2), X, TWO)
add(
    "calibrated_isotonic",
    lambda: calibration.CalibratedClassifierCV(naive_bayes.GaussianNB(), method="isotonic", cv=2),
    X,
    THREE,
)
add("multi_output", lambda: multioutput.MultiOutputClassifier(tree.ExtraTreeClassifier()), X, BOTH)
add("chain", lambda: multioutput.ClassifierChain(linear_model.LogisticRegression()), X, BOTH[:, 1:])
add("one_vs_rest", lambda: multiclass.OneVsRestClassifier(svm.LinearSVC()), X, NAMED)
add("svc", lambda: svm.SVC(probability=True, random_state=0), X, NAMED)
add("svc_binary", lambda: svm.NuSVC(kernel="poly"), X, TWO)
add("svc_sparse", svm.SVC, sp.csr_matrix(np.where(np.abs(X) < 0.5, 0, X)), THREE)
add("svc_precomputed", lambda: svm.SVC(kernel="precomputed"), X @ X.T, TWO)
add("svr", svm.SVR, X, VALUES)
add("one_class", lambda: svm.OneClassSVM(nu=0.2))
add("knn_tree", lambda: neighbors.KNeighborsClassifier(algorithm="kd_tree"), X, NAMED)
add("knn_ball", lambda: neighbors.KNeighborsRegressor(algorithm="ball_tree", p=3), X, VALUES)
add("knn_brute", lambda: neighbors.KNeighborsClassifier(algorithm="brute"), X, THREE)
add("knn_two_answers", neighbors.KNeighborsClassifier, X, BOTH)
add(
    "knn_mahalanobis",
    lambda: neighbors.KNeighborsClassifier(
        algorithm="ball_tree", metric="mahalanobis", metric_params={"VI": np.eye(4)}
    ),
    X,
    TWO,
)
add("radius", lambda: neighbors.RadiusNeighborsClassifier(5.0), X, THREE)
add("local_outlier", lambda: neighbors.LocalOutlierFactor(novelty=True))
add("nearest_centroid", neighbors.NearestCentroid, X, NAMED)
add("kernel_density", neighbors.KernelDensity)
add("gaussian_nb", naive_bayes.GaussianNB, X, NAMED)
add("discriminant", discriminant_analysis.LinearDiscriminantAnalysis, X, THREE)
add("mlp", lambda: neural_network.MLPClassifier((5,), max_iter=20, random_state=0), X, NAMED)
add("mlp_sgd", lambda: neural_network.MLPRegressor(solver="sgd", max_iter=20), X, VALUES)
add("process", lambda: gaussian_process.GaussianProcessRegressor(KERNEL), X, VALUES)
add("process_classes", gaussian_process.GaussianProcessClassifier, X, TWO)
add("kmeans", lambda: cluster.KMeans(3, n_init=1, random_state=np.random.RandomState(3)))
add("mini_batch_kmeans", lambda: cluster.MiniBatchKMeans(3, n_init=1, random_state=0))
add("bisecting_kmeans", lambda: cluster.BisectingKMeans(3, random_state=0))
add("birch", lambda: cluster.Birch(n_clusters=3))
add("mixture", lambda: mixture.BayesianGaussianMixture(n_components=2, random_state=0))
add("envelope", lambda: covariance.EllipticEnvelope(random_state=0))
add("pca", lambda: decomposition.PCA(2))
add("kernel_pca", lambda: decomposition.KernelPCA(2, kernel="rbf"))
add("truncated_svd", lambda: decomposition.TruncatedSVD(2))
add("pls", cross_decomposition.PLSRegression, X, VALUES)
add("projection", lambda: random_projection.SparseRandomProjection(3, random_state=0))
add("nystroem", lambda: kernel_approximation.Nystroem(n_components=5, random_state=0))
add("isotonic", isotonic.IsotonicRegression, X[:, 0], VALUES)
add(
    "self_training",
    lambda: semi_supervised.SelfTrainingClassifier(naive_bayes.GaussianNB()),
    X,
    TWO,
)
add("selected", lambda: feature_selection.SelectKBest(k=2), X, THREE)
add("spline", lambda: preprocessing.SplineTransformer(degree=2))
add("quantiles", lambda: preprocessing.QuantileTransformer(n_quantiles=20))
add("bins", lambda: preprocessing.KBinsDiscretizer(4))
add("polynomial", lambda: preprocessing.PolynomialFeatures(2))
add("iterative_imputer", lambda: linear_pipeline(impute.KNNImputer()), HOLED, VALUES)
add("logarithm", lambda: linear_pipeline(preprocessing.FunctionTransformer(np.exp)), X, VALUES)
add("columns", lambda: columns(linear_model.LogisticRegression()), FRAME, NAMED)
add("columns_forest", lambda: columns(ensemble.RandomForestRegressor(4)), FRAME, VALUES)
add(
    "columns_selector",
    lambda: compose.make_column_transformer(
        (preprocessing.OneHotEncoder(), compose.make_column_selector(dtype_exclude=np.number)),
        remainder="passthrough",
    ),
    FRAME,
)
add("target_encoder", preprocessing.TargetEncoder, FRAME[["town", "size"]], VALUES)
add(
    "text",
    lambda: pipeline.make_pipeline(
        feature_extraction.text.TfidfVectorizer(ngram_range=(1, 2), stop_words=["a"]),
        linear_model.LogisticRegression(),
    ),
    TEXTS,
    NAMED,
)
add(
    "text_hashed",
    lambda: pipeline.make_pipeline(
        feature_extraction.text.HashingVectorizer(n_features=64), naive_bayes.BernoulliNB()
    ),
    TEXTS,
    TWO,
)
add(
    "transformed_target",
    lambda: compose.TransformedTargetRegressor(
        linear_model.Ridge(), func=np.log1p, inverse_func=np.expm1
    ),
    X,
    np.abs(VALUES),
)
add("grid_search", grid, X, TWO)
add("grid_search_scored", lambda: grid(scoring=["f1", "roc_auc"], refit="f1"), X, TWO)
add("threshold", lambda: model_selection.TunedThresholdClassifierCV(pair()[0][1], cv=2), X, TWO)


def linear_pipeline(first: Any) -> Any:
    """A transformer in front of a line."""
    return pipeline.make_pipeline(first, linear_model.Ridge())
