"""A compiled model answers as its original, or says why there is none."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn import (
    compose,
    ensemble,
    feature_extraction,
    impute,
    linear_model,
    pipeline,
    preprocessing,
)

from jail.batch import Batch
from jail.compile import Compiled, compile_model
from jail.native import predict_native
from jail.onnxgraph import check_graph
from jail.onnxmodel import OnnxModel
from jail.parity import compare
from jail.probes import make_probes
from jail.refusal import NotCompilable
from jail.signature import infer_signature
from jail.tests.families import FAMILIES, FEATURES, Family, build, frame, labels, numbers, texts

SEED = bytes(range(32))
NATIVE = {
    "affinity_propagation", "birch", "bisecting_kmeans", "dummy", "elliptic_envelope",
    "gaussian_process", "hashing", "mean_shift", "multi_output_classifier", "multi_output_tree",
    "nearest_centroid", "poisson", "transformed_target",
}  # fmt: skip
JAILED = {"gaussian_process_regressor", "local_outlier_factor"}


@cache
def made(name: str) -> tuple[Family, dict[str, Any]]:
    """A family and its signature, built once."""
    family = build(name)
    return family, infer_signature(family.model)


@cache
def compiled(name: str) -> Compiled:
    """The family's compiled form."""
    family, signature = made(name)
    return compile_model(family.model, signature)


def parity_of(model: Any, signature: dict[str, Any] | None = None) -> Any:
    """How the compiled form of a model holds against it on its probes."""
    signature = signature or infer_signature(model)
    result = compile_model(model, signature)
    probes = make_probes(model, signature, seed=SEED, example=None)
    got = OnnxModel(result.onnx, signature, result.plan).predict(probes)
    return compare(predict_native(model, signature, probes), got, signature)


@pytest.mark.parametrize("name", sorted(FAMILIES.keys() - NATIVE))
def test_compiled_family_agrees_on_every_probe(name: str) -> None:
    family, signature = made(name)
    probes = make_probes(family.model, signature, seed=SEED, example=None)
    got = OnnxModel(compiled(name).onnx, signature, compiled(name).plan).predict(probes)
    report = compare(predict_native(family.model, signature, probes), got, signature)
    assert report.passed, report.reason
    assert report.rows >= 4096


@pytest.mark.parametrize("name", sorted(NATIVE))
def test_family_without_a_form_says_why(name: str) -> None:
    family, signature = made(name)
    with pytest.raises(NotCompilable) as caught:
        compile_model(family.model, signature)
    assert len(caught.value.reason) > 10


@pytest.mark.parametrize("name", sorted(FAMILIES.keys() - NATIVE))
def test_converted_graph_may_run_in_process(name: str) -> None:
    assert check_graph(compiled(name).onnx).in_process == (name not in JAILED)


def test_converting_leaves_the_model_as_it_was() -> None:
    for name in ("tfidf", "voting_soft", "columns_text", "columns_logistic"):
        family, signature = build(name), made(name)[1]
        before = predict_native(family.model, signature, make_some(name))
        compile_model(family.model, signature)
        after = predict_native(family.model, signature, make_some(name))
        assert before.predict_proba is not None
        assert after.predict_proba is not None
        assert before.predict_proba.tolist() == after.predict_proba.tolist()


def make_some(name: str) -> Batch:
    """A few probes of the family."""
    family, signature = made(name)
    return make_probes(family.model, signature, seed=SEED, example=None).take(slice(0, 200))


def rounded(decimals: int) -> Any:
    """Rows as people type them."""
    return np.round(numbers(4000, seed=decimals), decimals)


@pytest.mark.parametrize("name", ["scaled_hist_gradient_boosting", "scaled_forest"])
@pytest.mark.parametrize("decimals", [0, 1, 2, 3])
def test_thresholds_behind_a_scaler_are_not_crossed(name: str, decimals: int) -> None:
    family, signature = made(name)
    batch = Batch("matrix", matrix=rounded(decimals))
    got = OnnxModel(compiled(name).onnx, signature, compiled(name).plan).predict(batch)
    report = compare(predict_native(family.model, signature, batch), got, signature)
    assert report.passed, report.reason


def test_large_numbers_behind_a_scaler_agree() -> None:
    rows = np.round(numbers() * 1e6 + 3e7, 1)
    scaler = preprocessing.StandardScaler()
    trees = ensemble.HistGradientBoostingClassifier(max_iter=10)
    model = pipeline.make_pipeline(scaler, trees).fit(rows, labels(numbers(), 2))
    assert parity_of(model).passed


def test_float32_would_have_been_wrong_there() -> None:
    """The probes see what doubles are for."""
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType

    family, signature = made("scaled_hist_gradient_boosting")
    types = [("input", FloatTensorType([None, FEATURES]))]
    graph = to_onnx(family.model, initial_types=types, options={"zipmap": False}, target_opset=17)
    plan = {
        "inputs": [{"name": "input", "dtype": "float32", "from": "matrix"}],
        "outputs": {"predict": "label", "predict_proba": "probabilities"},
    }
    probes = make_probes(family.model, signature, seed=SEED, example=None)
    got = OnnxModel(graph.SerializeToString(), signature, plan).predict(probes)
    report = compare(predict_native(family.model, signature, probes), got, signature)
    assert not report.passed


