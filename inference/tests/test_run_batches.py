"""It does batch jobs whatever comes between: waits, cancels, fails, begins again, clears away."""

from __future__ import annotations

import os
import time
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import PolynomialFeatures

from accounts.models import User
from common import clock
from common.models import EventRecord
from inference.bulk import layout, plan, scoring, work
from inference.bulk.scoring import Scorer
from inference.bulk.work import folder_of, work_off
from inference.errors import ModelDied, ModelUnavailable, PredictionFailed, busy
from inference.models import BatchJob, BatchStatus, BatchStep, Prediction, StepKind
from inference.services import batches
from inference.serving import Served
from inference.tests.conftest import GoLive
from inference.tests.filing import (
    LABELS,
    NAMES,
    ROWS,
    Answer,
    Client,
    answered,
    as_csv,
    as_parquet,
    iris,
    lines_of,
    not_sent,
    submit,
)
from registry.models import Model, Status

pytestmark = pytest.mark.django_db(transaction=True)
__all__ = ["answered", "iris", "not_sent"]  # fixtures


def test_who_may_not_call_the_model_may_not_send_a_file(
    iris: LogisticRegression, bob: User, client_for: Client
) -> None:
    assert submit(client_for(bob), "a.csv", as_csv(ROWS), "iris").status_code == 404
    assert not BatchJob.objects.exists()


def test_others_see_nothing_of_a_job(
    iris: LogisticRegression, answered: Answer, bob: User, client_for: Client
) -> None:
    job, _ = answered("a.csv", as_csv(ROWS))
    theirs = client_for(bob)
    assert theirs.get("/api/v1/batch-jobs").json()["results"] == []
    for path in ("", "/result"):
        assert theirs.get(f"/api/v1/batch-jobs/{job['id']}{path}").status_code == 404
    assert theirs.post(f"/api/v1/batch-jobs/{job['id']}/cancel").status_code == 404


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("a.csv", b"", "empty_file"),
        ("a.xlsx", b"x", "unknown_format"),
        ("a", b"x", "unknown_format"),
    ],
)
def test_what_is_no_file_of_rows_is_refused_at_once(
    name: str, content: bytes, code: str, iris: LogisticRegression, alice: User, client_for: Client
) -> None:
    response = submit(client_for(alice), name, content, "iris")
    assert (response.status_code, response.json()["code"]) == (400, code)


def test_a_field_that_is_not_known_is_named(
    iris: LogisticRegression, alice: User, client_for: Client
) -> None:
    response = submit(client_for(alice), "a.csv", as_csv(ROWS), "iris", keeep="all")
    assert response.status_code == 400
    assert [fault["pointer"] for fault in response.json()["errors"]] == ["/keeep"]


def test_a_file_that_is_too_large_is_refused(
    iris: LogisticRegression, alice: User, client_for: Client, settings: Settings, folders: Path
) -> None:
    settings.BATCH_MAX_BYTES = 1000
    response = submit(client_for(alice), "a.csv", as_csv(ROWS), "iris")
    assert (response.status_code, response.json()["code"]) == (413, "file_too_large")
    assert list((folders / "quarantine").iterdir()) == []


def test_the_same_key_gives_the_same_job(
    iris: LogisticRegression, alice: User, client_for: Client, not_sent: list[UUID]
) -> None:
    client, headers = client_for(alice), {"Idempotency-Key": "k1"}
    first = submit(client, "a.csv", as_csv(ROWS), "iris", headers=headers)
    again = submit(client, "a.csv", as_csv(ROWS), "iris", headers=headers)
    assert (again.status_code, again.json()["id"]) == (202, first.json()["id"])
    other = submit(client, "a.csv", as_csv(ROWS[:9]), "iris", headers=headers)
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_conflict")
    assert len(not_sent) == 1


def test_a_key_is_held_to_what_was_asked_for(
    iris: LogisticRegression, alice: User, client_for: Client, go_live: GoLive
) -> None:
    """What the reference leads to may be another version by the time a lost answer is asked for."""
    client, headers = client_for(alice), {"Idempotency-Key": "k1"}
    first = submit(client, "a.csv", as_csv(ROWS), "iris", headers=headers)
    go_live(iris, name="iris")
    again = submit(client, "a.csv", as_csv(ROWS), "iris", headers=headers)
    Model.objects.update(status=Status.ARCHIVED)
    archived = submit(client, "a.csv", as_csv(ROWS), "iris", headers=headers)
    assert {one.json()["id"] for one in (again, archived)} == {first.json()["id"]}


