"""It takes a file through the real jail to ready or rejected, whatever dies on the way."""

from __future__ import annotations

import io
import os
import pickle
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from pytest_django import Settings
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.semi_supervised import LabelSpreading

from accounts.actors import actor_for_user
from accounts.models import User
from common import clock, storage
from common.models import EventRecord
from registry import leases, pipeline, tasks
from registry.models import ModelVersion, PipelineJob, Runtime, State
from registry.services import Upload, delete_version, upload_version

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("jail")]

ROWS = np.random.default_rng(0).normal(size=(200, 4))
LABELS = (ROWS[:, 0] + ROWS[:, 1] > 0).astype(int)

Submit = Callable[..., ModelVersion]


@pytest.fixture
def submit(alice: User) -> Submit:
    """Upload bytes, without running the pipeline."""

    def submit(content: bytes, filename: str = "model.pkl", **fields: Any) -> ModelVersion:
        receiver = storage.Receiver(most=10**8)
        receiver.write(content)
        upload = Upload(name="churn", filename=filename, **fields)
        return upload_version(receiver.finish(), upload, actor=actor_for_user(alice, via="jwt"))

    return submit


def run(version: ModelVersion) -> ModelVersion:
    tasks.run_pipeline(str(version.job.id))
    version.refresh_from_db()
    return version


def signature_of(version: ModelVersion) -> dict[str, Any]:
    assert version.signature is not None, version.reason
    return dict(version.signature)


def states(version: ModelVersion) -> dict[str, str]:
    return {step["name"]: step["state"] for step in version.steps}


def pickled(model: Any, rows: Any = ROWS, labels: Any = LABELS) -> bytes:
    return pickle.dumps(model.fit(rows, labels))


def test_a_model_that_compiles_is_served_compiled(submit: Submit) -> None:
    version = run(submit(pickled(LogisticRegression())))
    assert version.state == State.READY, version.reason
    assert set(states(version).values()) == {"done"}
    assert (version.runtime, version.in_process) == (Runtime.ONNX, True)
    assert version.parity is not None
    assert version.parity["labels_equal"]
    assert version.parity["rows"] >= 4096
    assert version.plan is not None
    assert version.plan["linear"]["link"] == "logistic"
    assert version.latency["onnx_us"] < version.latency["native_us"]
    assert signature_of(version)["classes"] == [0, 1]
    assert storage.has_blob(version.sha256)
    assert storage.has_blob(version.graph_sha256)
    assert version.job.state == PipelineJob.State.DONE
    assert not Path(version.job.quarantine_path).exists()
    assert EventRecord.objects.filter(type="model_version.ready").count() == 1


def test_a_model_that_does_not_compile_is_served_as_it_is(submit: Submit) -> None:
    version = run(submit(pickled(LabelSpreading())))
    assert version.state == State.READY, version.reason
    assert (version.runtime, version.in_process) == (Runtime.NATIVE, False)
    assert "LabelSpreading" in version.runtime_reason
    assert (states(version)["compiled"], states(version)["parity"]) == ("skipped", "skipped")


def test_a_joblib_file_is_as_good(submit: Submit) -> None:
    buffer = io.BytesIO()
    joblib.dump(RandomForestClassifier(10).fit(ROWS, LABELS), buffer, compress=3)
    version = run(submit(buffer.getvalue(), "model.joblib"))
    assert version.state == State.READY, version.reason
    assert version.format == "joblib"


def test_an_edited_signature_is_checked_against_the_artifact(submit: Submit) -> None:
    content = pickled(LogisticRegression())
    inferred = signature_of(run(submit(content)))
    inferred["inputs"][0]["features"][0]["name"] = "width"
    version = run(submit(content, signature=inferred))
    assert signature_of(version)["inputs"][0]["features"][0]["name"] == "width"
    wrong = run(submit(content, signature=inferred | {"classes": ["a"]}))
    assert (wrong.state, wrong.code) == (State.REJECTED, "bad_signature")
    assert "/signature/classes" in wrong.reason


class Hostile:
    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> Any:
        return os.system, (f"touch '{self.canary}'",)


def test_a_hostile_file_is_rejected_with_the_name_and_goes(submit: Submit, tmp_path: Path) -> None:
    canary = tmp_path / "was-here"
    version = run(submit(pickle.dumps(Hostile(canary))))
    assert version.state == State.REJECTED
    assert "system" in version.reason
    assert list(states(version).values()).count("failed") == 1
    assert not {"waiting", "running"} & set(states(version).values())
    assert not canary.exists()
    assert not Path(version.job.quarantine_path).exists()
    assert not storage.has_blob(version.sha256)
    event = EventRecord.objects.get(type="model_version.rejected")
    assert event.payload["code"] == version.code
    honest = run(submit(pickled(LogisticRegression())))
    assert honest.state == State.READY


@pytest.mark.parametrize(
    ("content", "filename"),
    [
        (b"\x89PNG\r\n\x1a\n" + b"0" * 100, "model.pkl"),
        (b"<html><body>log in</body></html>", "model.pkl"),
        (b"a,b\n1,2\n", "model.joblib"),
        (b"PK\x03\x04" + b"0" * 100, "model.skops"),
        (pickle.dumps({"weights": [1, 2]}), "model.pkl"),
        (pickle.dumps(LogisticRegression()), "model.pkl"),
        (pickle.dumps(LogisticRegression())[:-40], "model.pkl"),
        (pickled(LogisticRegression()), "model.onnx"),
        (b"\x00" * 1000, "model.onnx"),
    ],
    ids=["image", "page", "table", "broken zip", "not a model", "not fitted", "truncated",
         "mislabelled", "zeros"],
)  # fmt: skip
def test_what_is_no_model_is_rejected_with_a_reason(
    submit: Submit, content: bytes, filename: str
) -> None:
    version = run(submit(content, filename))
    assert version.state == State.REJECTED
    assert len(version.reason) > 15
    assert version.code


