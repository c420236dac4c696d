"""It answers clients of MLflow, SageMaker and KServe V1 as their own servers do, or better."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.core.wsgi import get_wsgi_application
from pytest_django import Settings
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from accounts.models import User
from common.errors import Invalid
from common.runtime import Batch
from inference.edge.app import Edge
from inference.journal.writer import journal
from inference.models import Prediction
from inference.store import store
from inference.tabular import Table, batch_of
from inference.tests.conftest import GoLive
from inference.tests.wsgi import Answer, ask
from registry.models import ModelVersion

pytestmark = pytest.mark.django_db(transaction=True)
INVOKE = "/api/v1/models/alice/churn/invocations"
V1 = "/v1/models/alice/churn:predict"
ROWS = np.random.default_rng(0).normal(size=(200, 2))
LABELS = np.where(ROWS[:, 0] > 0, "stays", "leaves")
NAMED = LogisticRegression().fit(ROWS, LABELS)
NAMED.feature_names_in_ = np.array(["width", "height"], dtype=object)


@pytest.fixture
def key(alice: User, key_for: Callable[..., str]) -> str:
    return key_for(alice)


@pytest.fixture
def live(go_live: GoLive) -> ModelVersion:
    return go_live(NAMED)


def both(edge: Edge, path: str, body: Any, key: str, **headers: str) -> Answer:
    """The edge's answer, which must be the plain view's too."""
    plain = ask(get_wsgi_application(), path, body, key=key, **headers)
    answer = ask(edge, path, body, key=key, **headers)
    assert (answer.status, answer.json) == (plain.status, plain.json)
    assert answer.headers["content-type"] == plain.headers["content-type"] == "application/json"
    return answer


NAMES = ["width", "height"]
SPLIT = {"columns": ["width", "height"], "data": [[1.5, 0.2], [-2, 1]]}


@pytest.mark.parametrize(
    "body",
    [
        {"dataframe_split": SPLIT},
        {"dataframe_split": SPLIT | {"index": [7, 9]}},
        {"dataframe_split": {"data": [[1.5, 0.2], [-2, 1]]}},
        {"dataframe_split": {"columns": [0, 1], "data": [[1.5, 0.2], [-2, 1]]}},
        {"dataframe_split": {"columns": ["height", "width"], "data": [[0.2, 1.5], [1, -2]]}},
        {"dataframe_split": {"columns": ["x", *NAMES], "data": [[0, 1.5, 0], ["?", -2, 1]]}},
        {"dataframe_records": [{"width": 1.5, "height": 0.2}, {"height": 1, "width": -2}]},
        {"dataframe_records": [{"width": "1.5", "height": "0.2"}, {"height": "1", "width": "-2"}]},
        {"instances": [[1.5, 0.2], [-2, 1]]},
        {"instances": [{"width": 1.5, "height": 0.2}, {"width": -2, "height": 1, "id": "b"}]},
        {"inputs": [[1.5, 0.2], [-2, 1]]},
        {"inputs": {"width": [1.5, -2], "height": [0.2, 1]}},
        {"inputs": {"width": [[1.5], [-2]], "height": [[0.2], [1]]}},
        {"instances": [[1.5, 0.2], [-2, 1]], "params": {"temperature": 0.2}},
    ],
)  # fmt: skip
def test_every_form_of_mlflow_is_read(
    edge: Edge, key: str, live: ModelVersion, body: dict[str, Any]
) -> None:
    answer = both(edge, INVOKE, body, key)
    assert answer.status == 200, answer.json
    assert answer.json == {"predictions": ["stays", "leaves"]}
    assert edge._django.predicted_at > 0  # it was not Django that answered


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"dataframe_split": {"columns": ["width"], "data": [[1.5]]}}, "has not: height"),
        ({"dataframe_records": [{"width": 1.5}]}, "has not: height"),
        ({"dataframe_records": [{"width": 1.5, "height": "tall"}]}, "row 0, height: must be"),
        ({"dataframe_records": [{"width": 1.5, "height": True}]}, "not a boolean"),
        ({"dataframe_records": [{"width": 1, "height": 1}, {"width": 1}]}, "row 1, height: is"),
        ({"dataframe_records": {"width": 1.5}}, "must be a list of objects"),
        ({"dataframe_split": {**SPLIT, "dtype": {}}}, "may have `columns` and `index`"),
        ({"dataframe_split": {"columns": NAMES, "data": [[1]]}}, "Row 0 has 1 values"),
        ({"dataframe_split": {"columns": ["width", "width"], "data": [[1, 2]]}}, "twice: width"),
        ({"instances": [[1.5]]}, "the model takes 2"),
        ({"instances": []}, "There are no rows."),
        ({"inputs": {"width": [1.5], "height": [1, 2]}}, "not of one length"),
        ({"inputs": {"width": 1.5, "height": 1}}, "a list for each column"),
        ({"instances": [[1, 2]], "inputs": [[1, 2]]}, "Give one of"),
        ({"signature_name": "serving_default", "instances": [[1, 2]]}, "signature_name"),
        ({"rows": [[1, 2]]}, "Give one of"),
        ([[1, 2]], "must be a JSON object"),
        ({"instances": [[1, 2]], "params": [1]}, "`params` must be an object"),
        ({"instances": [[1, 2]], "params": {"predict_method": "fit"}}, "is one of predict"),
        ({"dataframe_split": {"columns": [None, "height"], "data": [[1, 2]]}}, "list of names"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_told_in_mlflows_shape(
    edge: Edge, key: str, live: ModelVersion, body: Any, told: str
) -> None:
    answer = both(edge, INVOKE, body, key)
    assert answer.status == 400
    assert set(answer.json) == {"error_code", "message"}
    assert answer.json["error_code"] == "BAD_REQUEST"
    assert told in answer.json["message"]
    assert "Traceback" not in answer.json["message"]
    assert "; is missing" not in answer.json["message"]
    assert answer.json["message"].count(told) == 1


def test_probabilities_are_asked_for_by_params(edge: Edge, key: str, live: ModelVersion) -> None:
    body = {"instances": ROWS[:3].tolist(), "params": {"predict_method": "predict_proba"}}
    answer = both(edge, INVOKE, body, key)
    np.testing.assert_allclose(answer.json["predictions"], NAMED.predict_proba(ROWS[:3]), atol=1e-4)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"not json", "BAD_REQUEST"),
        (b'{"instances": [[1, NaN]]}', "BAD_REQUEST"),
        (b'{"instances": ' + b"[" * 100_000, "BAD_REQUEST"),
    ],
)
def test_what_is_no_json_is_refused(
    edge: Edge, key: str, live: ModelVersion, body: bytes, told: str
) -> None:
    answer = both(edge, INVOKE, body, key)
    assert (answer.status, answer.json["error_code"]) == (400, told)


def csv(edge: Edge, key: str, body: bytes, kind: str = "text/csv") -> Answer:
    return ask(edge, INVOKE, body, key=key, CONTENT_TYPE=kind)


@pytest.mark.parametrize(
    "body",
    [
        b"width,height\n1.5,0.2\n-2,1\n",
        b"\xef\xbb\xbfwidth,height\r\n1.5,0.2\r\n-2,1",
        b'height,note,width\n0.2,"a, ""b""\nc",1.5\n\n1,,-2\n',
    ],
)
def test_a_file_with_names_is_read(edge: Edge, key: str, live: ModelVersion, body: bytes) -> None:
    answer = csv(edge, key, body, "text/csv; charset=UTF-8")
    assert answer.status == 200, answer.json
    assert answer.json == {"predictions": ["stays", "leaves"]}


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "The file is empty"),
        (b"width,height\n", "There are no rows"),
        (b"width,height\n1,2,3\n", "Row 0 has 3 values; there are 2 columns"),
        (b"width\n1\n", "has not: height"),
        (b"width,height\n1,tall\n", "row 0, height: must be a number"),
        (b"width,height\n1,\n", "row 0, height: is missing"),
        (b"width,height\n1,1_000\n", "must be a number"),
        (b"width,height\n\xff,1\n", "not UTF-8"),
        (b"width,height\n1,\x00\n", "NUL"),
        (b'width,height\n1,"2\n', "no CSV"),
        (b"width,height\n1," + b"9" * 200_000, "too large a number"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(
    edge: Edge, key: str, live: ModelVersion, body: bytes, told: str
) -> None:
    answer = csv(edge, key, body)
    assert answer.status == 400
    assert told in answer.json["message"]


def as_parquet(**columns: Any) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out)
    return out.getvalue()


PARQUET = "application/vnd.apache.parquet"


def test_parquet_is_read(edge: Edge, key: str, live: ModelVersion) -> None:
    """Columns by name; what no model could take is passed over like any that this one does not."""
    body = as_parquet(
        height=pa.array([0.2, 1], pa.float32()),
        tags=[["a"], []],
        width=[1.5, -2.0],
        when=["x", "y"],
    )
    answer = csv(edge, key, body, PARQUET)
    assert (answer.status, answer.json) == (200, {"predictions": ["stays", "leaves"]})
    plain = ask(get_wsgi_application(), INVOKE, body, key=key, CONTENT_TYPE=PARQUET)
    assert plain.json == answer.json


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "no sound Parquet"),
        (b"PAR1 and more PAR1", "no sound Parquet"),
        (as_parquet(width=[1.0]), "has not: height"),
        (as_parquet(width=[1.0], height=[None]), "row 0, height: is missing"),
        (as_parquet(width=[1.0], height=["tall"]), "row 0, height: must be a number"),
        (as_parquet(width=pa.array([], pa.float64()), height=pa.array([])), "no rows"),
        (as_parquet(width=[1.0] * 50_001, height=[1.0] * 50_001), "50,000 is the most"),
    ],
)
def test_parquet_that_does_not_fit_is_refused(
    edge: Edge, key: str, live: ModelVersion, body: bytes, told: str
) -> None:
    answer = csv(edge, key, body, PARQUET)
    assert answer.status in {400, 413}
    assert told in answer.json["message"]


def test_names_as_many_as_they_like_cost_no_more_than_their_bytes(
    edge: Edge, key: str, live: ModelVersion
) -> None:
    """A table of them all would have 1,600 million cells."""
    records = [{f"c{i}": 1} for i in range(40_000)]
    answer = both(edge, INVOKE, {"dataframe_records": records}, key)
    assert answer.status == 400
    assert "columns that the input has not" in answer.json["message"]
    twice = ",".join(["width", "height", *(f"c{i}" for i in range(200_000)), "c0"])
    assert "A column stands twice: c0." in csv(edge, key, twice.encode() + b"\n1").json["message"]


@pytest.mark.parametrize("kind", ["text/xml", "text/csv; charset=latin-1", "application/x-tar"])
def test_another_content_type_is_refused(
    edge: Edge, key: str, live: ModelVersion, kind: str
) -> None:
    assert csv(edge, key, b"width,height\n1,2\n", kind).status == 415


def test_kserve_v1_asks_by_instances(edge: Edge, key: str, live: ModelVersion) -> None:
    answer = both(edge, V1, {"instances": [[1.5, 0.2], [-2, 1]]}, key)
    assert answer.json == {"predictions": ["stays", "leaves"]}
    wrong = both(edge, V1, {"rows": []}, key)
    assert (wrong.status, set(wrong.json)) == (400, {"error"})
    gone = both(edge, "/v1/models/alice/nothing:predict", {"instances": []}, key)
    assert gone.status == 404
    ready = ask(edge, "/v1/models/alice/churn", key=key, method="GET")
    assert ready.json == {"name": "churn", "ready": True}
    listed = ask(edge, "/v1/models", key=key, method="GET")
    assert listed.json == {"models": ["churn"]}


def test_a_version_and_an_alias_can_be_named(edge: Edge, key: str, live: ModelVersion) -> None:
    body = {"instances": [[1.5, 0.2]]}
    assert both(edge, "/v1/models/churn/versions/1:predict", body, key).status == 200
    assert both(edge, "/v1/models/churn/versions/2:predict", body, key).status == 404
    assert both(edge, "/v1/models/churn@champion:predict", body, key).status == 404


def test_the_default_model_answers_without_a_name(
    edge: Edge, key: str, live: ModelVersion, settings: Settings
) -> None:
    body = {"instances": [[1.5, 0.2]]}
    refused = both(edge, "/invocations", body, key)
    assert (refused.status, refused.json["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")
    assert "/api/v1/models/{owner}/{name}/invocations" in refused.json["message"]
    assert ask(edge, "/ping", method="GET").status == 404
    settings.SLIPWAY_DEFAULT_MODEL = "alice/churn"
    assert both(edge, "/invocations", body, key).json == {"predictions": ["stays"]}
    assert ask(edge, "/ping", method="GET").status == 200
    assert ask(edge, "/invocations", body).status == 401


def test_every_call_is_in_the_log(edge: Edge, key: str, live: ModelVersion) -> None:
    answer = ask(edge, INVOKE, {"instances": [[1.5, 0.2], [-2, 1]]}, key=key)
    ask(edge, V1, {"instances": [["x", 1]]}, key=key)
    path, size = journal().present
    store(path.name, 0, path.read_bytes()[:size])
    good, bad = Prediction.objects.order_by("id")
    assert str(good.id) == answer.headers["x-prediction-id"]
    assert (good.get_door_display(), good.rows, good.status) == ("invocations", 2, 200)
    assert good.inputs == {"inputs": [[1.5, 0.2], [-2.0, 1.0]]}
    assert good.outputs is not None
    assert good.outputs["predictions"] == ["stays", "leaves"]
    assert (bad.get_door_display(), bad.status, bad.code) == ("v1", 400, "invalid_input")


def test_texts_are_read_bare_or_as_a_column(edge: Edge, key: str, go_live: GoLive) -> None:
    texts = ["good day", "bad night"] * 20
    go_live(make_pipeline(CountVectorizer(), LogisticRegression()).fit(texts, [1, 0] * 20))
    for body in (
        {"instances": ["good", "bad"]},
        {"inputs": [["good"], ["bad"]]},
        {"dataframe_split": {"data": [["good"], ["bad"]]}},
    ):
        assert both(edge, INVOKE, body, key).json == {"predictions": [1, 0]}


ZIP = {"name": "zip", "dtype": "str", "categories": ["01234"], "unknown": "error"}
TYPES: dict[str, Any] = {
    "layout": "columns",
    "inputs": [
        {
            "features": [
                {"name": "zip", "dtype": "str", "categories": ["01234"], "unknown": "error"}
            ]
        },
        {"features": [{"name": "age", "dtype": "int", "nullable": True}]},
        {"features": [{"name": "member", "dtype": "bool"}]},
    ],
}


def read(rows: list[list[Any]], *, as_text: bool = True) -> Batch:
    return batch_of(TYPES, Table(["zip", "age", "member"], rows, as_text=as_text))


def test_texts_of_a_file_are_read_as_the_models_types() -> None:
    """Leading zeros stay, whole numbers are whole, an empty cell is a missing value."""
    columns = read([["01234", "41", "true"], ["01234", "3", "0"]]).columns or {}
    assert columns["zip"].tolist() == ["01234", "01234"]
    assert columns["age"].tolist() == [41, 3]
    assert columns["age"].dtype == np.int64
    assert columns["member"].tolist() == [True, False]
    gaps = read([["01234", "", "true"], ["01234", "nan", "1"]]).columns or {}
    assert np.isnan(gaps["age"]).all()


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (["1234", "41", "true"], "none of the categories"),
        (["", "41", "true"], "is missing"),
        (["01234", "41.5", "true"], "whole number"),
        (["01234", "41", "perhaps"], "must be a boolean"),
        (["01234", "1e999", "true"], "too large"),
    ],
)
def test_every_fault_is_named_by_row_and_column(row: list[str], told: str) -> None:
    with pytest.raises(Invalid) as caught:
        read([["01234", "1", "true"], row])
    assert told in caught.value.errors[0].detail
    assert caught.value.errors[0].detail.startswith("row 1, ")