def test_a_model_that_was_archived_answers_no_more_rows(
    iris: LogisticRegression, alice: User, client_for: Client
) -> None:
    client = client_for(alice)
    job = submit(client, "a.csv", as_csv(ROWS), "iris").json()
    Model.objects.update(status=Status.ARCHIVED)
    work_off(UUID(job["id"]))
    told = client.get(f"/api/v1/batch-jobs/{job['id']}").json()
    assert (told["status"], told["code"]) == ("failed", "model_archived")
    assert not Prediction.objects.exists()


def test_rows_that_the_model_dies_of_are_found(
    go_live: GoLive, answered: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = RandomForestClassifier(n_estimators=3).fit(ROWS, LABELS)
    assert go_live(model, name="forest").state == "ready"
    run = Served.compute
    starting: list[bool] = []

    def die_of_some(served: Served, batch: Any) -> Any:
        if starting:
            starting.pop()
            raise ModelUnavailable("It is started again.", retry_after=0.01)
        if (batch.matrix[:, 0] > 7.5).any():
            starting.append(True)
            raise ModelDied("It died.")
        return run(served, batch)

    monkeypatch.setattr(Served, "compute", die_of_some)
    frame = pd.DataFrame(ROWS, columns=[f"x{i}" for i in range(4)])
    job, result = answered("a.csv", frame.to_csv(index=False).encode(), "forest")
    lines = lines_of(result)
    fatal = [i for i, row in enumerate(ROWS) if row[0] > 7.5]
    assert [int(line["row"]) for line in lines if line["error"] == scoring.DIED] == fatal
    assert (job["status"], job["rows_failed"]) == ("succeeded", len(fatal))


def test_a_model_that_dies_of_everything_fails_the_job(
    iris: LogisticRegression, alice: User, client_for: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: Any) -> Any:
        raise ModelDied("It died.")

    monkeypatch.setattr(Served, "compute", die)
    monkeypatch.setattr(work, "RETRY_AFTER", timedelta(0))
    monkeypatch.setattr(scoring, "MOST_DEATHS", 3)
    client = client_for(alice)
    job = submit(client, "a.csv", as_csv(ROWS), "iris").json()
    for _ in range(work.MAX_ATTEMPTS + 1):
        work_off(UUID(job["id"]))
    told = client.get(f"/api/v1/batch-jobs/{job['id']}").json()
    assert (told["status"], told["code"]) == ("failed", "kept_crashing")


def test_a_turn_that_is_missed_is_waited_for(
    iris: LogisticRegression, answered: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, missed = Served.compute, [True] * 5

    def busy_at_first(served: Served, batch: Any) -> Any:
        if missed:
            missed.pop()
            raise busy()
        return run(served, batch)

    monkeypatch.setattr(Served, "compute", busy_at_first)
    job, _ = answered("a.csv", as_csv(ROWS))
    assert (job["status"], missed) == ("succeeded", [])
    assert BatchStep.objects.get(kind=StepKind.SCORE).attempts == 1


def test_a_list_is_of_a_model_however_it_is_named(
    iris: LogisticRegression, alice: User, client_for: Client
) -> None:
    client = client_for(alice)
    submit(client, "a.csv", as_csv(ROWS), "iris")
    for ref in ("iris", "alice/iris", "alice/iris/versions/1"):
        assert client.get("/api/v1/batch-jobs", {"model": ref}).json()["count"] == 1
    assert client.get("/api/v1/batch-jobs", {"model": "nope"}).status_code == 404


def test_a_cancelled_job_does_nothing_more(
    iris: LogisticRegression, alice: User, client_for: Client
) -> None:
    client = client_for(alice)
    job = submit(client, "a.csv", as_csv(ROWS), "iris").json()
    path = f"/api/v1/batch-jobs/{job['id']}"
    for _ in range(2):
        assert client.post(f"{path}/cancel").json()["status"] == "cancelled"
    work_off(UUID(job["id"]))
    assert client.get(path).json()["rows"] is None
    assert client.get(f"{path}/result").json()["code"] == "batch_not_done"
    assert EventRecord.objects.filter(type="batch_job.cancelled").count() == 1


def test_what_is_done_is_not_cancelled(
    iris: LogisticRegression, answered: Answer, alice: User, client_for: Client
) -> None:
    job, _ = answered("a.csv", as_csv(ROWS))
    response = client_for(alice).post(f"/api/v1/batch-jobs/{job['id']}/cancel")
    assert (response.status_code, response.json()["code"]) == (409, "batch_over")


def test_a_job_is_cancelled_while_a_step_is_done(
    iris: LogisticRegression, alice: User, client_for: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = submit(client_for(alice), "a.csv", as_csv(ROWS), "iris").json()
    monkeypatch.setattr(plan, "LEAST_STEP_ROWS", 10)
    monkeypatch.setattr(plan, "MOST_STEP_ROWS", 30)
    answer = Scorer.answer

    def cancelled_meanwhile(scorer: Scorer, piece: Any) -> Any:
        if piece.start >= 60:
            client_for(alice).post(f"/api/v1/batch-jobs/{job['id']}/cancel")
        return answer(scorer, piece)

    monkeypatch.setattr(Scorer, "answer", cancelled_meanwhile)
    work_off(UUID(job["id"]))
    row = BatchJob.objects.get()
    assert (row.status, row.rows_done) == (BatchStatus.CANCELLED, 60)
    assert sum(one.rows for one in Prediction.objects.all()) == 60


def test_without_the_jail_a_parquet_waits(
    iris: LogisticRegression, alice: User, client_for: Client, settings: Settings
) -> None:
    content = as_parquet(pa.table(dict(zip(NAMES, ROWS.T, strict=True))))
    job = submit(client_for(alice), "a.parquet", content, "iris").json()
    there, settings.JAIL_SOCKET = settings.JAIL_SOCKET, "/nowhere/jail.sock"
    work_off(UUID(job["id"]))
    row = BatchJob.objects.get()
    assert row.status == BatchStatus.QUEUED
    assert row.reason.startswith("Waiting: ")
    assert batches.unattended_batches() == []  # not yet
    settings.JAIL_SOCKET = there
    BatchStep.objects.update(not_before=clock.now())
    assert batches.unattended_batches() == [row.id]
    work_off(row.id)
    row.refresh_from_db()
    assert (row.status, row.reason) == (BatchStatus.SUCCEEDED, "")


def test_a_job_whose_file_is_gone_fails(
    iris: LogisticRegression, alice: User, client_for: Client
) -> None:
    submit(client_for(alice), "a.csv", as_csv(ROWS), "iris")
    row = BatchJob.objects.get()
    (folder_of(row.id).path / work.INPUT).unlink()
    work_off(row.id)
    row.refresh_from_db()
    assert (row.status, row.code) == (BatchStatus.FAILED, "file_lost")


def test_wide_answers_are_made_of_fewer_rows_and_kept_without_their_labels(
    go_live: GoLive, answered: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A transformer of 300 columns: 1,000 rows of it are too much for a line of the log."""
    rows = np.random.default_rng(0).normal(size=(3000, 24))
    model = PolynomialFeatures(2).fit(rows)
    assert go_live(model, name="wide").state == "ready"
    monkeypatch.setattr(layout, "CELLS", 100_000)
    names = [f"x{i}" for i in range(24)]
    job, result = answered("a.csv", as_csv(rows, names), "wide", keep="none")
    assert (job["status"], job["rows_failed"]) == ("succeeded", 0), job
    lines = lines_of(result)
    found = [[float(line[f"prediction_{i}"]) for i in range(325)] for line in lines[::500]]
    np.testing.assert_allclose(found, model.transform(rows[::500]), rtol=1e-4, atol=1e-4)
    assert sum(one.rows for one in Prediction.objects.all()) == 3000
    assert BatchStep.objects.get(kind=StepKind.SCORE).rows == 3000
    assert max(one.rows for one in Prediction.objects.all()) <= 1000


def test_a_step_that_keeps_killing_its_worker_fails_the_job(
    iris: LogisticRegression, alice: User, client_for: Client
) -> None:
    submit(client_for(alice), "a.csv", as_csv(ROWS), "iris")
    BatchStep.objects.update(attempts=work.MAX_ATTEMPTS)
    row = BatchJob.objects.get()
    work_off(row.id)
    row.refresh_from_db()
    assert (row.status, row.code) == (BatchStatus.FAILED, "kept_crashing")


def test_rows_that_the_model_itself_refuses_have_its_words(
    go_live: GoLive, answered: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = RandomForestClassifier(n_estimators=3).fit(ROWS, LABELS)
    assert go_live(model, name="forest").state == "ready"
    frame = pd.DataFrame(ROWS, columns=[f"x{i}" for i in range(4)])
    run = Served.compute

    def refuse_some(served: Served, batch: Any) -> Any:
        if (batch.matrix[:, 0] > 7.5).any():
            raise PredictionFailed("Too long a sepal.")
        return run(served, batch)

    monkeypatch.setattr(Served, "compute", refuse_some)
    job, result = answered("a.csv", frame.to_csv(index=False).encode(), "forest")
    lines = lines_of(result)
    refused = [i for i, row in enumerate(ROWS) if row[0] > 7.5]
    assert [int(line["row"]) for line in lines if line["error"] == "Too long a sepal."] == refused
    assert job["rows_failed"] == len(refused)


def test_files_go_in_time(
    iris: LogisticRegression, answered: Answer, alice: User, client_for: Client
) -> None:
    job, _ = answered("a.csv", as_csv(ROWS))
    folder = folder_of(UUID(job["id"])).path
    assert batches.delete_old_files() == 0
    BatchJob.objects.update(finished_at=clock.now() - timedelta(days=31))
    assert batches.delete_old_files() == 1
    assert not folder.exists()
    response = client_for(alice).get(f"/api/v1/batch-jobs/{job['id']}/result")
    assert (response.status_code, response.json()["code"]) == (409, "result_gone")
    assert batches.delete_old_files() == 0


def test_files_of_a_job_that_is_gone_go_too(iris: LogisticRegression, answered: Answer) -> None:
    job, _ = answered("a.csv", as_csv(ROWS))
    folder = folder_of(UUID(job["id"])).path
    BatchJob.objects.all().delete()
    assert batches.delete_old_files() == 0  # somebody may be about to make the job
    before = time.time() - 7200
    os.utime(folder, (before, before))
    assert batches.delete_old_files() == 1
    assert not folder.exists()


def test_what_happens_carries_the_request_that_asked(
    iris: LogisticRegression, answered: Answer
) -> None:
    job, _ = answered("a.csv", as_csv(ROWS))
    made = EventRecord.objects.get(type="batch_job.created")
    done = EventRecord.objects.get(type="batch_job.succeeded")
    assert made.request_id == done.request_id == BatchJob.objects.get(id=job["id"]).request_id
    assert made.request_id


def test_a_list_asks_no_more_of_many(
    iris: LogisticRegression, alice: User, client_for: Client
) -> None:
    client = client_for(alice)
    submit(client, "a.csv", as_csv(ROWS), "iris")
    client.get("/api/v1/batch-jobs")  # what is looked up once is known now
    with CaptureQueriesContext(connection) as one:
        client.get("/api/v1/batch-jobs")
    for _ in range(5):
        submit(client, "a.csv", as_csv(ROWS), "iris")
    with CaptureQueriesContext(connection) as many:
        assert len(client.get("/api/v1/batch-jobs").json()["results"]) == 6
    assert len(many) <= len(one) + 1  # what is remembered for seconds may be looked up anew


def test_only_so_many_jobs_at_once(
    iris: LogisticRegression, alice: User, client_for: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "MOST_UNFINISHED", 1)
    client = client_for(alice)
    assert submit(client, "a.csv", as_csv(ROWS), "iris").status_code == 202
    assert submit(client, "a.csv", as_csv(ROWS), "iris").json()["code"] == "too_many_batches"


def test_a_job_follows_the_version_it_was_given(
    iris: LogisticRegression, answered: Answer, go_live: GoLive, alice: User, client_for: Client
) -> None:
    job = submit(client_for(alice), "a.csv", as_csv(ROWS), "iris").json()
    go_live(iris, name="iris")
    work_off(UUID(job["id"]))
    assert client_for(alice).get(f"/api/v1/batch-jobs/{job['id']}").json()["version"] == 1
    assert {p.version.number for p in Prediction.objects.select_related("version")} == {1}
