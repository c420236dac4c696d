"""It deletes for good what MLflow's clients deleted long ago, and nothing that versions need."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts.events import OrganizationDeleted
from accounts.models import User
from common import clock as real_clock
from common.ids import uuid7
from registry.models import LoggedModel, MlflowExperiment, MlflowRun
from registry.services.retention import forget_deleted
from registry.subscribers import archive_models
from registry.tests.mlflow_api import MlflowApi, model_files, place_of

pytestmark = pytest.mark.django_db
MONTH = timedelta(days=31)


@pytest.fixture
def api(alice: User, key_for: Callable[..., str]) -> MlflowApi:
    """By a key: a token would not last a month."""
    key = key_for(alice, scopes=["models:read", "models:write"])
    return MlflowApi(APIClient(headers={"X-API-Key": key}))


def later(monkeypatch: pytest.MonkeyPatch, by: timedelta) -> None:
    now = real_clock.now() + by
    monkeypatch.setattr(real_clock, "source", lambda: now)


def folders_of(root: Path) -> int:
    return len(list((root / "files" / "mlflow").glob("*")))


def test_a_deleted_run_goes_after_a_month_with_its_files(
    api: MlflowApi, folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone, kept = api.start_run(), api.start_run()
    for run in (gone, kept):
        api.put(f"{place_of(run)}/a", b"x")
        api.post("runs/log-metric", run_id=run["run_id"], key="k", value=1)
    api.post("runs/delete", run_id=gone["run_id"])
    assert forget_deleted() == 0
    later(monkeypatch, MONTH)
    assert forget_deleted() == 1
    assert [run.run_id for run in MlflowRun.objects.all()] == [kept["run_id"]]
    assert folders_of(folders) == 1
    assert b"".join(api.fetch(f"{place_of(kept)}/a")) == b"x"


def test_with_no_retention_nothing_goes(
    api: MlflowApi, folders: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    settings.MODEL_RETENTION_DAYS = 0
    api.post("runs/delete", run_id=api.start_run()["run_id"])
    later(monkeypatch, MONTH)
    assert forget_deleted() == 0
    settings.MODEL_RETENTION_DAYS = 7
    assert forget_deleted() == 1


def test_a_folder_that_a_version_is_loaded_from_stays(
    api: MlflowApi, folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = api.log_folder()
    info = api.post("logged-models", experiment_id="0", name="m").json()["model"]["info"]
    api.put(f"{place_of(info)}/a", b"x")
    api.register("churn", source)
    api.post("runs/delete", run_id=source.split("/")[1])
    api.delete(f"logged-models/{info['model_id']}")
    later(monkeypatch, MONTH)
    assert forget_deleted() == 1
    assert (MlflowRun.objects.count(), LoggedModel.objects.count()) == (1, 0)
    api.delete("registered-models/delete", name="churn")
    assert forget_deleted() == 1
    assert folders_of(folders) == 0


def test_a_version_is_loaded_from_a_logged_model_that_was_deleted(
    api: MlflowApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = api.post("logged-models", experiment_id="0", name="m").json()["model"]["info"]
    for path, content in model_files().items():
        api.put(f"{place_of(info)}/{path}", content)
    made = api.register("churn", f"models:/{info['model_id']}", model_id=info["model_id"])
    assert made.status_code == 200, made.content
    api.delete(f"logged-models/{info['model_id']}")
    later(monkeypatch, MONTH)
    assert forget_deleted() == 0
    assert api.fetch(f"{place_of(info)}/MLmodel").status_code == 200
    assert api.put(f"{place_of(info)}/MLmodel", b"x").status_code == 409
    assert api.get(f"logged-models/{info['model_id']}").status_code == 404


def test_an_organization_that_is_gone_leaves_nothing(
    api: MlflowApi, alice: User, folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.log_folder()
    event = OrganizationDeleted(organization_id=alice.personal_organization.id, slug="alice")
    for _ in range(2):  # events may come twice
        archive_models(event, event_id=uuid7())
    later(monkeypatch, MONTH)
    assert forget_deleted() == 1
    assert not MlflowExperiment.objects.exists()
    assert folders_of(folders) == 0
