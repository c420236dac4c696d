"""It answers calls that nobody waits for, once, and tells who asked to be told."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from pytest_django import Settings
from rest_framework.test import APIClient
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from accounts.models import User
from common import clock
from common.leases import claim
from common.models import EventRecord
from common.outbound import parse_policy
from inference import prediction_jobs, serving
from inference.errors import ModelDied, ModelUnavailable
from inference.models import Prediction, PredictionJob, RollUp
from inference.prediction_jobs import answer_job, send_callback
from inference.services import prediction_jobs as services
from inference.tests.conftest import GoLive
from registry.models import ModelVersion, Status
from tests.receiver import Receiver, receiving

pytestmark = pytest.mark.django_db(transaction=True)

ROW = [5.1, 3.5, 1.4, 0.2]
Client = Callable[[User], APIClient]


@pytest.fixture(autouse=True)
def sent(monkeypatch: pytest.MonkeyPatch) -> list[UUID]:
    """What would be sent to workers: these tests do the work themselves."""
    found: list[UUID] = []
    monkeypatch.setattr(services, "send_prediction_job", found.append)
    return found


@pytest.fixture
def client(go_live: GoLive, alice: User, client_for: Client) -> APIClient:
    """Alice's, whose model `iris` is live."""
    rows, labels = load_iris(return_X_y=True)
    assert go_live(LogisticRegression(max_iter=500).fit(rows, labels), name="iris").state == "ready"
    return client_for(alice)


@pytest.fixture
def receiver(settings: Settings) -> Iterator[Receiver]:
    settings.WEBHOOK_ALLOW = parse_policy(["external", "loopback"])
    with receiving() as made:
        yield made


def ask(client: APIClient, body: Any) -> Any:
    return client.post("/api/v1/models/alice/iris/predict/async", body, format="json")


def fetched(client: APIClient, id_: str) -> dict[str, Any]:
    told: dict[str, Any] = client.get(f"/api/v1/prediction-jobs/{id_}").json()
    return told


def test_the_answer_is_what_a_call_would_have_got(client: APIClient, sent: list[UUID]) -> None:
    response = ask(client, {"inputs": [ROW, ROW], "correlation_id": "mine"})
    assert response.status_code == 202
    told = response.json()
    assert response["Location"] == f"/api/v1/prediction-jobs/{told['id']}"
    assert (told["status"], told["prediction"], told["version"]) == ("queued", None, 1)
    assert sent == [UUID(told["id"])]
    answer_job(sent[0])
    told = fetched(client, told["id"])
    direct = client.post(
        "/api/v1/models/alice/iris/predict", {"inputs": [ROW, ROW]}, format="json"
    ).json()
    assert told["status"] == "succeeded"
    for name in ("model", "version", "predictions", "probabilities", "classes", "confidence"):
        assert told["prediction"][name] == direct[name]
    assert told["prediction"]["correlation_id"] == "mine"
    assert told["problem"] is None
    assert (
        EventRecord.objects.get(type="prediction_job.succeeded").payload["correlation_id"] == "mine"
    )


def test_it_is_in_the_log_once(client: APIClient, sent: list[UUID]) -> None:
    told = ask(client, {"inputs": [ROW], "correlation_id": "mine"}).json()
    for _ in range(2):
        answer_job(sent[0])
    kept = Prediction.objects.get(correlation_id="mine")
    assert str(kept.id) == fetched(client, told["id"])["prediction"]["id"]
    assert (kept.get_door_display(), kept.rows, kept.inputs) == (
        "async", 1, {"inputs": [ROW], "correlation_id": "mine"},
    )  # fmt: skip
    assert RollUp.objects.get().requests == 1


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"inputs": [[1, 2]]}, "invalid_input"),
        ({"inputs": [["x", 1, 2, 3]]}, "invalid_input"),
        ({}, "inputs_or_records"),
        ([], "invalid"),
        ({"inputs": [ROW], "callback": "x"}, "invalid"),
        ({"inputs": [ROW], "callback_url": 7}, "invalid"),
        ({"inputs": [ROW], "callback_url": "ftp://example.org"}, "bad_url"),
        ({"inputs": [ROW], "callback_url": "http://127.0.0.1/x"}, "invalid"),
        ({"inputs": [ROW], "callback_url": "http://169.254.169.254/latest"}, "invalid"),
    ],
)
def test_what_is_wrong_is_said_at_once(client: APIClient, body: Any, code: str) -> None:
    response = ask(client, body)
    assert (response.status_code, response.json()["code"]) == (400, code)
    assert not PredictionJob.objects.exists()


