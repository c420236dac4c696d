"""It takes an uploaded file in as the next version of its model."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts.actors import actor_for_user
from accounts.models import User
from common.models import EventRecord
from common.storage import Receiver
from registry.models import Model, ModelVersion, PipelineJob, Status
from registry.services import Upload, upload_version
from registry.tests.factories import make_model

pytestmark = pytest.mark.django_db
ClientFor = Callable[[User], APIClient]

CONTENT = b"\x80\x04not really a model"


def upload(client: APIClient, content: bytes = CONTENT, /, **fields: Any) -> Any:
    form = {
        "file": SimpleUploadedFile("model.pkl", content),
        "name": "churn",
        **{name: value for name, value in fields.items() if value is not None},
    }
    return client.post("/api/v1/models", form, format="multipart")


@pytest.fixture
def client(alice: User, client_for: ClientFor) -> APIClient:
    return client_for(alice)


def quarantined(folder: Path) -> list[Path]:
    return list((folder / "quarantine").glob("*"))


def test_the_answer_is_the_version_with_its_steps(client: APIClient, alice: User) -> None:
    response = upload(client, description="Who leaves", tags="a, b", metadata='{"team": "x"}')
    assert response.status_code == 202, response.json()
    body = response.json()
    assert body["model"] == f"{alice.slug}/churn"
    assert (body["version"], body["state"], body["status"]) == (1, "scanning", "active")
    assert body["sha256"] == hashlib.sha256(CONTENT).hexdigest()
    assert body["size"] == len(CONTENT)
    assert [step["name"] for step in body["steps"]] == [
        "received", "typed", "triaged", "loaded", "signature", "compiled", "parity", "published",
    ]  # fmt: skip
    assert [step["state"] for step in body["steps"][:2]] == ["done", "waiting"]
    assert response["Location"] == f"/api/v1/models/{alice.slug}/churn/versions/1"
    model = Model.objects.get()
    assert (model.description, model.tags, model.metadata) == (
        "Who leaves",
        ["a", "b"],
        {"team": "x"},
    )


def test_the_file_waits_in_quarantine_for_its_job(client: APIClient, folders: Path) -> None:
    upload(client)
    job = PipelineJob.objects.get()
    assert [str(path) for path in quarantined(folders)] == [job.quarantine_path]
    assert Path(job.quarantine_path).read_bytes() == CONTENT
    assert EventRecord.objects.filter(type="model_version.received").count() == 1


def test_the_same_name_again_is_the_next_version(client: APIClient) -> None:
    upload(client)
    response = upload(client, name="CHURN")
    assert response.json()["version"] == 2
    assert Model.objects.get().name == "churn"


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"name": ""}, "/name"),
        ({"metadata": "[1]"}, "/metadata"),
        ({"metadata": "{"}, "/metadata"),
        ({"metadata": '{"a": NaN}'}, "/metadata"),
        ({"example": "[[1, 2]"}, "/example"),
        ({"signature": '"text"'}, "/signature"),
        ({"framework": "cobol"}, "/framework"),
        ({"tags": json.dumps(["x" * 51])}, "/tags"),
        ({"surprise": "1"}, "/surprise"),
    ],
)
def test_a_wrong_field_is_named_and_the_file_is_gone(
    client: APIClient, folders: Path, fields: dict[str, str], pointer: str
) -> None:
    response = upload(client, **fields)
    assert response.status_code == 400
    assert pointer in {error["pointer"] for error in response.json()["errors"]}
    assert quarantined(folders) == []


@pytest.mark.parametrize("name", ["-x", "a/b/c", "predict", "ä", "x" * 64, "a b"])
def test_a_name_that_can_not_be_one_is_refused(client: APIClient, folders: Path, name: str) -> None:
    assert upload(client, name=name).status_code == 400
    assert quarantined(folders) == []
    assert not Model.objects.exists()


def test_an_empty_file_is_refused(client: APIClient, folders: Path) -> None:
    response = upload(client, b"")
    assert (response.status_code, response.json()["code"]) == (400, "empty_file")
    assert quarantined(folders) == []


def test_no_file_is_refused(client: APIClient) -> None:
    response = client.post("/api/v1/models", {"name": "churn"}, format="multipart")
    assert response.status_code == 400
    assert response.json()["errors"][0]["pointer"] == "/file"


def test_a_file_over_the_cap_is_refused_and_gone(
    client: APIClient, folders: Path, settings: Settings
) -> None:
    settings.MODEL_MAX_BYTES = 1000
    response = upload(client, b"x" * 1001)
    assert (response.status_code, response.json()["code"]) == (413, "file_too_large")
    assert quarantined(folders) == []


def test_json_is_not_a_way_to_upload(client: APIClient) -> None:
    assert client.post("/api/v1/models", {"name": "churn"}, format="json").status_code == 415


def test_an_archived_model_takes_no_version(client: APIClient, alice: User, folders: Path) -> None:
    make_model(alice, status=Status.ARCHIVED)
    response = upload(client)
    assert (response.status_code, response.json()["code"]) == (409, "model_archived")
    assert quarantined(folders) == []


def test_an_anonymous_upload_is_refused_before_it_is_read(
    anonymous: APIClient, folders: Path
) -> None:
    assert upload(anonymous).status_code == 401
    assert quarantined(folders) == []


def test_a_key_without_the_scope_is_refused_before_it_is_read(
    alice: User, key_for: Callable[..., str], folders: Path
) -> None:
    client = APIClient(headers={"Authorization": f"Bearer {key_for(alice, scopes=['predict'])}"})
    response = upload(client)
    assert (response.status_code, response.json()["code"]) == (403, "insufficient_scope")
    assert quarantined(folders) == []


@pytest.mark.django_db(transaction=True)
def test_uploads_of_one_name_at_once_become_versions_one_by_one(alice: User, folders: Path) -> None:
    actor = actor_for_user(alice, via="jwt")
    barrier = threading.Barrier(8)
    errors: list[Exception] = []

    def go(i: int) -> None:
        try:
            receiver = Receiver(most=1000)
            receiver.write(f"file {i}".encode())
            received = receiver.finish()
            barrier.wait()
            upload_version(received, Upload(name="churn", filename="m.pkl"), actor=actor)
        except Exception as error:  # noqa: BLE001  reported by the assertion below
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=go, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    numbers = ModelVersion.objects.order_by("number").values_list("number", flat=True)
    assert list(numbers) == [1, 2, 3, 4, 5, 6, 7, 8]
    assert Model.objects.count() == 1
