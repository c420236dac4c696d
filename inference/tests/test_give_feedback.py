"""It takes what turned out to be true, and tells how right a version was."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import timedelta
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
from rest_framework.test import APIClient
from sklearn.metrics import f1_score

from accounts.actors import actor_for_user
from accounts.models import Membership, User
from accounts.tests.races import race
from common import clock
from common.ids import uuid7
from inference import services
from inference.models import Feedback, Prediction, QualityRollUp
from inference.quality import (
    MAX_CLASSES,
    Quality,
    Verdict,
    judge,
    quality_by_version,
    quality_for_person,
)
from inference.services import Truth
from inference.tests.test_browse_predictions import make_prediction
from registry.models import Model, ModelShare, ModelVersion
from registry.tests.factories import SIGNATURE, make_model, make_version

pytestmark = pytest.mark.django_db
ROUTE = "/api/v1/predictions"
ClientFor = Callable[[User], APIClient]


@pytest.fixture
def version(alice: User) -> ModelVersion:
    return make_version(make_model(alice))


@pytest.fixture
def client(alice: User, client_for: ClientFor) -> APIClient:
    return client_for(alice)


def asked(version: ModelVersion, *predictions: Any, **fields: Any) -> Prediction:
    """A prediction that was answered so, row by row."""
    outputs = {"predictions": list(predictions)}
    given = {"rows": len(predictions), "outputs": outputs, "id": uuid7()} | fields
    asker = given.pop("user", version.created_by)
    return make_prediction(version, cast("User", asker), **given)


def today(version: ModelVersion) -> Quality:
    now = clock.now()
    return quality_by_version([version.id], now, now + timedelta(seconds=1)).get(
        version.id, Quality()
    )


def of_today(user: User) -> Quality:
    now = clock.now()
    return quality_for_person(user.id, now, now + timedelta(seconds=1), versions=None)


def give(client: APIClient, prediction: Prediction, label: Any, row: int = 0) -> Any:
    return client.post(
        f"{ROUTE}/{prediction.id}/feedback", {"label": label, "row": row}, format="json"
    )


def test_a_label_is_held_against_the_answer(client: APIClient, version: ModelVersion) -> None:
    prediction = asked(version, "yes", "no")
    told = give(client, prediction, "yes").json()
    assert (told["predicted"], told["correct"], told["error"]) == ("yes", True, None)
    assert give(client, prediction, "yes", row=1).json()["correct"] is False
    quality = today(version)
    assert (quality.labelled, quality.correct, quality.accuracy) == (2, 1, 0.5)
    listed = client.get(f"{ROUTE}/{prediction.id}/feedback").json()
    assert [(one["row"], one["label"]) for one in listed] == [(0, "yes"), (1, "yes")]


def test_the_last_word_counts(client: APIClient, version: ModelVersion) -> None:
    prediction = asked(version, "yes")
    for label, accuracy in (("no", 0.0), ("yes", 1.0), ("yes", 1.0), ("maybe", 0.0)):
        assert give(client, prediction, label).status_code == 200
        assert today(version).accuracy == accuracy
    assert today(version).confusion == {"other": {"yes": 1}}
    assert Feedback.objects.get().label == "maybe"


def test_a_correction_leaves_nothing_of_what_was_said_first(client: APIClient, alice: User) -> None:
    version = make_version(make_model(alice), signature=SIGNATURE | {"task": "regression"})
    prediction, other = asked(version, 4.0), asked(version, 1.0)
    assert give(client, other, 2.0).status_code == 200
    for label in (1e20, 1e8, 5.0):
        assert give(client, prediction, label).status_code == 200
    assert (today(version).measured, today(version).rmse, today(version).mae) == (2, 1.0, 1.0)


@pytest.mark.parametrize(
    ("label", "right"), [("True", True), ("true", True), (1, True), ("False", False)]
)
def test_yes_or_no_is_read_however_it_is_written(
    client: APIClient, alice: User, label: Any, right: bool
) -> None:
    version = make_version(make_model(alice), signature=SIGNATURE | {"classes": [False, True]})
    assert give(client, asked(version, True), label).json()["correct"] is right
    truth = "true" if right else "false"
    assert today(version).confusion == {truth: {"true": 1}}


def test_a_label_is_one(client: APIClient, version: ModelVersion) -> None:
    assert give(client, asked(version, "yes"), ["yes"]).json()["code"] == "bad_label"


def test_a_number_is_held_against_the_answer(client: APIClient, alice: User) -> None:
    version = make_version(make_model(alice), signature=SIGNATURE | {"task": "regression"})
    prediction = asked(version, 10.0, 20.0, 30.0)
    for row, label in enumerate([12.0, 20, 26.0]):
        told = give(client, prediction, label, row=row)
        assert told.json()["correct"] is None
    quality = today(version)
    assert quality.rmse == pytest.approx(math.sqrt((4 + 0 + 16) / 3))
    assert quality.mae == pytest.approx(2.0)
    assert quality.accuracy is quality.f1_macro is None
    assert give(client, prediction, 14.0).json()["error"] == -4.0
    assert today(version).rmse == pytest.approx(math.sqrt((16 + 0 + 16) / 3))
    before = today(version)
    impossible: list[Any] = ["twelve", True, [1, 2], 1e200, -1e155, 10**300]
    for label in impossible:
        refused = give(client, prediction, label)
        assert (refused.status_code, refused.json()["code"]) == (400, "bad_label"), label
    assert today(version) == before


def test_f1_is_that_of_scikit_learn(client: APIClient, alice: User) -> None:
    version = make_version(make_model(alice), signature=SIGNATURE | {"classes": ["a", "b", "c"]})
    answers = ["a", "b", "c", "a", "b", "a", "c", "c", "b"]
    truths = ["a", "b", "b", "a", "d", "c", "c", "a", "b"]
    prediction = asked(version, *answers)
    items = [
        {"prediction": str(prediction.id), "row": row, "label": label}
        for row, label in enumerate(truths)
    ]
    told = client.post(f"{ROUTE}/feedback", {"items": items}, format="json").json()
    assert told["accepted"] == len(items)
    assert today(version).f1_macro == pytest.approx(f1_score(truths, answers, average="macro"))


def test_many_come_at_once_by_id_or_by_the_callers_own(
    client: APIClient, version: ModelVersion
) -> None:
    first = asked(version, "yes", correlation_id="order-1")
    latest = asked(version, "no", correlation_id="order-1")
    failed = asked(version, status=400, code="invalid_input", rows=1, outputs=None)
    items = [
        {"correlation_id": "order-1", "label": "no"},
        {"prediction": str(first.id), "label": "no"},
        {"prediction": str(first.id), "label": "no", "row": 1},
        {"prediction": str(failed.id), "label": "no"},
        {"prediction": str(uuid4()), "label": "no"},
        {"correlation_id": "order-2", "label": "no"},
        {"prediction": str(first.id), "label": "yes"},
    ]
    told = client.post(f"{ROUTE}/feedback", {"items": items}, format="json").json()
    assert told["accepted"] == 3
    codes = [
        "",
        "",
        "no_such_row",
        "not_answered",
        "prediction_not_found",
        "prediction_not_found",
        "",
    ]
    assert [one["code"] for one in told["results"]] == codes
    assert told["results"][0]["feedback"]["prediction"] == str(latest.id)
    assert Feedback.objects.get(prediction_id=first.id).label == "yes"
    assert (today(version).labelled, today(version).correct) == (2, 2)


@pytest.mark.parametrize(
    "body",
    [
        {}, {"label": None}, {"label": {}}, {"label": []}, {"label": "x" * 20_000},
        {"label": "a", "row": -1}, {"label": "a", "row": "b"}, {"label": "a", "rows": 1},
        {"label": [["a"]]},
    ],
)  # fmt: skip
def test_what_is_no_label_is_refused(
    client: APIClient, version: ModelVersion, body: dict[str, Any]
) -> None:
    prediction = asked(version, "yes")
    assert client.post(f"{ROUTE}/{prediction.id}/feedback", body, format="json").status_code == 400
    assert not Feedback.objects.exists()


@pytest.mark.parametrize(
    "items",
    [[], "all", [{"label": "a"}], [{"label": "a"} for _ in range(1001)],
     [{"label": "a", "correlation_id": "x", "prediction": str(uuid7())}]],
)  # fmt: skip
def test_a_list_that_is_wrong_is_refused_whole(client: APIClient, items: Any) -> None:
    assert client.post(f"{ROUTE}/feedback", {"items": items}, format="json").status_code == 400


def test_one_that_may_not_be_stored_yet_is_worth_asking_again(client: APIClient) -> None:
    fresh = client.post(f"{ROUTE}/{uuid7()}/feedback", {"label": "a"}, format="json")
    assert (fresh.status_code, fresh["Retry-After"]) == (404, "1")
    for old in (uuid4(), UUID(int=2**128 - 1), UUID(int=0)):
        gone = client.post(f"{ROUTE}/{old}/feedback", {"label": "a"}, format="json")
        assert gone.status_code == 404
        assert "Retry-After" not in gone


def test_a_foreign_prediction_does_not_exist(
    version: ModelVersion, charlie: User, client_for: ClientFor
) -> None:
    prediction = asked(version, "yes", correlation_id="order-1")
    stranger = client_for(charlie)
    assert give(stranger, prediction, "yes").status_code == 404
    items = [{"correlation_id": "order-1", "label": "yes"}]
    told = stranger.post(f"{ROUTE}/feedback", {"items": items}, format="json").json()
    assert told["results"][0]["code"] == "prediction_not_found"


def test_whoever_asked_says_what_was_true_and_viewers_do_not(
    version: ModelVersion, alice: User, bob: User, charlie: User, client_for: ClientFor
) -> None:
    model: Model = version.model
    ModelShare.objects.create(model=model, user=bob, permission="use", shared_by=alice)
    bobs = asked(version, "yes", user=bob)
    assert give(client_for(bob), bobs, "yes").status_code == 200
    Membership.objects.create(user=charlie, organization=model.organization, role="viewer")
    refused = give(client_for(charlie), bobs, "no")
    assert (refused.status_code, refused.json()["code"]) == (403, "feedback_denied")
    assert of_today(bob).accuracy == 1.0
    assert of_today(alice).accuracy is None


def test_an_answer_that_was_not_kept_is_not_judged(
    client: APIClient, version: ModelVersion
) -> None:
    told = give(client, asked(version, rows=2, outputs=None), "yes").json()
    assert told["predicted"] is told["correct"] is told["error"] is None
    assert today(version).rows == 0


@pytest.mark.django_db(transaction=True)
def test_said_by_many_at_once_a_row_counts_once(alice: User) -> None:
    version = make_version(make_model(alice))
    prediction, actor = asked(version, "yes"), actor_for_user(alice)
    # The day is there already: making it is what would keep them apart.
    services.give_feedback([Truth(prediction=asked(version, "yes").id, label="yes")], actor=actor)

    def say(number: int) -> bool:
        truth = Truth(prediction=prediction.id, label=("yes", "no")[number % 2])
        return services.give_feedback([truth], actor=actor)[0].error is None

    for round_ in range(1, 6):
        assert race(6, say) == [True] * 6
        (row,) = QualityRollUp.objects.all()
        kept = Feedback.objects.get(prediction_id=prediction.id)
        assert (row.labelled, row.correct) == (2, 1 + int(kept.label == "yes")), round_


def test_the_sums_are_those_of_the_rows(client: APIClient, alice: User) -> None:
    """Whatever was said and taken back, and with more classes than are counted apart."""
    labels = [f"l{i}" for i in range(MAX_CLASSES + 20)]
    version = make_version(make_model(alice), signature=SIGNATURE | {"classes": labels})
    prediction = asked(version, *labels)
    for shift in (0, 1, 0):
        items = [
            {
                "prediction": str(prediction.id),
                "row": row,
                "label": labels[(row + shift) % len(labels)],
            }
            for row in range(len(labels))
        ]
        client.post(f"{ROUTE}/feedback", {"items": items}, format="json")
    quality = today(version)
    rows = list(Feedback.objects.all())
    assert quality.labelled == len(rows) == len(labels)
    assert quality.correct == sum(bool(row.correct) for row in rows) == len(labels)
    counted = [times for answers in quality.confusion.values() for times in answers.values()]
    assert sum(counted) == len(labels)
    assert all(times > 0 for times in counted)
    assert quality.confusion["other"] == {"other": 20}


@pytest.mark.parametrize(
    ("task", "predicted", "label", "verdict"),
    [
        ("classification", 1, "1", Verdict(correct=True)),
        ("classification", ["a", "b"], ["a", "c"], Verdict(correct=False)),
        ("clustering", 3, 3, Verdict(correct=True)),
        ("regression", [1.0, 2.0], [4.0, 6.0], Verdict(error=math.sqrt(12.5))),
        ("regression", None, 1.0, Verdict()),
    ],
)
def test_a_verdict(task: str, predicted: Any, label: Any, verdict: Verdict) -> None:
    assert judge(task, predicted, label) == verdict


def test_it_counts_on_the_day_it_was_asked(client: APIClient, version: ModelVersion) -> None:
    before = clock.now() - timedelta(days=3)
    id_ = UUID(int=(int(before.timestamp() * 1000) << 80) | (7 << 76) | (2 << 62) | 5)
    give(client, asked(version, "yes", id=id_, created_at=before), "yes")
    assert today(version).rows == 0
    found = quality_by_version([version.id], before, before + timedelta(hours=1))
    assert found[version.id].rows == 1
