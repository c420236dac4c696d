"""It lets each kind of caller do what they may on every route of accounts, and no more."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.urls import get_resolver
from rest_framework.test import APIClient

from accounts.api.urls import urlpatterns
from accounts.models import ApiKey, Membership, User
from accounts.tests.factories import PASSWORD
from common import clock

pytestmark = pytest.mark.django_db
CALLERS = (
    "owner",  # alice, whose key it is
    "admin",  # an admin of the key's organization
    "member",  # a plain member of it
    "stranger",
    "operator",
    "anonymous",
    "read_key",  # a key of alice's with account:read
    "other_key",  # one with every scope but those of the account
    "expired_key",
    "revoked_key",
)


def statuses(*codes: int) -> dict[str, int]:
    return dict(zip(CALLERS, codes, strict=True))


OWN_READ = statuses(200, 200, 200, 200, 200, 401, 200, 403, 401, 401)
OWN_WRITE = statuses(200, 200, 200, 200, 200, 401, 403, 403, 401, 401)
CREATED = statuses(201, 201, 201, 201, 201, 401, 403, 403, 401, 401)
KEY_READ = statuses(200, 200, 404, 404, 404, 401, 200, 403, 401, 401)
KEY_WRITE = statuses(200, 200, 404, 404, 404, 401, 403, 403, 401, 401)
KEY_DELETE = KEY_WRITE | {"owner": 204, "admin": 204}

CREDENTIALS = {"email": "alice@example.org", "password": PASSWORD}
# (method, path after /api/v1/, body, status by caller); an operator's power is the admin's.
ROUTES: list[tuple[str, str, Any, dict[str, int]]] = [
    (
        "post",
        "auth/register",
        {"email": "new@example.org", "password": PASSWORD},
        dict.fromkeys(CALLERS, 201),
    ),
    ("post", "auth/login", CREDENTIALS, dict.fromkeys(CALLERS, 200)),
    ("post", "auth/refresh", {"refresh": "x"}, dict.fromkeys(CALLERS, 401)),
    ("get", "auth/me", None, OWN_READ),
    ("patch", "auth/profile", {"full_name": "New"}, OWN_WRITE),
    ("put", "auth/profile", {"full_name": "New"}, OWN_WRITE),
    (
        "post",
        "auth/change-password",
        {"current_password": PASSWORD, "new_password": "a wholly new phrase"},
        OWN_WRITE,
    ),
    ("get", "api-keys", None, OWN_READ),
    ("post", "api-keys", {"name": "new"}, CREATED),
    ("get", "api-keys/{key}", None, KEY_READ),
    ("patch", "api-keys/{key}", {"name": "new"}, KEY_WRITE),
    ("put", "api-keys/{key}", {"name": "new"}, KEY_WRITE),
    ("delete", "api-keys/{key}", None, KEY_DELETE),
    ("post", "api-keys/{key}/revoke", None, KEY_WRITE),
]


@pytest.fixture
def callers(
    alice: User,
    bob: User,
    charlie: User,
    olga: User,
    make_user: Callable[..., User],
    anonymous: APIClient,
    client_for: Callable[[User], APIClient],
    key_for: Callable[..., str],
) -> dict[str, APIClient]:
    home = alice.personal_organization
    admin = make_user("adam@example.org")
    Membership.objects.create(organization=home, user=admin, role="admin")
    Membership.objects.create(organization=home, user=bob, role="member")
    now = clock.now()

    def by_key(*scopes: str, **fields: Any) -> APIClient:
        return APIClient(headers={"X-API-Key": key_for(alice, scopes=scopes, **fields)})

    account = ("account:read", "account:write")
    return {
        "owner": client_for(alice),
        "admin": client_for(admin),
        "member": client_for(bob),
        "stranger": client_for(charlie),
        "operator": client_for(olga),
        "anonymous": anonymous,
        "read_key": by_key("account:read"),
        "other_key": by_key("models:read", "models:write", "predict", "org:admin"),
        "expired_key": by_key(
            *account, created_at=now - timedelta(days=2), expires_at=now - timedelta(days=1)
        ),
        "revoked_key": by_key(*account, revoked_at=now),
    }


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize(
    ("method", "path", "body", "expected"), ROUTES, ids=[f"{m} {p}" for m, p, *_ in ROUTES]
)
def test_each_caller_gets_what_they_may(
    callers: dict[str, APIClient],
    alice: User,
    key_for: Callable[..., str],
    caller: str,
    method: str,
    path: str,
    body: Any,
    expected: dict[str, int],
) -> None:
    key_for(alice, name="target")
    target = ApiKey.objects.get(name="target")
    send = getattr(callers[caller], method)
    response = send(f"/api/v1/{path.format(key=target.id)}", body)
    assert response.status_code == expected[caller], response.content
    if response.status_code >= 400:
        assert response["Content-Type"] == "application/problem+json"
    if response.status_code in (401, 403):
        assert response["WWW-Authenticate"].startswith('Bearer realm="slipway"')
    target.refresh_from_db()
    refused = response.status_code >= 400
    assert not (refused and (target.revoked_at or target.name != "target"))


def test_every_route_has_a_row() -> None:
    resolver = get_resolver()
    tested = {(resolver.resolve(_path(path)).url_name, method) for method, path, *_ in ROUTES}
    routes = {
        (route.name, method.lower())
        for route in urlpatterns
        for method in route.callback.cls().allowed_methods  # type: ignore[attr-defined]
        if method not in {"OPTIONS", "HEAD"}
    }
    assert routes == tested


def _path(path: str) -> str:
    return f"/api/v1/{path.format(key='0198c1a0-0000-7000-8000-000000000000')}"
