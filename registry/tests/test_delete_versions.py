"""It archives what is deleted, gives it back for a time, and then deletes its file for good."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import transaction
from django.test import Client
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts.models import User
from common import storage
from common.ids import uuid7
from common.models import EventRecord
from conftest import FrozenClock
from registry import blobs, services, tasks
from registry.models import Model, ModelVersion, State
from registry.tests.factories import make_job, make_model, make_version

pytestmark = pytest.mark.django_db
MODEL = "/api/v1/models/alice/churn"
VERSION = f"{MODEL}/versions/1"
MONTH = timedelta(days=30, seconds=1)
ClientFor = Callable[[User], APIClient]


@pytest.fixture
def version(alice: User) -> ModelVersion:
    return make_version(make_model(alice))


@pytest.fixture
def client(alice: User, client_for: ClientFor, clock: FrozenClock) -> APIClient:
    return client_for(alice)


def purge_later(clock: FrozenClock) -> int:
    clock.advance(MONTH)
    return tasks.purge_deleted()


def test_a_deleted_version_answers_no_more_and_loses_its_file_in_time(
    client: APIClient, version: ModelVersion, clock: FrozenClock
) -> None:
    make_version(version.model)
    assert client.delete(VERSION).status_code == 204
    shown = client.get(VERSION).json()
    assert shown["status"] == "archived"
    assert shown["purge_at"] is not None
    assert tasks.purge_deleted() == 0
    assert storage.has_blob(version.sha256)
    assert purge_later(clock) == 1
    assert not storage.has_blob(version.sha256)
    version.refresh_from_db()
    assert (version.purged_at is not None, version.purge_at) == (True, None)
    purged = EventRecord.objects.get(type="model_version.purged")
    assert purged.payload["sha256"] == version.sha256
    assert tasks.purge_deleted() == 0


@pytest.mark.parametrize("what", [MODEL, VERSION], ids=["model", "version"])
def test_it_is_given_back_until_then(
    what: str, client: APIClient, version: ModelVersion, clock: FrozenClock
) -> None:
    assert client.delete(what).status_code == 204
    assert client.patch(what, {"status": "active"}, format="json").status_code == 200
    assert client.get(VERSION).json()["purge_at"] is None
    assert purge_later(clock) == 0
    assert storage.has_blob(version.sha256)


def test_what_is_gone_is_not_given_back(
    client: APIClient, version: ModelVersion, clock: FrozenClock
) -> None:
    other = make_version(version.model)
    client.delete(VERSION)
    purge_later(clock)
    clock.now -= MONTH  # the log-in's hour
    refused = client.patch(VERSION, {"status": "active"}, format="json")
    assert (refused.status_code, refused.json()["code"]) == (409, "artifact_gone")
    client.patch(MODEL, {"status": "archived"}, format="json")
    client.patch(MODEL, {"status": "active"}, format="json")
    statuses = dict(ModelVersion.objects.values_list("number", "status"))
    assert statuses == {1: "archived", other.number: "active"}


def test_what_is_archived_keeps_its_file(
    client: APIClient, version: ModelVersion, clock: FrozenClock
) -> None:
    client.patch(MODEL, {"status": "archived"}, format="json")
    assert purge_later(clock) == 0
    assert storage.has_blob(version.sha256)


def test_zero_days_keep_it_for_ever(
    client: APIClient, version: ModelVersion, clock: FrozenClock, settings: Settings
) -> None:
    settings.MODEL_RETENTION_DAYS = 0
    client.delete(VERSION)
    assert purge_later(clock) == 0


def test_a_file_that_another_version_has_stays(
    client: APIClient, version: ModelVersion, bob: User, clock: FrozenClock
) -> None:
    same = make_version(make_model(bob), sha256=version.sha256)
    client.delete(VERSION)
    assert purge_later(clock) == 1
    assert storage.has_blob(version.sha256)
    same.status, same.purge_at = "archived", clock.now - MONTH
    same.save()
    assert tasks.purge_deleted() == 1
    assert not storage.has_blob(version.sha256)


def test_a_pipeline_that_may_have_just_put_it_there_is_waited_for(
    client: APIClient, version: ModelVersion, alice: User, clock: FrozenClock
) -> None:
    checked = make_version(make_model(alice, "new"), state=State.SCANNING)
    job = make_job(checked)
    client.delete(VERSION)
    clock.advance(MONTH)
    job.state, job.token, job.lease_until = "running", uuid7(), clock.now + timedelta(seconds=5)
    job.save()
    assert tasks.purge_deleted() == 0
    assert storage.has_blob(version.sha256)
    clock.advance(timedelta(seconds=6))  # whoever takes it up next puts everything there anew
    assert tasks.purge_deleted() == 1
    assert not storage.has_blob(version.sha256)


def test_what_an_alias_leads_to_is_not_deleted(
    client: APIClient, version: ModelVersion, clock: FrozenClock
) -> None:
    version.aliases.create(model=version.model, name="champion")
    refused = client.delete(VERSION)
    assert (refused.status_code, refused.json()["code"]) == (409, "version_has_alias")


@pytest.mark.django_db(transaction=True)
def test_a_file_is_not_put_in_its_place_while_it_is_being_deleted(
    version: ModelVersion, clock: FrozenClock
) -> None:
    received = storage.quarantine(storage.blob_path(version.sha256).read_bytes())
    with transaction.atomic(), blobs._held(version.sha256):
        adopting = threading.Thread(target=blobs.adopt, args=(received.path, received.sha256))
        adopting.start()
        adopting.join(0.3)
        assert adopting.is_alive()
        storage.discard(version.sha256)
    adopting.join(10)
    assert storage.has_blob(version.sha256)


def test_all_of_a_models_versions_go_with_it(
    client: APIClient, version: ModelVersion, clock: FrozenClock
) -> None:
    make_version(version.model)
    assert client.delete(MODEL).status_code == 204
    assert purge_later(clock) == 2
    assert Model.objects.get().status == "archived"
    assert services.purge_deleted() == 0


def test_the_page_deletes_a_version(version: ModelVersion, alice: User) -> None:
    page = Client()
    page.force_login(alice)
    address = "/models/alice/churn/versions/1"
    assert "Delete" in page.get(address).content.decode()
    gone = page.post(f"{address}/delete", follow=True)
    assert "its file is deleted on" in gone.content.decode()
    version.refresh_from_db()
    assert version.status == "archived"
    assert "Restore" in gone.content.decode()
    page.post(f"{address}/restore")
    version.refresh_from_db()
    assert (version.status, version.purge_at) == ("active", None)


def test_the_page_deletes_nothing_for_who_may_only_look(
    version: ModelVersion, bob: User, alice: User
) -> None:
    version.model.shares.create(user=bob, permission="use", shared_by=alice)
    page = Client()
    page.force_login(bob)
    address = "/models/alice/churn/versions/1"
    assert "Delete" not in page.get(address).content.decode()
    page.post(f"{address}/delete")
    version.refresh_from_db()
    assert version.status == "active"


def test_a_version_restored_of_an_archived_model_goes_with_it(
    client: APIClient, version: ModelVersion, clock: FrozenClock
) -> None:
    client.patch(MODEL, {"status": "archived"}, format="json")
    client.patch(VERSION, {"status": "deprecated"}, format="json")
    assert client.delete(MODEL).status_code == 204
    version.refresh_from_db()
    assert (version.status, version.deprecated_at) == ("archived", None)
    assert purge_later(clock) == 1


def test_a_rejected_version_keeps_no_file(
    client: APIClient, version: ModelVersion, clock: FrozenClock
) -> None:
    make_version(
        version.model, sha256=version.sha256, state=State.REJECTED, reason="It does not load."
    )
    client.delete(VERSION)
    assert purge_later(clock) == 1
    assert not storage.has_blob(version.sha256)
