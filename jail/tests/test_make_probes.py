"""Probes go where an original and its compiled form could part."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import linear_model, pipeline, preprocessing, tree

from jail.batch import Batch
from jail.probes import make_probes
from jail.signature import infer_signature
from jail.tests.families import FAMILIES, build, frame, labels, numbers

SEED = bytes(32)


def probes_of(name: str, seed: bytes = SEED) -> Batch:
    """The family's probes."""
    family = build(name)
    return make_probes(family.model, infer_signature(family.model), seed=seed, example=None)


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_gets_enough(name: str) -> None:
    assert probes_of(name).rows >= 4096


@pytest.mark.parametrize("name", ["forest", "columns_logistic", "tfidf"])
def test_one_seed_gives_the_same_probes_and_another_others(name: str) -> None:
    one, again, other = probes_of(name), probes_of(name), probes_of(name, bytes([1]) * 32)
    assert repr(as_lists(one)) == repr(as_lists(again))
    assert repr(as_lists(one)) != repr(as_lists(other))


def as_lists(batch: Batch) -> object:
    """The batch's values."""
    if batch.matrix is not None:
        return batch.matrix.tolist()
    return batch.texts or {name: v.tolist() for name, v in (batch.columns or {}).items()}


def test_every_threshold_and_its_neighbours_are_there() -> None:
    model = build("tree").model
    probes = probes_of("tree").matrix
    assert probes is not None
    inner = model.tree_.children_left >= 0
    for feature, threshold in zip(
        model.tree_.feature[inner], model.tree_.threshold[inner].astype(np.float32), strict=True
    ):
        seen = set(probes[:, feature].tolist())
        up, down = np.nextafter(threshold, np.array([np.inf, -np.inf], dtype=np.float32))
        assert {float(threshold), float(up), float(down)} <= seen


def test_thresholds_are_mapped_back_through_scalers() -> None:
    rows = numbers()
    model = pipeline.make_pipeline(
        preprocessing.StandardScaler(), tree.DecisionTreeClassifier(random_state=0)
    ).fit(rows, labels(rows))
    probes = make_probes(model, infer_signature(model), seed=SEED, example=None).matrix
    assert probes is not None
    scaled = model[0].transform(probes)
    inner = model[1].tree_.children_left >= 0
    for feature, threshold in zip(
        model[1].tree_.feature[inner], model[1].tree_.threshold[inner], strict=True
    ):
        assert np.isclose(scaled[:, feature], threshold, rtol=1e-12, atol=1e-12).any()


def test_thresholds_of_a_table_are_found() -> None:
    family = build("columns_boosting")
    probes = probes_of("columns_boosting")
    assert probes.columns is not None
    scaler = family.model[0].named_transformers_["number"][-1]
    scaled = (probes.columns["income"] - scaler.mean_[1]) / scaler.scale_[1]
    nodes = family.model[-1]._predictors[0][0].nodes
    splits = nodes[(nodes["is_leaf"] == 0) & (nodes["feature_idx"] == 1)]["num_threshold"]
    assert len(splits)
    assert all(np.isclose(scaled, split, rtol=1e-9).any() for split in splits)


def test_some_rows_are_rounded_and_in_range() -> None:
    probes = probes_of("forest").matrix
    assert probes is not None
    for decimals in range(4):
        assert (probes == np.round(probes, decimals)).any(axis=1).sum() > 100
    assert 0 < np.nanmedian(probes[:, 3]) < 200


def test_missing_values_come_only_where_they_are_taken() -> None:
    with_holes, without = probes_of("imputed_forest").matrix, probes_of("logistic").matrix
    assert with_holes is not None
    assert without is not None
    assert np.isnan(with_holes).any(axis=0).all()
    assert not np.isnan(without).any()


def test_table_has_unknown_categories_where_they_are_ignored() -> None:
    columns = probes_of("columns_logistic").columns
    assert columns is not None
    assert set(columns["town"]) > {"Basel", "Bern", "Genf", "Zürich"}
    assert set(columns["size"]) == {"S", "M", "L"}
    assert None in columns["town"]
    assert np.nanmedian(columns["income"]) == pytest.approx(3000, abs=1000)


def test_texts_hold_what_splitters_trip_over() -> None:
    texts = probes_of("tfidf").texts
    assert texts is not None
    every = " ".join(texts)
    assert "" in texts
    assert "café" in every
    assert "CAFÉ" in every
    assert "a" in every.split()
    assert "東京" in every


def test_the_users_example_is_among_them() -> None:
    family = build("forest")
    example = Batch("matrix", matrix=np.array([[1.0, 2.0, 3.0, 4.0, 5.0]]))
    signature = infer_signature(family.model)
    probes = make_probes(family.model, signature, seed=SEED, example=example)
    assert probes.matrix is not None
    assert probes.matrix[-1].tolist() == [1.0, 2.0, 3.0, 4.0, 5.0]


def test_rows_the_model_refuses_are_left_out() -> None:
    rows = np.abs(numbers())
    model = pipeline.make_pipeline(
        preprocessing.FunctionTransformer(np.log), linear_model.LogisticRegression(max_iter=500)
    ).fit(rows, labels(numbers()))
    probes = make_probes(model, infer_signature(model), seed=SEED, example=None)
    assert probes.rows >= 4096
    assert len(model.predict(probes.matrix)) == probes.rows


def test_example_of_a_table_is_kept() -> None:
    family = build("columns_regressor")
    signature = infer_signature(family.model)
    row = frame(1)[[put["name"] for put in signature["inputs"]]]
    example = Batch("columns", columns={name: row[name].to_numpy() for name in row})
    probes = make_probes(family.model, signature, seed=SEED, example=example)
    assert probes.columns is not None
    assert probes.columns["town"][-1] == row["town"][0]
