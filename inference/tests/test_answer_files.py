"""It answers files of rows: every row a line with an answer or with what is wrong with it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from common.models import EventRecord
from inference.bulk import plan, text
from inference.bulk.work import folder_of
from inference.models import BatchStep, Prediction, RollUp, StepKind
from inference.tests.conftest import GoLive
from inference.tests.filing import (
    NAMES,
    ROWS,
    Answer,
    answered,
    as_csv,
    as_parquet,
    iris,
    lines_of,
    mixed,
    not_sent,
)

pytestmark = pytest.mark.django_db(transaction=True)
__all__ = ["answered", "iris", "mixed", "not_sent"]  # fixtures


def test_a_csv_comes_back_with_answers(iris: LogisticRegression, answered: Answer) -> None:
    keys = [f"{i:05}" for i in range(len(ROWS))]
    job, result = answered("flowers.csv", as_csv(ROWS, key=keys))
    assert (job["rows"], job["rows_done"], job["rows_failed"], job["progress"]) == (150, 150, 0, 1)
    lines = lines_of(result)
    assert list(lines[0]) == [
        "key", "row", "prediction_id", "prediction", "confidence", "probability_a",
        "probability_b", "probability_c", "error",
    ]  # fmt: skip
    assert [line["key"] for line in lines] == keys  # zeros in front stay
    assert [line["prediction"] for line in lines] == iris.predict(ROWS).tolist()
    proba = np.array([[float(line[f"probability_{c}"]) for c in "abc"] for line in lines])
    np.testing.assert_allclose(proba, iris.predict_proba(ROWS), atol=1e-5)
    assert [line["row"] for line in lines] == [str(i) for i in range(150)]


def test_what_is_answered_is_in_the_log_once(
    iris: LogisticRegression, answered: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text, "PIECE_ROWS", 40)
    job, result = answered("flowers.csv", as_csv(ROWS))
    kept = Prediction.objects.filter(correlation_id=job["id"])
    assert sum(one.rows for one in kept) == 150
    assert {(one.get_door_display(), one.status) for one in kept} == {("batch", 200)}
    rows: dict[str, str] = {}
    for one in kept:
        assert one.outputs is not None
        rows |= {f"{one.id}:{i}": label for i, label in enumerate(one.outputs["predictions"])}
    assert rows == {line["prediction_id"]: line["prediction"] for line in lines_of(result)}
    assert sum(RollUp.objects.values_list("rows", flat=True)) == 150


def test_a_wrong_row_is_an_error_in_its_line_alone(
    iris: LogisticRegression, answered: Answer
) -> None:
    content = (
        b"key,sepal_length,sepal_width,petal_length,petal_width\r\n"
        b"1,5.1,3.5,1.4,0.2\r\n"
        b"2,tall,3.5,,1e300\r\n"
        b"\r\n"
        b"3,5.1,3.5\r\n"
        b'"4\nfour",5.1,3.5,1.4,0.2\r\n'
        b"5,5.1,3.5,1_000,0.2\r\n"
        b"\xff,5.1,3.5,1.4,0.2\r\n"
        b"7,5.1,3.5,1.4,inf\r\n"
        b"8,5.1,3.5,1.4,0.2,9\r\n"
    )
    job, result = answered("flowers.csv", content)
    assert (job["status"], job["rows"], job["rows_failed"]) == ("succeeded", 8, 6)
    lines = list(csv.DictReader(io.StringIO(result.decode(errors="replace"))))
    assert [bool(line["prediction"]) for line in lines] == [
        True, False, False, True, False, False, False, False,
    ]  # fmt: skip
    assert lines[3]["key"] == "4\nfour"
    said = [line["error"] for line in lines]
    assert "sepal_length: must be a number" in said[1]
    assert "petal_length: is missing" in said[1]
    assert "petal_width: is too large" in said[1]
    assert said[2] == "row 2 has 3 cells; there are 5 columns"
    assert "petal_length" in said[4]
    assert said[5] == "row 5 is not UTF-8"
    assert "petal_width: is too large" in said[6]
    assert said[7] == "row 7 has 6 cells; there are 5 columns"
    assert {line["prediction_id"] for line in lines if line["error"]} == {""}


def test_texts_and_unknown_categories(mixed: Any, answered: Answer) -> None:
    content = b"city,age,rooms\n007,1.5,1\nOslo,2,2.0\nParis,2,2\n,2,2\n"
    _, result = answered("homes.csv", content, "mixed")
    lines = lines_of(result)
    frame = pd.DataFrame({"city": ["007", "Oslo"], "age": [1.5, 2], "rooms": [1, 2]})
    found = [float(line["prediction"]) for line in lines[:2]]
    np.testing.assert_allclose(found, mixed.predict(frame), rtol=1e-4)
    said = [line["error"] for line in lines]
    assert said[:2] == ["", ""]
    assert "'Paris' is none of the categories" in said[2]
    assert "city: is missing" in said[3]


def test_json_lines(iris: LogisticRegression, answered: Answer) -> None:
    good = dict(zip(NAMES, ROWS[0].tolist(), strict=True))
    documents = [
        json.dumps({**good, "id": "x", "error": "mine"}),
        json.dumps(ROWS[100].tolist()),
        "{broken",
        json.dumps({**good, "sepal_width": None}),
        json.dumps([1, 2]),
        json.dumps({**good, "sepal_width": "3"}),
        '"text"',
        json.dumps({"sepal_widht" if name == "sepal_width" else name: 1 for name in NAMES}),
    ]
    job, result = answered("flowers.jsonl", "\n\n".join(documents).encode())
    assert (job["rows"], job["rows_failed"]) == (8, 5)
    found = [json.loads(line) for line in result.splitlines()]
    assert (found[0]["id"], found[0]["input.error"], found[0]["error"]) == ("x", "mine", None)
    assert [one["prediction"] for one in found[:2]] == iris.predict(ROWS[[0, 100]]).tolist()
    assert found[2]["error"].startswith("row 2: ")
    assert "sepal_width: is missing" in found[3]["error"]
    assert found[4]["error"] == "row 4: has 2 values; the model takes 4"
    assert found[5]["prediction"] == "a"
    assert found[6]["error"] == "row 6: must be an object by feature, or a list of values"
    assert found[7]["error"] == "row 7: lacks sepal_width"


def test_parquet(iris: LogisticRegression, answered: Answer) -> None:
    columns: dict[str, Any] = {name: ROWS[:, i] for i, name in enumerate(NAMES)}
    columns["sepal_width"] = [None, *ROWS[1:, 1]]
    columns["petal_length"] = pa.array(ROWS[:, 2].astype(np.float32))
    table = pa.table(
        {**columns, "key": [f"{i:04}" for i in range(150)], "row": [[i] for i in range(150)]}
    )
    job, result = answered("flowers.parquet", as_parquet(table, row_group_size=37))
    assert (job["status"], job["rows"], job["rows_failed"]) == ("succeeded", 150, 1), job
    found = pq.read_table(io.BytesIO(result)).to_pylist()
    assert list(found[0]) == [
        "key", "input.row", "row", "prediction_id", "prediction", "confidence", "probability_a",
        "probability_b", "probability_c", "error",
    ]  # fmt: skip
    assert [one["prediction"] for one in found[1:]] == iris.predict(ROWS)[1:].tolist()
    assert [one["input.row"] for one in found] == [[i] for i in range(150)]
    assert found[0]["prediction"] is None
    assert found[0]["prediction_id"] is None
    assert "sepal_width: is missing" in found[0]["error"]
    ids = [one["prediction_id"] for one in found[1:]]
    assert len(set(ids)) == 149
    assert ids[0].endswith(":0")


def test_parquet_of_every_kind_of_column(mixed: Any, answered: Answer) -> None:
    table = pa.table(
        {
            "city": pa.array(["007", None, "Oslo", "Rome"]).dictionary_encode(),
            "age": pa.array([1, 2, None, 4], pa.int8()),
            "rooms": pa.array([1.0, 2.0, 3.0, np.inf], pa.float16()),
        }
    )
    _, result = answered("homes.parquet", as_parquet(table), "mixed")
    found = pq.read_table(io.BytesIO(result)).to_pylist()
    assert [one["error"] is None for one in found] == [True, False, False, False]
    assert "city: is missing" in found[1]["error"]
    assert "age: is missing" in found[2]["error"]
    assert "rooms: is too large" in found[3]["error"]


def test_a_cell_may_be_as_long_as_a_row(iris: LogisticRegression, answered: Answer) -> None:
    """Longer than the csv module takes by itself, over two lines, and of two bytes a letter."""
    long = "ж" * 90_000 + "\n" + "x" * 200_000
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([*NAMES, "note"])
    writer.writerows([[*ROWS[0], long], [*ROWS[1], "short"]])
    job, result = answered("a.csv", text.getvalue().encode())
    assert (job["status"], job["rows"], job["rows_failed"]) == ("succeeded", 2, 0)
    assert [line["note"] for line in lines_of(result)] == [long, "short"]


def test_a_line_that_can_not_be_answered_keeps_what_is_its_own(
    iris: LogisticRegression, answered: Answer
) -> None:
    good = dict(zip(NAMES, ROWS[0].tolist(), strict=True))
    lacking = {name: value for name, value in good.items() if name != NAMES[0]}
    lines = [{"id": "a", **good}, {"id": "b", **lacking}]
    _, result = answered("a.jsonl", "\n".join(map(json.dumps, lines)).encode())
    told = [json.loads(line) for line in result.splitlines()]
    assert [one["id"] for one in told] == ["a", "b"]
    assert told[1]["error"] == f"row 1: lacks {NAMES[0]}"


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_many_steps_give_one_result_in_order(
    form: str, go_live: GoLive, answered: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(5000, 4)).round(6)
    model = LinearRegression().fit(rows, rows.sum(axis=1))
    go_live(model, name="sum")
    monkeypatch.setattr(plan, "MOST_STEP_ROWS", 700)
    names = [f"x{i}" for i in range(4)]
    frame = pd.DataFrame(rows, columns=names)
    content = {
        "csv": frame.to_csv(index=False).encode(),
        "jsonl": frame.to_json(orient="records", lines=True).encode(),
        "parquet": as_parquet(pa.table(frame), row_group_size=1111),
    }[form]
    # A model without names takes its columns by the names that its signature gives them.
    job, result = answered(f"rows.{form}", content, "sum", keep="all")
    assert job["status"] == "succeeded", job
    assert BatchStep.objects.filter(kind=StepKind.SCORE).count() == 8
    readers: dict[str, Callable[[io.BytesIO], pd.DataFrame]] = {
        "csv": pd.read_csv,
        "jsonl": lambda file: pd.read_json(file, lines=True),
        "parquet": lambda file: pq.read_table(file).to_pandas(),
    }
    found = readers[form](io.BytesIO(result))
    assert found["row"].tolist() == list(range(5000))
    np.testing.assert_allclose(found["prediction"], rows.sum(axis=1), atol=1e-4)
    np.testing.assert_allclose(found[names], rows)
    assert found["prediction_id"].is_unique
    folder = Path(folder_of(UUID(job["id"])).path)
    assert {path.name for path in folder.iterdir()} == {"input", "result"}


BAD_FILES: dict[str, tuple[str, bytes, str]] = {
    "nothing but names": (
        "a.csv",
        b"sepal_length,sepal_width,petal_length,petal_width\n",
        "no rows",
    ),
    "missing columns": ("a.csv", b"sepal_length,width\n1,2\n", "sepal_width, petal_length, petal"),
    "a column twice": ("a.csv", b"a,a,b\n1,2,3\n", "stands twice: a"),
    "an open quote": ("a.csv", as_csv(ROWS[:2]) + b'1,"2,3,4\n' + as_csv(ROWS[:9]), "never closed"),
    "no text": ("a.csv", b"\xff\xfe\x00,a\n", "not UTF-8"),
    "blank lines": ("a.jsonl", b"\n\n  \n", "no rows"),
    "one endless line": ("a.jsonl", b"[" + b"1," * 600_000, "longer than 1,048,576 bytes"),
    "an endless cell": ("a.csv", as_csv(ROWS[:1]) + b"x" * 1_100_000, "Row 1 is longer than"),
    "no Parquet": ("a.parquet", b"PAR1 but not really PAR1", "no sound Parquet"),
    "Parquet without columns": ("a.parquet", as_parquet(pa.table({"a": [1]})), "sepal_length"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_file_that_is_none_fails_the_job_with_its_reason(
    name: str, iris: LogisticRegression, answered: Answer
) -> None:
    filename, content, reason = BAD_FILES[name]
    job, _ = answered(filename, content)
    assert job["status"] == "failed"
    assert reason in job["reason"]
    assert job["code"]
    assert job["finished_at"]
    event = EventRecord.objects.get(type="batch_job.failed")
    assert event.payload["reason"] == job["reason"]


def test_a_damaged_parquet_fails_the_job(iris: LogisticRegression, answered: Answer) -> None:
    content = bytearray(
        as_parquet(pa.table(dict(zip(NAMES, ROWS.T, strict=True))), compression="none")
    )
    content[4:40] = b"\xff" * 36  # the first page's header
    job, _ = answered("a.parquet", bytes(content))
    assert (job["status"], job["code"]) == ("failed", "bad_table")


def test_a_parquet_that_lies_about_its_rows_fails_the_job(
    iris: LogisticRegression, answered: Answer
) -> None:
    content = as_parquet(pa.table(dict(zip(NAMES, ROWS.T, strict=True))))
    # 150 in Thrift's zigzag varints is AC 02; in the footer it stands for rows, again and again.
    footer = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    lying = content[:footer] + content[footer:].replace(b"\xac\x02", b"\xae\x02")
    assert lying != content
    job, _ = answered("a.parquet", lying)
    assert job["status"] == "failed"
    assert job["code"] == "bad_table"
