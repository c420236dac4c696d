"""It shows a key that is for certain models these alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from registry.tests.factories import make_model

pytestmark = pytest.mark.django_db
URL = "/api/v1/api-keys"


@pytest.fixture
def client(alice: User, client_for: Callable[[User], APIClient]) -> APIClient:
    return client_for(alice)


def by_key(secret: str) -> APIClient:
    return APIClient(headers={"X-API-Key": secret})


def test_a_key_for_one_model_knows_no_other(client: APIClient, alice: User) -> None:
    for name in ("churn", "fraud"):
        make_model(alice, name)
    made = client.post(URL, {"name": "k", "models": ["Churn"]}).json()
    assert made["models"] == ["alice/churn"]
    program = by_key(made["key"])
    assert program.get("/api/v1/models/churn").status_code == 200
    assert program.get("/api/v1/models/alice/fraud").status_code == 404
    listed = program.get("/api/v1/models").json()["results"]
    assert [row["name"] for row in listed] == ["churn"]


def test_a_key_can_name_a_model_by_its_id(client: APIClient, alice: User) -> None:
    model = make_model(alice)
    make_model(alice, "fraud")
    made = client.post(URL, {"name": "k", "models": [str(model.id)]}).json()
    listed = by_key(made["key"]).get("/api/v1/models").json()["results"]
    assert [row["name"] for row in listed] == ["churn"]