def test_forest_trained_with_holes_sends_them_the_right_way() -> None:
    rows = numbers()
    rows[np.random.default_rng(0).random(rows.shape) < 0.1] = np.nan
    model = ensemble.RandomForestClassifier(10, random_state=0).fit(rows, labels(numbers()))
    assert parity_of(model).passed


@pytest.mark.parametrize(
    "vectorizer",
    [
        feature_extraction.text.TfidfVectorizer(strip_accents="unicode"),
        feature_extraction.text.TfidfVectorizer(token_pattern=r"(?u)\b\w+\b", lowercase=False),
        feature_extraction.text.CountVectorizer(ngram_range=(1, 3), binary=True),
        feature_extraction.text.TfidfVectorizer(use_idf=False, norm="l1"),
    ],
)
def test_texts_are_split_as_scikit_learn_does(vectorizer: Any) -> None:
    rows = texts()
    model = pipeline.make_pipeline(vectorizer, linear_model.LogisticRegression())
    assert parity_of(model.fit(rows, ["good" in text for text in rows])).passed


def test_odd_texts_agree() -> None:
    family, signature = made("tfidf")
    odd = ["", " ", "é", "GOOD", "Ünïcödé café", "a", "\n", "good\u00a0bad", "ΣΑΣ İ ß", "x" * 5000]
    batch = Batch("text", texts=odd)
    got = OnnxModel(compiled("tfidf").onnx, signature, compiled("tfidf").plan).predict(batch)
    assert compare(predict_native(family.model, signature, batch), got, signature).passed


@pytest.mark.parametrize(
    "vectorizer",
    [
        feature_extraction.text.TfidfVectorizer(analyzer="char_wb"),
        feature_extraction.text.TfidfVectorizer(sublinear_tf=True),
        feature_extraction.text.CountVectorizer(stop_words="english", ngram_range=(1, 2)),
        feature_extraction.text.CountVectorizer(token_pattern=r"(?u)\b\w(?=o)\w+\b"),
    ],
)
def test_texts_that_no_graph_can_split_stay_native(vectorizer: Any) -> None:
    rows = texts()
    model = pipeline.make_pipeline(vectorizer, linear_model.LogisticRegression())
    model.fit(rows, [len(text) > 20 for text in rows])
    with pytest.raises(NotCompilable):
        compile_model(model, infer_signature(model))


finite = st.floats(-1e6, 1e6, allow_nan=False)


@pytest.mark.parametrize("name", ["logistic", "scaled_forest", "hist_gradient_boosting_3", "mlp"])
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_row_is_answered_as_by_scikit_learn(name: str, data: st.DataObject) -> None:
    rows = data.draw(arrays(np.float64, st.tuples(st.integers(1, 8), st.just(5)), elements=finite))
    family, signature = made(name)
    batch = Batch("matrix", matrix=rows)
    got = OnnxModel(compiled(name).onnx, signature, compiled(name).plan).predict(batch)
    report = compare(predict_native(family.model, signature, batch), got, signature)
    assert report.passed, report.reason


def test_many_rows_come_back_in_order() -> None:
    family, signature = made("logistic")
    model = OnnxModel(compiled("logistic").onnx, signature, compiled("logistic").plan)
    rows = numbers(2500, seed=3)
    whole = model.predict(Batch("matrix", matrix=rows)).predict
    assert whole.tolist() == family.model.predict(rows).tolist()


def test_probabilities_can_be_left_out() -> None:
    _, signature = made("logistic")
    model = OnnxModel(compiled("logistic").onnx, signature, compiled("logistic").plan)
    assert model.predict(Batch("matrix", matrix=numbers(3)), proba=False).predict_proba is None


def test_terminated_run_raises() -> None:
    import onnxruntime

    _, signature = made("logistic")
    model = OnnxModel(compiled("logistic").onnx, signature, compiled("logistic").plan)
    options = onnxruntime.RunOptions()
    options.terminate = True
    with pytest.raises(RuntimeError):
        model.predict(Batch("matrix", matrix=numbers(3)), run_options=options)


def test_graph_is_read_from_a_path_too(tmp_path: Any) -> None:
    _, signature = made("logistic")
    path = tmp_path / "graph.onnx"
    path.write_bytes(compiled("logistic").onnx)
    model = OnnxModel(path, signature, compiled("logistic").plan)
    assert len(model.predict(Batch("matrix", matrix=numbers(3))).predict) == 3


def test_texts_imputed_together_stay_native() -> None:
    rows = frame()[["town", "size"]]
    model = pipeline.make_pipeline(
        impute.SimpleImputer(strategy="most_frequent"),
        preprocessing.OneHotEncoder(),
        linear_model.LogisticRegression(),
    ).fit(rows, rows["town"] == "Bern")
    with pytest.raises(NotCompilable) as caught:
        compile_model(model, infer_signature(model))
    assert "text" in caught.value.reason


def test_missing_text_is_a_category_where_it_was_one() -> None:
    rows = frame()[["town", "income"]]
    rows["town"] = rows["town"].astype(object).where(rows["income"] < 3500, None)
    steps = compose.make_column_transformer(
        (preprocessing.OneHotEncoder(), ["town"]), ("passthrough", ["income"])
    )
    model = pipeline.make_pipeline(steps, linear_model.LogisticRegression(max_iter=500))
    assert parity_of(model.fit(rows, rows["town"].isna())).passed
