"""It lets each kind of caller do what they may on every route of the registry, and no more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from accounts.models import Membership, User
from registry.tests.factories import make_model, make_version

pytestmark = pytest.mark.django_db

CALLERS = (
    "owner",
    "member",
    "viewer",
    "stranger",
    "operator",
    "anonymous",
    "read_key",
    "predict_key",
)
READ = dict(zip(CALLERS, (200, 200, 200, 404, 404, 401, 200, 403), strict=True))
WRITE = dict(zip(CALLERS, (200, 200, 403, 404, 404, 401, 403, 403), strict=True))

# (method, path, status by caller); an operator's power is the admin's, not the API's.
ROUTES: list[tuple[str, str, dict[str, int]]] = [
    ("get", "/api/v1/models", READ | {"stranger": 200, "operator": 200}),
    (
        "post",
        "/api/v1/models",  # uploads go to the caller's own organization
        dict(zip(CALLERS, (202, 202, 202, 202, 202, 401, 403, 403), strict=True)),
    ),
    ("get", "/api/v1/models/alice/churn", READ),
    ("patch", "/api/v1/models/alice/churn", WRITE),
    ("put", "/api/v1/models/alice/churn", WRITE),
    (
        "delete",
        "/api/v1/models/alice/churn",
        WRITE | {"owner": 204, "member": 204},
    ),
    ("get", "/api/v1/models/alice/churn/versions", READ),
    ("get", "/api/v1/models/alice/churn/versions/1", READ),
    ("patch", "/api/v1/models/alice/churn/versions/1", WRITE),
    ("put", "/api/v1/models/alice/churn/versions/1", WRITE),
    ("get", "/api/v1/models/alice/churn/download", READ),
]


@pytest.fixture
def callers(
    alice: User,
    bob: User,
    charlie: User,
    olga: User,
    anonymous: APIClient,
    client_for: Callable[[User], APIClient],
    key_for: Callable[..., str],
    make_user: Callable[..., User],
) -> dict[str, APIClient]:
    organization = alice.personal_organization
    member = make_user("member@example.org")
    Membership.objects.create(organization=organization, user=member, role="member")
    Membership.objects.create(organization=organization, user=bob, role="viewer")

    def by_key(*scopes: str) -> APIClient:
        key = key_for(alice, scopes=list(scopes))
        return APIClient(headers={"Authorization": f"Bearer {key}"})

    return {
        "owner": client_for(alice),
        "member": client_for(member),
        "viewer": client_for(bob),
        "stranger": client_for(charlie),
        "operator": client_for(olga),
        "anonymous": anonymous,
        "read_key": by_key("models:read"),
        "predict_key": by_key("predict"),
    }


def send(client: APIClient, method: str, path: str) -> Any:
    if method == "post":
        form = {"file": SimpleUploadedFile("m.pkl", b"x"), "name": "new-model"}
        return client.post(path, form, format="multipart")
    body = {"status": "deprecated"} if method in {"patch", "put"} else None
    return getattr(client, method)(path, body, format="json" if body else None)


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize(
    ("method", "path", "expected"), ROUTES, ids=[f"{m} {p}" for m, p, _ in ROUTES]
)
def test_each_caller_gets_what_they_may(
    callers: dict[str, APIClient],
    alice: User,
    caller: str,
    method: str,
    path: str,
    expected: dict[str, int],
) -> None:
    make_version(make_model(alice))
    path = path.replace("/alice/", f"/{alice.slug}/")
    response = send(callers[caller], method, path)
    assert response.status_code == expected[caller], getattr(response, "content", "")
    if response.status_code >= 400:
        assert response["Content-Type"] == "application/problem+json"


def test_what_a_stranger_is_told_is_what_is_told_of_nothing(
    callers: dict[str, APIClient], alice: User
) -> None:
    make_model(alice)
    theirs = callers["stranger"].get(f"/api/v1/models/{alice.slug}/churn").json()
    nothing = callers["stranger"].get(f"/api/v1/models/{alice.slug}/nothing").json()
    for body in (theirs, nothing):
        body.pop("request_id")
    assert str(theirs).replace("churn", "nothing") == str(nothing)