def test_others_see_nothing_of_it(client: APIClient, bob: User, client_for: Client) -> None:
    told = ask(client, {"inputs": [ROW]}).json()
    assert client_for(bob).get(f"/api/v1/prediction-jobs/{told['id']}").status_code == 404
    assert ask(client_for(bob), {"inputs": [ROW]}).status_code == 404


def test_a_model_that_is_away_makes_it_wait(
    client: APIClient, sent: list[UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    told = ask(client, {"inputs": [ROW]}).json()

    def away(*_: Any) -> Any:
        raise ModelUnavailable("Not now.")

    with monkeypatch.context() as patch:
        patch.setattr(serving.Served, "compute", away)
        answer_job(sent[0])
    assert fetched(client, told["id"])["status"] == "queued"
    assert services.waiting_prediction_jobs() == []  # not yet
    PredictionJob.objects.update(not_before=clock.now())
    assert services.waiting_prediction_jobs() == sent
    answer_job(sent[0])
    assert fetched(client, told["id"])["status"] == "succeeded"


def test_a_worker_that_died_leaves_it_to_the_next(client: APIClient, sent: list[UUID]) -> None:
    told = ask(client, {"inputs": [ROW]}).json()
    claim(PredictionJob.objects.filter(id=sent[0]))
    answer_job(sent[0])
    assert fetched(client, told["id"])["status"] == "running"
    PredictionJob.objects.update(lease_until=clock.now() - timedelta(seconds=1))
    answer_job(sent[0])
    assert fetched(client, told["id"])["status"] == "succeeded"


def test_a_call_that_kills_its_workers_is_given_up(client: APIClient, sent: list[UUID]) -> None:
    told = ask(client, {"inputs": [ROW]}).json()
    PredictionJob.objects.update(attempts=prediction_jobs.MAX_ATTEMPTS)
    answer_job(sent[0])
    told = fetched(client, told["id"])
    assert (told["status"], told["problem"]["code"]) == ("failed", "kept_crashing")
    assert EventRecord.objects.filter(type="prediction_job.failed").count() == 1


def test_a_call_that_its_model_dies_of_is_given_up(
    client: APIClient, sent: list[UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    told = ask(client, {"inputs": [ROW]}).json()

    def die(*_: Any) -> Any:
        raise ModelDied("It died.")

    monkeypatch.setattr(serving.Served, "compute", die)
    for _ in range(prediction_jobs.MAX_ATTEMPTS + 1):
        PredictionJob.objects.update(not_before=clock.now())
        answer_job(sent[0])
    told = fetched(client, told["id"])
    assert (told["status"], told["problem"]["code"]) == ("failed", "kept_crashing")


def test_after_a_day_nobody_waits_any_more(
    client: APIClient, sent: list[UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    told = ask(client, {"inputs": [ROW]}).json()
    PredictionJob.objects.update(created_at=clock.now() - timedelta(days=2))

    def damaged(*_: Any) -> Any:
        raise ModelUnavailable("Its file is damaged.", code="artifact_damaged")

    monkeypatch.setattr(serving.Served, "compute", damaged)
    answer_job(sent[0])
    told = fetched(client, told["id"])
    assert (told["status"], told["problem"]["code"]) == ("failed", "artifact_damaged")


def test_an_archived_model_answers_nothing_that_waited(client: APIClient, sent: list[UUID]) -> None:
    told = ask(client, {"inputs": [ROW]}).json()
    ModelVersion.objects.update(status=Status.ARCHIVED)
    answer_job(sent[0])
    told = fetched(client, told["id"])
    assert (told["status"], told["problem"]["code"]) == ("failed", "model_archived")


def test_the_same_key_gives_the_same_job(client: APIClient, sent: list[UUID]) -> None:
    route, headers = "/api/v1/models/alice/iris/predict/async", {"Idempotency-Key": "k"}
    first, again = (
        client.post(route, {"inputs": [ROW]}, format="json", headers=headers) for _ in range(2)
    )
    assert (again.status_code, again.json()["id"]) == (202, first.json()["id"])
    other = client.post(route, {"inputs": [ROW, ROW]}, format="json", headers=headers)
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_conflict")
    assert len(sent) == 1


def test_a_key_is_not_shown_what_its_holder_sent(
    client: APIClient, alice: User, key_for: Callable[..., str]
) -> None:
    """Nor does it learn more than that the name is taken."""
    headers = {"Idempotency-Key": "k"}
    route = "/api/v1/models/alice/iris/predict/async"
    assert client.post(route, {"inputs": [ROW]}, format="json", headers=headers).status_code == 202
    key = APIClient(
        headers={"Authorization": f"Bearer {key_for(alice, model_refs=['alice/other'])}"}
    )
    refused = key.post(route, {"inputs": [ROW]}, format="json", headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (409, "idempotency_conflict")


def test_its_callback_is_told(client: APIClient, sent: list[UUID], receiver: Receiver) -> None:
    told = ask(client, {"inputs": [ROW], "callback_url": receiver.url}).json()
    assert "callback_url" not in PredictionJob.objects.get().body
    answer_job(sent[0])
    (request,) = receiver.sent
    body = json.loads(request.body)
    assert (body["id"], body["status"]) == (told["id"], "succeeded")
    assert body["prediction"]["predictions"] == [0]
    assert body["created_at"] == told["created_at"]
    assert request.headers["X-Slipway-Event"] == "prediction_job.succeeded"
    assert services.due_callbacks() == []
    send_callback(sent[0])
    assert len(receiver.sent) == 1


def test_a_callback_that_fails_is_tried_again_and_given_up(
    client: APIClient, sent: list[UUID], receiver: Receiver
) -> None:
    receiver.status = 500
    told = ask(client, {"inputs": [ROW], "callback_url": receiver.url}).json()
    answer_job(sent[0])
    assert "500" in fetched(client, told["id"])["callback_error"]
    tries = 1
    while PredictionJob.objects.get().callback_due_at is not None:
        assert services.due_callbacks() == []
        PredictionJob.objects.update(callback_due_at=clock.now())
        assert services.due_callbacks() == sent
        send_callback(sent[0])
        tries += 1
    assert tries == len(receiver.sent) == len(prediction_jobs.CALLBACK_PAUSES) + 1


def test_a_callback_is_never_led_inside(
    client: APIClient, sent: list[UUID], receiver: Receiver, settings: Settings
) -> None:
    """What it may lead to is looked at again when it is called."""
    told = ask(client, {"inputs": [ROW], "callback_url": receiver.url}).json()
    settings.WEBHOOK_ALLOW = parse_policy(["external"])
    answer_job(sent[0])
    assert receiver.sent == []
    told = fetched(client, told["id"])
    assert told["status"] == "succeeded"
    assert told["callback_error"]


def test_old_jobs_go(client: APIClient, sent: list[UUID]) -> None:
    ask(client, {"inputs": [ROW]})
    answer_job(sent[0])
    assert services.delete_old_jobs() == 0
    PredictionJob.objects.update(finished_at=clock.now() - timedelta(days=8))
    assert services.delete_old_jobs() == 1
    assert Prediction.objects.count() == 1