@pytest.mark.parametrize("name", ["half \ud800", "nul \0", "x" * 1001, ""])
def test_a_name_nothing_can_hold_is_refused_at_once(submit: Submit, name: str) -> None:
    model = LogisticRegression().fit(ROWS, LABELS)
    model.feature_names_in_ = np.array([name, "b", "c", "d"], dtype=object)
    version = run(submit(pickle.dumps(model)))
    assert (version.state, version.code) == (State.REJECTED, "bad_name")
    assert version.job.attempts == 1


def test_a_class_nothing_can_hold_is_refused_at_once(submit: Submit) -> None:
    model = LogisticRegression().fit(ROWS, LABELS)
    model.classes_ = np.array(["a", "b\ud800"], dtype=object)
    version = run(submit(pickle.dumps(model)))
    assert (version.state, version.code) == (State.REJECTED, "bad_name")


def test_the_version_it_was_saved_with_is_told(submit: Submit) -> None:
    import sklearn

    version = run(submit(pickled(LogisticRegression())))
    assert version.libraries == {"scikit-learn": sklearn.__version__}


def test_without_the_jail_a_version_waits(submit: Submit, settings: Settings) -> None:
    there, settings.JAIL_SOCKET = settings.JAIL_SOCKET, "/nowhere/jail.sock"
    version = run(submit(pickled(LogisticRegression())))
    assert version.state == State.SCANNING
    job = PipelineJob.objects.get()
    assert (job.state, job.attempts) == (PipelineJob.State.QUEUED, 0)
    assert job.not_before > clock.now()
    settings.JAIL_SOCKET = there
    PipelineJob.objects.update(not_before=clock.now())
    assert leases.unfinished_jobs() == [job.id]
    assert run(version).state == State.READY


def test_a_worker_that_died_leaves_the_job_to_the_next(submit: Submit) -> None:
    version = submit(pickled(LogisticRegression()))
    dead = leases.claim_job(version.job.id)
    assert dead is not None
    assert leases.claim_job(version.job.id) is None
    assert leases.unfinished_jobs() == []
    PipelineJob.objects.update(lease_until=clock.now() - timedelta(seconds=1))
    assert leases.unfinished_jobs() == [version.job.id]
    assert run(version).state == State.READY
    # The dead one comes back late, and changes nothing.
    pipeline.run_pipeline(dead)
    version.refresh_from_db()
    assert version.state == State.READY
    assert EventRecord.objects.filter(type="model_version.ready").count() == 1


def test_a_crash_between_the_disk_and_the_commit_is_healed(submit: Submit) -> None:
    version = submit(pickled(LogisticRegression()))
    storage.adopt(Path(version.job.quarantine_path), version.sha256)
    assert run(version).state == State.READY


def test_a_file_lost_from_the_disk_is_said(submit: Submit) -> None:
    version = submit(pickled(LogisticRegression()))
    Path(version.job.quarantine_path).unlink()
    assert (run(version).state, version.code) == (State.REJECTED, "file_lost")


def test_a_file_that_keeps_killing_its_worker_is_given_up(submit: Submit) -> None:
    version = submit(pickled(LogisticRegression()))
    PipelineJob.objects.update(attempts=pipeline.MAX_ATTEMPTS)
    assert (run(version).state, version.code) == (State.REJECTED, "kept_crashing")


def test_a_second_message_finds_nothing_to_do(submit: Submit) -> None:
    version = run(submit(pickled(LogisticRegression())))
    before = version.updated_at
    assert run(version).updated_at == before


def test_the_quarantine_is_swept_of_what_nobody_knows(submit: Submit, folders: Path) -> None:
    version = submit(b"waiting")
    orphan = folders / "quarantine" / "orphan"
    orphan.write_bytes(b"cut off")
    fresh = folders / "quarantine" / "fresh"
    fresh.write_bytes(b"on its way")
    long_ago = clock.now().timestamp() - 2 * tasks.ORPHAN_AGE
    for path in (orphan, Path(version.job.quarantine_path)):
        os.utime(path, (long_ago, long_ago))
    assert tasks.sweep_quarantine() == 1
    assert not orphan.exists()
    assert fresh.exists()
    assert Path(version.job.quarantine_path).exists()


def test_a_version_that_is_deleted_while_it_is_checked_stays_deleted(
    submit: Submit, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = submit(pickle.dumps(LogisticRegression().fit(ROWS, LABELS)))
    real = pipeline._Run._judge

    def judge(run: Any, found: Any) -> Any:
        delete_version(
            ModelVersion.objects.select_related("model__organization").get(id=version.id),
            actor=actor_for_user(alice, via="jwt"),
        )
        return real(run, found)

    monkeypatch.setattr(pipeline._Run, "_judge", judge)
    run(version)
    assert (version.state, version.status) == (State.READY, "archived")
    assert version.purge_at is not None
    assert version.runtime == Runtime.ONNX
