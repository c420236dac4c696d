"""What a model takes and gives is read off the model alone."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import (
    cluster,
    compose,
    ensemble,
    feature_extraction,
    impute,
    isotonic,
    linear_model,
    neighbors,
    neural_network,
    pipeline,
    preprocessing,
)

from jail.native import predict_native
from jail.refusal import Refused
from jail.signature import infer_signature
from jail.tests.families import FAMILIES, build, frame, labels, numbers, texts
from jail.tests.rows import batch_of


def features(signature: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The features by name."""
    return {each["name"]: each for put in signature["inputs"] for each in put["features"]}


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_is_read(name: str) -> None:
    family = build(name)
    signature = infer_signature(family.model)
    assert signature["task"] == family.task
    assert signature["layout"] == family.layout
    assert json.loads(json.dumps(signature)) == signature


@pytest.mark.parametrize("name", FAMILIES)
def test_native_answers_are_the_models_own(name: str) -> None:
    family = build(name)
    signature = infer_signature(family.model)
    got = predict_native(family.model, signature, batch_of(family, signature))
    model, rows = family.model, family.rows
    want = np.asarray(model.transform(rows) if family.task == "transform" else model.predict(rows))
    assert got.predict.reshape(want.shape).tolist() == want.tolist()
    names = [output["name"] for output in signature["outputs"]]
    assert (got.predict_proba is not None) == ("predict_proba" in names)
    if got.predict_proba is not None:
        assert got.predict_proba.tolist() == np.asarray(model.predict_proba(rows)).tolist()


def test_table_is_described_column_by_column() -> None:
    signature = infer_signature(build("columns_text").model)
    assert list(features(signature)) == [
        "age", "income", "town", "size", "rooms", "owner", "remark",
    ]  # fmt: skip
    found = features(signature)
    assert {name: each["dtype"] for name, each in found.items()} == {
        "age": "float", "income": "float", "town": "str", "size": "str", "rooms": "float",
        "owner": "bool", "remark": "str",
    }  # fmt: skip
    assert found["age"]["nullable"]
    assert not found["rooms"]["nullable"]
    assert not found["owner"]["nullable"]
    assert found["town"]["categories"] == ["Basel", "Bern", "Genf", "Zürich"]
    assert found["size"]["unknown"] == "error"
    assert all(put["shape"] == [-1, 1] for put in signature["inputs"])


def test_dropped_column_is_not_asked_for() -> None:
    rows = frame()
    steps = compose.make_column_transformer(("drop", ["rooms"]), ("passthrough", ["income"]))
    model = pipeline.make_pipeline(steps, linear_model.LinearRegression())
    signature = infer_signature(model.fit(rows[["rooms", "income"]], rows["income"]))
    assert list(features(signature)) == ["income"]


def test_matrix_carries_the_tables_names() -> None:
    signature = infer_signature(build("logistic_named_strings").model)
    assert list(features(signature)) == ["a", "b", "c", "d", "e"]
    assert signature["inputs"][0]["shape"] == [-1, 5]
    assert signature["classes"] == ["high", "low", "mid"]


@pytest.mark.parametrize(
    ("name", "nullable"),
    [("hist_gradient_boosting", True), ("imputed_forest", True), ("logistic", False)],
)
def test_missing_values_are_allowed_where_the_model_takes_them(name: str, nullable: bool) -> None:
    found = features(infer_signature(build(name).model))
    assert {each["nullable"] for each in found.values()} == {nullable}


def test_booleans_and_several_outputs_keep_their_classes() -> None:
    assert infer_signature(build("logistic_bool_labels").model)["classes"] == [False, True]
    several = infer_signature(build("multi_output_tree").model)
    assert several["classes"] == [[0, 1, 2], [0, 1]]
    assert several["outputs"] == [{"name": "predict", "datatype": "INT64", "shape": [-1, 2]}]


def test_multilabel_is_a_yes_or_no_each() -> None:
    rows = numbers()
    model = neural_network.MLPClassifier((4,), max_iter=5, random_state=0)
    signature = infer_signature(model.fit(rows, np.eye(2, dtype=int)[labels(rows, 2)]))
    assert signature["classes"] == [[0, 1], [0, 1]]
    assert len(signature["outputs"]) == 1


def test_boosting_on_categories_is_a_table() -> None:
    rows = pd.DataFrame({"age": numbers()[:, 0], "town": pd.Categorical(["a", "b"] * 120)})
    model = ensemble.HistGradientBoostingClassifier(max_iter=2).fit(rows, [0, 1] * 120)
    found = features(infer_signature(model))
    assert found["town"]["categories"] == ["a", "b"]
    assert found["age"]["nullable"]


def refused(model: Any) -> Refused:
    """What the model is refused with."""
    with pytest.raises(Refused) as caught:
        infer_signature(model)
    return caught.value


@pytest.mark.parametrize(
    ("make", "advice"),
    [
        (lambda: cluster.DBSCAN().fit(numbers()), "classifier"),
        (lambda: neighbors.LocalOutlierFactor().fit(numbers()), "novelty=True"),
        (lambda: neighbors.NearestNeighbors().fit(numbers()), "KNeighborsClassifier"),
        (lambda: feature_extraction.DictVectorizer().fit([{"a": 1}]), "ColumnTransformer"),
        (lambda: neighbors.KernelDensity().fit(numbers()), "GaussianMixture"),
        (lambda: impute.SimpleImputer(strategy="most_frequent").fit(frame()[["town"]]), "number"),
    ],
)
def test_model_without_answers_is_refused_with_advice(make: Any, advice: str) -> None:
    error = refused(make())
    assert error.code == "not_servable"
    assert advice in error.reason


def test_unfitted_and_foreign_objects_are_refused() -> None:
    assert refused(linear_model.LogisticRegression()).code == "not_fitted"
    assert refused({"model": 1}).code == "not_a_model"
    assert refused(linear_model.LogisticRegression).code == "not_a_model"


def test_transformer_too_wide_is_refused() -> None:
    wide = feature_extraction.text.HashingVectorizer().fit(texts())
    assert "pipeline" in refused(wide).reason


def test_texts_may_be_imputed_before_they_are_encoded() -> None:
    rows = frame()[["town", "size"]]
    model = pipeline.make_pipeline(
        impute.SimpleImputer(strategy="most_frequent"),
        preprocessing.OneHotEncoder(),
        linear_model.LogisticRegression(),
    ).fit(rows, rows["town"] == "Bern")
    signature = infer_signature(model)
    assert signature["layout"] == "columns"
    assert {each["dtype"] for each in features(signature).values()} == {"str"}
    assert all(each["nullable"] for each in features(signature).values())


def test_isotonic_regression_takes_one_feature() -> None:
    model = isotonic.IsotonicRegression().fit(np.arange(9.0), np.arange(9.0))
    assert infer_signature(model)["inputs"][0]["shape"] == [-1, 1]


def test_encoder_that_ignores_unknowns_says_so() -> None:
    encoder = preprocessing.OneHotEncoder(handle_unknown="ignore").fit(frame()[["town"]])
    found = features(infer_signature(encoder))
    assert found["town"]["unknown"] == "ignore"
    assert found["town"]["nullable"]
