"""Sending files of rows, and doing the work that workers would."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_iris
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from accounts.models import User
from inference.bulk import work
from inference.bulk.work import work_off
from inference.services import batches
from inference.tests.conftest import GoLive

ROWS, LABELS = load_iris(return_X_y=True)
NAMES = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
Client = Callable[[User], APIClient]
Answer = Callable[..., tuple[dict[str, Any], bytes]]


@pytest.fixture(autouse=True)
def not_sent(monkeypatch: pytest.MonkeyPatch) -> list[UUID]:
    """What would be sent to workers: these tests do the work themselves."""
    sent: list[UUID] = []
    monkeypatch.setattr(batches, "send", sent.append)
    monkeypatch.setattr(work, "send", sent.append)
    return sent


@pytest.fixture
def iris(go_live: GoLive) -> LogisticRegression:
    """A classifier with named columns, live as `alice/iris`."""
    model = LogisticRegression(max_iter=500)
    model.fit(pd.DataFrame(ROWS, columns=NAMES), np.array(["a", "b", "c"])[LABELS])
    assert go_live(model, name="iris").state == "ready"
    return model


@pytest.fixture
def mixed(go_live: GoLive) -> Any:
    """A regression over a text, a number and a whole number, live as `alice/mixed`."""
    frame = pd.DataFrame(
        {"city": ["007", "Oslo", "Rome", "Oslo"] * 5, "age": [1.5, 2, 3, 4] * 5,
         "rooms": [1, 2, 3, 4] * 5}
    )  # fmt: skip
    prepare = make_column_transformer(
        (OneHotEncoder(), ["city"]), (StandardScaler(), ["age", "rooms"])
    )
    model = make_pipeline(prepare, LinearRegression()).fit(frame, range(20))
    assert go_live(model, name="mixed").state == "ready"
    return model


def submit(client: APIClient, name: str, content: bytes, model: str, **fields: Any) -> Any:
    headers = fields.pop("headers", {})
    return client.post(
        f"/api/v1/models/alice/{model}/predict/batch",
        {"file": SimpleUploadedFile(name, content), **fields},
        format="multipart",
        headers=headers,
    )


@pytest.fixture
def answered(alice: User, client_for: Client) -> Answer:
    """Send a file, do the work, fetch the job and, where there is one, the result."""
    client = client_for(alice)

    def answer(
        name: str, content: bytes, model: str = "iris", **fields: Any
    ) -> tuple[dict[str, Any], bytes]:
        response = submit(client, name, content, model, **fields)
        assert response.status_code == 202, response.content
        job = response.json()
        assert response["Location"] == f"/api/v1/batch-jobs/{job['id']}"
        work_off(UUID(job["id"]))
        told = client.get(f"/api/v1/batch-jobs/{job['id']}").json()
        if told["status"] != "succeeded":
            return told, b""
        result = client.get(f"/api/v1/batch-jobs/{job['id']}/result")
        assert result.status_code == 200
        return told, result.getvalue()

    return answer


def as_csv(rows: Any, names: list[str] = NAMES, **others: list[Any]) -> bytes:
    return bytes(pd.DataFrame(rows, columns=names).assign(**others).to_csv(index=False), "utf-8")


def as_parquet(table: pa.Table, **how: Any) -> bytes:
    out = io.BytesIO()
    pq.write_table(table, out, **how)
    return out.getvalue()


def lines_of(result: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(result.decode())))
