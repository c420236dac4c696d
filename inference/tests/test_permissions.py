"""It lets each kind of caller predict with what they may use, and no more."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from rest_framework.test import APIClient

from accounts.models import Membership, User
from inference.tests.test_browse_predictions import make_prediction
from registry.tests.factories import make_model, make_version

pytestmark = pytest.mark.django_db

# The body is wrong on purpose: 400 says that the caller got as far as the model.
ROUTES: list[tuple[str, str, dict[str, int]]] = [
    (
        "post",
        "/api/v1/models/alice/churn/predict",
        {
            "owner": 400,
            "viewer": 400,
            "stranger": 404,
            "operator": 404,
            "anonymous": 401,
            "predict_key": 400,
            "read_key": 403,
            "history_key": 403,
        },
    ),
    (
        "get",
        "/api/v1/predictions?model=alice/churn",
        {
            "owner": 200,
            "viewer": 200,
            "stranger": 404,
            "operator": 404,
            "anonymous": 401,
            "predict_key": 403,
            "read_key": 403,
            "history_key": 200,
        },
    ),
    (
        "get",
        "/api/v1/predictions/{prediction}",
        {
            "owner": 200,
            "viewer": 200,
            "stranger": 404,
            "operator": 404,
            "anonymous": 401,
            "predict_key": 403,
            "read_key": 403,
            "history_key": 200,
        },
    ),
    *[
        (
            method,
            path,
            {
                "owner": found,
                "viewer": found,
                "stranger": 404,
                "operator": 404,
                "anonymous": 401,
                "predict_key": found,
                "read_key": found if method == "get" else 403,
                "history_key": 403,
            },
        )
        for method, path, found in (
            ("post", "/v2/models/alice%2Fchurn/infer", 400),
            ("get", "/v2/models/alice%2Fchurn", 200),
            ("get", "/v2/models/alice%2Fchurn/ready", 200),
            ("get", "/v2/models/alice%2Fchurn/stats", 200),
        )
    ],
]
CALLERS = list(ROUTES[0][2])


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize(
    ("method", "path", "expected"), ROUTES, ids=[f"{m} {p}" for m, p, _ in ROUTES]
)
def test_each_caller_gets_what_they_may(
    alice: User,
    bob: User,
    charlie: User,
    olga: User,
    anonymous: APIClient,
    client_for: Callable[[User], APIClient],
    key_for: Callable[..., str],
    caller: str,
    method: str,
    path: str,
    expected: dict[str, int],
) -> None:
    Membership.objects.create(organization=alice.personal_organization, user=bob, role="viewer")
    prediction = make_prediction(make_version(make_model(alice)), alice)

    def by_key(scope: str) -> APIClient:
        key = key_for(alice, scopes=[scope])
        return APIClient(headers={"X-API-Key": key})

    clients = {
        "owner": lambda: client_for(alice),
        "viewer": lambda: client_for(bob),
        "stranger": lambda: client_for(charlie),
        "operator": lambda: client_for(olga),
        "anonymous": lambda: anonymous,
        "predict_key": lambda: by_key("predict"),
        "read_key": lambda: by_key("models:read"),
        "history_key": lambda: by_key("predictions:read"),
    }
    path = path.replace("alice", alice.slug).replace("{prediction}", str(prediction.id))
    body = {"format": "json", "data": {"inputs": "wrong"}} if method == "post" else {}
    response = getattr(clients[caller](), method)(path, **body)
    assert response.status_code == expected[caller], response.content
