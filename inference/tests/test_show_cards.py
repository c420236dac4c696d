"""It says what there is to know of versions, one by one and side by side."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client as Browser
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from accounts.actors import actor_for_user
from accounts.models import User
from common import clock
from common.ids import uuid7
from inference.services import Truth, give_feedback
from inference.tests.counting import Count, count
from inference.tests.test_browse_predictions import make_prediction
from registry.models import Alias, ModelShare, ModelVersion, Runtime, State
from registry.tests.factories import SIGNATURE, make_model, make_version

pytestmark = pytest.mark.django_db
__all__ = ["count"]
ClientFor = Callable[[User], APIClient]


@pytest.fixture
def client(alice: User, client_for: ClientFor) -> APIClient:
    return client_for(alice)


@pytest.fixture
def version(alice: User, count: Count) -> ModelVersion:
    model = make_model(alice, description="Who leaves us?", tags=["crm"])
    made = make_version(model, libraries={"scikit-learn": "1.9.1"})
    Alias.objects.create(model=model, name="champion", version=made)
    lately = clock.now() - timedelta(hours=2)
    count(made, alice, lately, lately, lately, duration_us=3000)
    count(made, alice, lately, status=400, code="invalid_input", labels=[])
    count(made, alice, clock.now() - timedelta(days=50))
    prediction = make_prediction(made, alice, id=uuid7())
    give_feedback([Truth(prediction=prediction.id, label="yes")], actor=actor_for_user(alice))
    return made


def test_a_card_is_filled_from_file_and_traffic(client: APIClient, version: ModelVersion) -> None:
    found = client.get("/api/v1/models/churn/card").json()
    assert found["model"] == version.model.reference
    assert (found["description"], found["tags"]) == ("Who leaves us?", ["crm"])
    assert found["aliases"] == ["champion"]
    assert found["signature"] == SIGNATURE
    live = found["live"]
    assert (live["requests"], live["failed"], live["error_rate"]) == (4, 1, 0.25)
    assert live["mean_ms"] > 0
    assert live["quality"]["accuracy"] == 1.0


def test_a_card_can_be_kept_beside_the_model(client: APIClient, version: ModelVersion) -> None:
    signature = SIGNATURE | {"classes": ["no", "<b>|yes"]}
    ModelVersion.objects.update(signature=signature, filename="a|b.pkl")
    answer = client.get("/api/v1/models/churn@champion/card?format=markdown")
    assert answer["Content-Type"] == "text/markdown; charset=utf-8"
    text = answer.content.decode()
    assert text.startswith("# alice/churn, version 1\n")
    assert "| width | float | no |  |" in text
    assert "Classes: no, \\<b\\>\\|yes" in text
    assert "| File | a\\|b.pkl," in text
    assert "| Accuracy | 1.0000 of 1 rows with feedback |" in text
    assert client.get("/api/v1/models/churn/card?format=pdf").status_code == 400


def test_whom_it_is_shared_with_sees_no_traffic(
    version: ModelVersion, bob: User, client_for: ClientFor
) -> None:
    owner = version.created_by
    assert owner is not None
    ModelShare.objects.create(model=version.model, user=bob, permission="view", shared_by=owner)
    found = client_for(bob).get("/api/v1/models/alice/churn/card").json()
    assert found["live"] is None
    text = client_for(bob).get("/api/v1/models/alice/churn/card?format=markdown")
    assert "days" not in text.content.decode()


def test_versions_are_compared(client: APIClient, version: ModelVersion) -> None:
    make_version(version.model, size=10, runtime=Runtime.ONNX, graph_sha256="0" * 64)
    asked = "/api/v1/models/compare?refs=churn/versions/1,churn/versions/2"
    found = client.get(asked).json()
    assert found["differs"] == ["libraries", "size", "runtime"]
    first, second = found["versions"]
    assert (first["version"], first["live"]["requests"]) == (1, 4)
    assert (second["version"], second["live"]["error_rate"]) == (2, None)


def test_a_comparison_takes_few_queries(
    client: APIClient, version: ModelVersion,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:  # fmt: skip
    for _ in range(9):
        make_version(version.model)
    refs = ",".join(f"churn/versions/{number}" for number in range(1, 11))
    with django_assert_max_num_queries(28):  # two to find each, and eight for all
        assert client.get(f"/api/v1/models/compare?refs={refs}").status_code == 200


@pytest.mark.parametrize(
    ("refs", "status"),
    [
        ("", 400),
        ("churn", 400),
        ("churn,churn", 400),
        (",".join(f"churn/versions/{n}" for n in range(1, 12)), 400),
        ("churn,nothing", 404),
        ("churn/versions/1,churn/versions/9", 404),
        ("churn,???", 400),
    ],
)
def test_what_can_not_be_compared_is_refused(
    client: APIClient, version: ModelVersion, refs: str, status: int
) -> None:
    assert client.get("/api/v1/models/compare", {"refs": refs}).status_code == status


def test_a_version_that_is_not_ready_has_no_card(client: APIClient, version: ModelVersion) -> None:
    make_version(version.model, state=State.SCANNING)
    assert client.get("/api/v1/models/churn/versions/2/card").status_code == 409


@pytest.fixture
def browser(alice: User) -> Browser:
    browser = Browser()
    browser.force_login(alice)
    return browser


def test_the_card_has_a_page(browser: Browser, alice: User, version: ModelVersion) -> None:
    page = browser.get(f"/models/{alice.slug}/churn/card")
    text = page.content.decode()
    assert page.status_code == 200
    for said in ("Who leaves us?", "@champion", "scikit-learn 1.9.1", version.sha256, "1.0000"):
        assert said in text
    taken = browser.get(f"/models/{alice.slug}/churn/card?version=1&format=markdown")
    assert taken["Content-Type"] == "text/markdown; charset=utf-8"
    assert 'filename="churn-1.md"' in taken["Content-Disposition"]
    assert browser.get(f"/models/{alice.slug}/churn/card?version=9").status_code == 404


def test_versions_are_compared_on_a_page(
    browser: Browser, alice: User, version: ModelVersion
) -> None:
    features = [{"name": "new", "dtype": "str", "nullable": True}]
    signature = SIGNATURE | {"inputs": [{**SIGNATURE["inputs"][0], "features": features}]}
    make_version(version.model, size=77, signature=signature)
    base = f"/models/{alice.slug}/churn"
    listed = browser.get(base).content.decode()
    assert listed.count('form="compare"') == 2
    page = browser.get(f"{base}/compare?version=1&version=2")
    lines = {line.label: line for line in page.context["lines"]}
    assert lines["Size"].differs
    assert not lines["Format"].differs
    assert lines["Calls"].values == [4, 0]
    assert lines["Accuracy"].values == ["1.0000", None]
    (new,) = [line for line in page.context["features"] if line.label == "new"]
    assert new.values == [None, "str, may be missing"]
    assert "not taken" in page.content.decode()


@pytest.mark.parametrize("query", ["", "version=1", "version=x&version=1", "version=1&version=1"])
def test_a_page_says_what_can_not_be_compared(
    query: str, browser: Browser, alice: User, version: ModelVersion
) -> None:
    page = browser.get(f"/models/{alice.slug}/churn/compare?{query}")
    assert page.status_code == 400
    assert 'role="alert"' in page.content.decode()
