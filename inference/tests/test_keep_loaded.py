"""It keeps versions loaded for whoever asks for it, in every process."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from pytest_django import Settings
from rest_framework.test import APIClient
from sklearn.linear_model import LogisticRegression

from accounts.actors import actor_for_user
from accounts.models import User
from common.models import EventRecord
from inference import engine as engine_module
from inference import services
from inference.edge.app import Edge
from inference.engine import Engine, engine
from inference.errors import PinDenied, TooManyPins
from inference.models import Pin
from inference.tests.conftest import GoLive
from inference.warming import Warmer
from registry.models import ModelVersion

pytestmark = pytest.mark.django_db(transaction=True)
REPOSITORY = "/v2/repository/models"
ROWS = np.random.default_rng(0).normal(size=(100, 2))


@pytest.fixture(autouse=True)
def own_engine() -> Iterator[None]:
    """Another process's: nothing is loaded."""
    engine_module._engine = None
    yield
    engine().clear()
    engine_module._engine = None


@pytest.fixture
def version(go_live: GoLive) -> ModelVersion:
    return go_live(LogisticRegression().fit(ROWS, ROWS[:, 0] > 0))


def is_pinned(version: ModelVersion) -> bool:
    entry = engine()._entries.get(version.id.int)
    return entry is not None and entry.pinned and entry.runner is not None


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_load_and_unload_pin_and_unpin(
    version: ModelVersion, alice: User, client_for: Callable[[User], APIClient]
) -> None:
    client = client_for(alice)
    for _ in range(2):
        answer = client.post(f"{REPOSITORY}/churn/load")
        assert (answer.status_code, answer.content) == (200, b"")
    assert is_pinned(version)
    assert Pin.objects.get().pinned_by == alice
    for _ in range(2):
        assert client.post(f"{REPOSITORY}/churn/versions/1/unload").status_code == 200
    assert not Pin.objects.exists()
    told = EventRecord.objects.filter(type__in=["model_version.pinned", "model_version.unpinned"])
    assert [row.type for row in told.order_by("id")] == [
        "model_version.pinned", "model_version.unpinned",
    ]  # fmt: skip
    refused = client.post(f"{REPOSITORY}/churn/load", {"parameters": {"file:1/m": "eA=="}}, "json")
    assert refused.status_code == 400
    assert "takes no parameters" in refused.json()["error"]
    assert client.post(f"{REPOSITORY}/nothing/load").status_code == 404


def test_every_process_hears_of_it(edge: Edge, version: ModelVersion, alice: User) -> None:
    actor = actor_for_user(alice)
    services.pin_version(version, actor=actor)
    engine_module._engine = None  # what loaded it was another process
    wait_until(lambda: is_pinned(version))
    services.unpin_version(version, actor=actor)
    wait_until(lambda: not is_pinned(version))


def test_a_process_that_starts_loads_what_is_pinned(version: ModelVersion, alice: User) -> None:
    Pin.objects.create(version=version, pinned_by=alice)
    warmer = Warmer()
    warmer.start()
    warmer.pin_all()
    wait_until(lambda: is_pinned(version))
    warmer.stop()


def test_what_is_pinned_stays_when_room_is_needed(version: ModelVersion, go_live: GoLive) -> None:
    small = Engine(most=1, most_bytes=10**9)
    small.pin(version)
    other = go_live(LogisticRegression(C=0.1).fit(ROWS, ROWS[:, 1] > 0), name="other")
    small.pin(other)
    assert set(small.loaded()) == {version.id, other.id}
    small.unpin(version.id)
    small.pin(other)
    assert set(small.loaded()) == {other.id}
    small.clear()


def test_half_of_the_room_is_for_such_at_most(
    version: ModelVersion, alice: User, settings: Settings, go_live: GoLive
) -> None:
    settings.MODEL_CACHE_MAX = 2
    actor = actor_for_user(alice)
    services.pin_version(version, actor=actor)
    other = go_live(LogisticRegression().fit(ROWS, ROWS[:, 1] > 0), name="other")
    with pytest.raises(TooManyPins):
        services.pin_version(other, actor=actor)
    assert not is_pinned(other)


def test_who_may_not_edit_keeps_nothing_loaded(version: ModelVersion, bob: User) -> None:
    with pytest.raises(PinDenied):
        services.pin_version(version, actor=actor_for_user(bob))
    assert not Pin.objects.exists()
    assert not is_pinned(version)


def test_the_configuration_is_in_tritons_shape(
    version: ModelVersion, alice: User, client_for: Callable[[User], APIClient]
) -> None:
    found = client_for(alice).get("/v2/models/churn/config").json()
    assert found["name"] == "churn"
    assert found["input"] == [{"name": "input", "data_type": "TYPE_FP64", "dims": [2]}]
    assert [output["name"] for output in found["output"]] == ["predict", "predict_proba"]
    assert found["version_policy"] == {"specific": {"versions": [1]}}
