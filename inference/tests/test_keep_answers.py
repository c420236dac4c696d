"""It answers as a model's owner wants: from what was kept, so many at once, in so much time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from django.core.wsgi import get_wsgi_application
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.test import APIClient
from sklearn.linear_model import LogisticRegression
from sklearn.semi_supervised import LabelSpreading

from accounts.models import User
from common.runtime import Batch, Outputs, RowBatch
from inference import batching, serving
from inference.answers import Answers, answers, key_of
from inference.edge.app import Edge
from inference.engine import Engine
from inference.journal.writer import journal
from inference.models import Prediction
from inference.serving import served_for
from inference.store import store
from inference.tests.conftest import GoLive
from inference.tests.test_engine import slow_version
from inference.tests.wsgi import Answer, ask
from registry.models import Model, ModelVersion

pytestmark = pytest.mark.django_db(transaction=True)

ROWS = np.random.default_rng(0).normal(size=(100, 2))
TABLE = pd.DataFrame(ROWS, columns=["age", "height"])
MODEL = LogisticRegression().fit(TABLE, ROWS[:, 0] > 0)
BASE = "/api/v1/models/alice/churn"
ROW = [[41.5, 1.8]]
TENSOR = {"name": "input", "datatype": "FP64", "shape": [1, 2], "data": ROW[0]}
DOORS: dict[str, tuple[str, Any]] = {
    "native": (f"{BASE}/predict", {"inputs": ROW}),
    "v2": ("/v2/models/churn/infer", {"inputs": [TENSOR]}),
    "mlflow": (f"{BASE}/invocations", {"instances": ROW}),
    "kserve": ("/v1/models/alice/churn:predict", {"instances": ROW}),
}


@pytest.fixture(autouse=True)
def _nothing_kept() -> None:
    answers.cache_clear()
    serving._served.clear()


@pytest.fixture
def key(alice: User, key_for: Callable[..., str]) -> str:
    return key_for(alice, scopes=["predict", "models:read", "models:write", "predictions:read"])


@pytest.fixture
def client(key: str) -> APIClient:
    return APIClient(headers={"X-API-Key": key})


@pytest.fixture
def live(go_live: GoLive) -> ModelVersion:
    return go_live(MODEL)


def change(client: APIClient, **fields: Any) -> Any:
    return client.patch(BASE, fields, format="json")


def found(answer: Answer) -> str | None:
    assert answer.status == 200, answer.json
    return answer.headers.get("x-cache")


def test_nobody_gets_kept_answers_who_did_not_ask_for_it(
    edge: Edge, key: str, live: ModelVersion
) -> None:
    path, body = DOORS["native"]
    assert [found(ask(edge, path, body, key=key)) for _ in range(2)] == [None, None]


@pytest.mark.parametrize("door", DOORS)
def test_the_same_again_is_a_hit_in_every_door(
    door: str, edge: Edge, key: str, client: APIClient, live: ModelVersion
) -> None:
    assert change(client, cache_seconds=60).json()["cache_seconds"] == 60
    path, body = DOORS[door]
    first, second = (ask(edge, path, body, key=key) for _ in range(2))
    assert (found(first), found(second)) == ("MISS", "HIT")
    assert first.told[2] == second.told[2]
    plain = ask(get_wsgi_application(), path, body, key=key)
    assert found(plain) == "HIT"
    assert plain.told[2] == first.told[2]


def test_all_doors_share_what_was_answered(
    edge: Edge, key: str, client: APIClient, live: ModelVersion
) -> None:
    change(client, cache_seconds=60)
    told = [found(ask(edge, *DOORS[door], key=key)) for door in DOORS]
    assert told == ["MISS", "HIT", "HIT", "HIT"]
    records = {"records": [{"height": 1.8, "age": 41.5}]}
    assert found(ask(edge, f"{BASE}/predict", records, key=key)) == "HIT"
    assert found(ask(edge, f"{BASE}/predict", {"inputs": [[41.5, 1.9]]}, key=key)) == "MISS"


def test_a_hit_is_logged_as_every_call(
    edge: Edge, key: str, client: APIClient, live: ModelVersion
) -> None:
    change(client, cache_seconds=60)
    ids = {ask(edge, *DOORS["native"], key=key).json["id"] for _ in range(3)}
    present = journal().present
    assert present is not None
    path, size = present
    store(path.name, 0, path.read_bytes()[:size])
    rows = Prediction.objects.all()
    assert {str(row.id) for row in rows} == ids
    assert len({str((row.outputs or {})["predictions"]) for row in rows}) == 1


def test_an_error_is_not_kept(edge: Edge, key: str, client: APIClient, live: ModelVersion) -> None:
    change(client, cache_seconds=60)
    wrong = {"inputs": [["tall", 1.8]]}
    assert [ask(edge, f"{BASE}/predict", wrong, key=key).status for _ in range(2)] == [400, 400]


def test_a_new_version_answers_anew(
    edge: Edge, key: str, client: APIClient, live: ModelVersion, go_live: GoLive
) -> None:
    change(client, cache_seconds=60)
    path, body = DOORS["native"]
    before = ask(edge, path, body, key=key)
    go_live(LogisticRegression().fit(TABLE, ROWS[:, 0] < 0))
    deadline = time.monotonic() + 10
    while (after := ask(edge, path, body, key=key)).json["version"] == 1:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert found(after) == "MISS"
    assert after.json["predictions"] != before.json["predictions"]


def test_no_organization_is_answered_from_anothers(live: ModelVersion) -> None:
    batch = RowBatch(ROW[0])
    ours, theirs = (bytes([number]) * 16 for number in (1, 2))
    assert key_of(ours, live.sha256, batch) == key_of(ours, live.sha256, RowBatch(ROW[0]))
    assert key_of(ours, live.sha256, batch) != key_of(theirs, live.sha256, batch)
    assert key_of(ours, live.sha256, batch) != key_of(ours, "0" * 64, batch)


CELLS = st.one_of(st.none(), st.text(max_size=4))


@given(st.lists(CELLS, min_size=2, max_size=2), st.lists(CELLS, min_size=2, max_size=2))
def test_only_the_same_rows_have_the_same_key(ours: list[Any], theirs: list[Any]) -> None:
    def key(cells: list[Any]) -> bytes:
        columns = {name: np.array([cell], dtype=object) for name, cell in zip("ab", cells)}  # noqa: B905
        return key_of(b"o" * 16, "0" * 64, Batch("columns", columns=columns))

    assert (key(ours) == key(theirs)) == (ours == theirs)


def test_a_row_has_one_key_however_it_came() -> None:
    row = [1.0, -0.0]
    alone, matrix = RowBatch(row), Batch("matrix", matrix=np.array([row]))
    assert key_of(b"", "", alone) == key_of(b"", "", matrix)
    sliced = Batch("matrix", matrix=np.array([row, row, row])[::2])
    assert key_of(b"", "", sliced) == key_of(b"", "", Batch("matrix", matrix=np.array([row, row])))


def outputs(size: int) -> Outputs:
    return Outputs(np.zeros(size))


def test_an_answer_runs_out() -> None:
    kept = Answers(most_bytes=10**6)
    kept.keep(b"gone", outputs(1), 0)
    kept.keep(b"there", outputs(1), 60)
    assert kept.get(b"gone") is None
    assert kept.get(b"there") is not None


def test_the_oldest_go_when_there_is_no_room() -> None:
    kept = Answers(most_bytes=64 * 2_000)
    kept.keep(b"too large", outputs(1000), 60)
    assert kept.get(b"too large") is None
    for number in range(200):
        kept.keep(str(number).encode(), outputs(100), 60)
        assert kept.get(b"0") is not None or number > 100
    assert kept.get(b"0") is not None  # it was asked for all the time
    assert kept.get(b"1") is None
    assert kept._bytes <= kept._most


def test_nobody_can_change_what_is_kept() -> None:
    kept, given = Answers(most_bytes=10**6), outputs(3)
    kept.keep(b"one", given, 60)
    given.predict[0] = 7
    found = kept.get(b"one")
    assert found is not None
    assert found.predict.tolist() == [0, 0, 0]
    with pytest.raises(ValueError, match="read-only"):
        found.predict[0] = 7


def test_no_more_are_answered_at_once_than_the_owner_wants(
    edge: Edge, key: str, client: APIClient, go_live: GoLive, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_live(LabelSpreading().fit(TABLE, ROWS[:, 0] > 0))
    change(client, max_concurrency=2)
    monkeypatch.setattr(serving, "TURN_WITHIN", 0.2)
    version = ModelVersion.objects.select_related("model__organization").get()
    turns = served_for(version).turns
    assert turns is not None
    assert turns.acquire(blocking=False)
    path, body = DOORS["native"]
    assert ask(edge, path, body, key=key).status == 200
    assert turns.acquire(blocking=False)
    refused = ask(edge, path, body, key=key)
    assert (refused.status, refused.json["code"]) == (503, "model_busy")
    assert refused.headers["retry-after"] == "1"
    turns.release()
    assert ask(edge, path, body, key=key).status == 200  # and it gave its turn back
    assert ask(edge, path, body, key=key).status == 200


def test_at_most_so_many_run_together(client: APIClient, live: ModelVersion) -> None:
    change(client, max_concurrency=2)
    served = served_for(ModelVersion.objects.select_related("model__organization").get())
    now, most, lock = 0, 0, threading.Lock()
    real = Engine.predict

    def count(engine: Engine, version: ModelVersion, batch: Batch) -> tuple[Outputs, bool]:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.01)
        try:
            return real(engine, version, batch)
        finally:
            with lock:
                now -= 1

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Engine, "predict", count)
        threads = [threading.Thread(target=lambda: served.run(RowBatch(ROW[0]))) for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert most == 2
    assert batching.TURN_WITHIN > 0.05


def test_a_call_has_no_more_time_than_the_owner_gives(alice: User) -> None:
    version = slow_version(alice)
    Model.objects.filter(id=version.model_id).update(timeout_s=1)
    version = ModelVersion.objects.select_related("model__organization").get(id=version.id)
    served = served_for(version)
    many = Batch("matrix", matrix=np.ones((20_000, 1200)))
    with pytest.raises(Exception, match="more time than the 1 seconds") as caught:
        served.run(many)
    assert getattr(caught.value, "code", "") == "over_budget"


@pytest.mark.parametrize(
    "fields",
    [
        {"cache_seconds": -1},
        {"cache_seconds": 86_401},
        {"max_concurrency": 0},
        {"max_concurrency": 1001},
        {"timeout_s": 0},
        {"timeout_s": 31},
        {"timeout_s": None},
        {"cache_seconds": "long"},
    ],
)
def test_what_makes_no_sense_is_refused(
    fields: dict[str, Any], client: APIClient, live: ModelVersion
) -> None:
    assert change(client, **fields).status_code == 400
    model = Model.objects.get()
    assert (model.cache_seconds, model.max_concurrency, model.timeout_s) == (0, None, 30)
