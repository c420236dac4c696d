"""It lets operators, and nobody else, say how often who may call, and every REST view obeys."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.core.checks import run_checks
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries, Settings
from rest_framework.test import APIClient

from accounts.actors import actor_for_user
from accounts.limits import PER_HOUR, PER_MINUTE, Policies, buckets_for
from accounts.models import LimitPolicy, User
from accounts.services import create_limit, delete_limit, update_limit
from common.events import types
from common.limits import Bucket, Rate, limiter
from common.limits.stores import MemoryStore
from common.models import EventRecord

pytestmark = pytest.mark.django_db
ClientFor = Callable[[User], APIClient]
LIMITS = "/api/v1/admin/limits"
ME = "/api/v1/auth/me"


@pytest.fixture
def operator(client_for: ClientFor, olga: User) -> APIClient:
    return client_for(olga)


def rates(user: User) -> dict[str, tuple[int, ...]]:
    """The quotas that hold for a user now, by what they are for."""
    found = Policies().buckets_for(actor_for_user(user))
    return {
        bucket.key.partition(":")[0]: tuple(rate.quota for rate in bucket.rates) for bucket in found
    }


# -- which limits hold ----------------------------------------------------------------------------


def test_a_user_has_the_built_in_limits(alice: User) -> None:
    assert buckets_for(actor_for_user(alice)) == (
        Bucket(
            f"user:{alice.id}",
            (Rate("minute", PER_MINUTE, 60), Rate("hour", PER_HOUR, 3600)),
            str(alice.id),
        ),
    )


def test_the_nearest_policy_holds(alice: User, bob: User) -> None:
    create_limit(actor=None, kind="default_user", per_minute=50)
    create_limit(actor=None, kind="user", target_id=alice.id, per_hour=7)
    create_limit(actor=None, kind="default_organization", per_hour=1000)
    assert rates(alice) == {"user": (7,), "organization": (1000,)}
    assert rates(bob) == {"user": (50,), "organization": (1000,)}


def test_a_policy_without_rates_is_no_limit(alice: User) -> None:
    create_limit(actor=None, kind="user", target_id=alice.id)
    assert rates(alice) == {}


def test_a_key_is_limited_apart_from_its_user(
    alice: User, key_for: Callable[..., str], client_for: ClientFor
) -> None:
    create_limit(actor=None, kind="default_key", per_hour=2)
    key = APIClient(headers={"X-API-Key": key_for(alice, scopes=["account:read"])})
    assert [key.get(ME).status_code for _ in range(3)] == [200, 200, 429]
    assert client_for(alice).get(ME).status_code == 200


def test_a_users_tokens_are_one_lot_in_every_organization(alice: User) -> None:
    personal = actor_for_user(alice, via="jwt")
    assert {bucket.tag for bucket in buckets_for(personal)} == {str(alice.id)}


def test_a_callers_limits_are_read_once(
    alice: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    policies, actor = Policies(), actor_for_user(alice)
    with django_assert_num_queries(1):
        policies.buckets_for(actor)
        policies.buckets_for(actor)
    policies.forget()
    with django_assert_num_queries(1):
        policies.buckets_for(actor)


def test_what_was_read_before_a_change_is_not_remembered_after_it(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    from accounts import limits

    policies, actor, real = Policies(), actor_for_user(alice), limits._read

    def read_slowly(who: Any) -> Any:
        found = real(who)
        create_limit(actor=None, kind="user", target_id=alice.id, per_hour=7)
        policies.forget()
        return found

    monkeypatch.setattr(limits, "_read", read_slowly)
    policies.buckets_for(actor)
    monkeypatch.undo()
    assert policies.buckets_for(actor)[0].rates == (Rate("hour", 7, 3600),)


# -- what views do --------------------------------------------------------------------------------


def test_a_view_refuses_who_has_had_enough(alice: User, client_for: ClientFor) -> None:
    create_limit(actor=None, kind="user", target_id=alice.id, per_hour=3)
    client = client_for(alice)
    answers = [client.get(path) for path in (ME, "/api/v1/models/unknown", ME, ME)]
    assert [answer.status_code for answer in answers] == [200, 404, 200, 429]
    assert [answer["X-RateLimit-Remaining"] for answer in answers] == ["2", "1", "0", "0"]
    assert answers[3].json()["violated-policies"] == ["hour"]
    assert int(answers[3]["Retry-After"]) <= 1200
    assert '"hour";r=0;t=' in answers[3]["RateLimit"]


def test_who_is_not_let_in_is_not_counted(
    alice: User, client_for: ClientFor, anonymous: APIClient, key_for: Callable[..., str]
) -> None:
    create_limit(actor=None, kind="user", target_id=alice.id, per_hour=3)
    key = APIClient(headers={"X-API-Key": key_for(alice, scopes=["predict"])})
    for answer in (anonymous.get(ME), key.get(ME)):
        assert answer.status_code in (401, 403)
        assert "X-RateLimit-Limit" not in answer
    assert client_for(alice).get(ME)["X-RateLimit-Remaining"] == "2"


def test_a_page_of_another_site_may_read_the_headers(
    alice: User, client_for: ClientFor, settings: Settings
) -> None:
    settings.CORS_ALLOWED_ORIGINS = ["https://example.org"]
    answer = client_for(alice).get(ME, headers={"Origin": "https://example.org"})
    exposed = answer["Access-Control-Expose-Headers"].lower()
    told = [name.lower() for name in answer.headers if "ratelimit" in name.lower()]
    assert len(told) == 5
    assert all(name in exposed for name in told)


# -- what operators do ----------------------------------------------------------------------------


def test_an_operator_makes_changes_and_deletes_a_limit(operator: APIClient, alice: User) -> None:
    made = operator.post(LIMITS, {"kind": "user", "target_id": str(alice.id), "per_minute": 5})
    assert made.status_code == 201
    assert made["Location"] == f"{LIMITS}/{made.json()['id']}"
    assert made.json()["per_hour"] is None
    path = made["Location"]
    assert operator.get(LIMITS).json()["results"] == [made.json()]
    assert operator.patch(path, {"per_hour": 9}).json()["per_minute"] == 5
    assert operator.put(path, {"per_minute": None}).json()["per_minute"] is None
    assert rates(alice)["user"] == (9,)
    assert operator.delete(path).status_code == 204
    assert operator.get(path).json()["code"] == "limit_not_found"
    assert rates(alice)["user"] == (PER_MINUTE, PER_HOUR)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"kind": "user"}, "required"),
        ({"kind": "user", "target_id": str(uuid4())}, "not_found"),
        ({"kind": "default_user", "target_id": str(uuid4())}, "unexpected"),
        ({"kind": "nobody"}, "invalid_choice"),
        ({"kind": "default_user", "per_minute": 0}, "min_value"),
        ({"kind": "default_user", "per_hour": 10**10}, "max_value"),
        ({"kind": "default_user", "per_day": 1}, "unknown"),
    ],
)
def test_a_limit_that_can_not_be_is_refused(
    operator: APIClient, body: dict[str, Any], code: str
) -> None:
    answer = operator.post(LIMITS, body)
    assert answer.status_code == 400
    assert code in [fault["code"] for fault in answer.json()["errors"]]


def test_a_target_has_one_policy(operator: APIClient, alice: User) -> None:
    for body in (
        {"kind": "default_user", "per_hour": 5},
        {"kind": "user", "target_id": str(alice.id), "per_hour": 5},
    ):
        assert operator.post(LIMITS, body).status_code == 201
        again = operator.post(LIMITS, body)
        assert (again.status_code, again.json()["code"]) == (409, "limit_exists")


def test_nobody_else_sees_or_sets_limits(
    alice: User, olga: User, client_for: ClientFor, key_for: Callable[..., str]
) -> None:
    policy = create_limit(actor=None, kind="default_user", per_hour=1000)
    path = f"{LIMITS}/{policy.id}"
    key = APIClient(headers={"X-API-Key": key_for(olga, scopes=["account:read"])})
    for client, code in ((client_for(alice), "operators_only"), (key, "insufficient_scope")):
        answers = [
            client.get(LIMITS),
            client.post(LIMITS, {"kind": "default_key"}),
            client.get(path),
            client.patch(path, {"per_hour": 1}),
            client.put(path, {"per_hour": 1}),
            client.delete(path),
        ]
        told = {(answer.status_code, answer.json()["code"]) for answer in answers}
        assert told == {(403, code)}
    assert LimitPolicy.objects.get().per_hour == 1000


def test_the_list_of_limits_costs_few_queries(
    operator: APIClient, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for kind in ("default_user", "default_key", "default_organization"):
        create_limit(actor=None, kind=kind, per_hour=1000)
    with django_assert_max_num_queries(4):  # caller, their limits, count, rows
        assert operator.get(LIMITS).json()["count"] == 3


def test_every_change_is_an_event(alice: User) -> None:
    policy = create_limit(actor=None, kind="user", target_id=alice.id, per_minute=5)
    update_limit(policy, {"per_minute": 6}, actor=None)
    update_limit(policy, {"per_minute": 6}, actor=None)  # nothing changes, nothing is told
    id_ = policy.id
    delete_limit(policy, actor=None)
    assert "limits.changed" in types
    told = EventRecord.objects.filter(type="limits.changed", subject_id=id_).order_by("id")
    assert [(row.payload["per_minute"], row.payload["deleted"]) for row in told] == [
        (5, False), (6, False), (6, True),
    ]  # fmt: skip


def test_the_console_sets_limits_too(olga: User, alice: User) -> None:
    console = Client()
    console.force_login(olga)
    add = reverse("admin:accounts_limitpolicy_add")
    assert console.post(add, {"kind": "user", "per_hour": 5}).status_code == 200  # whose?
    assert not LimitPolicy.objects.exists()
    form = {"kind": "user", "target_id": str(alice.id), "per_hour": 5}
    assert console.post(add, form).status_code == 302
    assert "already exists" in console.post(add, form).content.decode()
    policy = LimitPolicy.objects.get()
    change = reverse("admin:accounts_limitpolicy_change", args=[policy.id])
    assert console.get(change).status_code == 200
    assert console.post(change, {"per_minute": 3, "per_hour": ""}).status_code == 302
    policy.refresh_from_db()
    assert (policy.per_minute, policy.per_hour) == (3, None)
    delete = reverse("admin:accounts_limitpolicy_delete", args=[policy.id])
    assert console.post(delete, {"post": "yes"}).status_code == 302
    assert not LimitPolicy.objects.exists()
    assert EventRecord.objects.filter(type="limits.changed", actor_id=olga.id).count() == 3


def test_memory_is_for_one_worker(settings: Settings) -> None:
    settings.LIMITS_BACKEND, settings.SERVING_PROCESSES = "memory", 2
    assert "slipway.W001" in [message.id for message in run_checks()]
    settings.SERVING_PROCESSES = 1
    assert "slipway.W001" not in [message.id for message in run_checks()]


def test_one_process_can_do_without_redis(
    settings: Settings, alice: User, client_for: ClientFor
) -> None:
    settings.LIMITS_BACKEND = "memory"
    limiter.cache_clear()
    try:
        create_limit(actor=None, kind="user", target_id=alice.id, per_hour=2)
        assert isinstance(limiter().store, MemoryStore)
        assert [client_for(alice).get(ME).status_code for _ in range(3)] == [200, 200, 429]
    finally:
        limiter.cache_clear()


def test_operators_see_whether_limits_are_counted_together(olga: User) -> None:
    console = Client()
    console.force_login(olga)
    assert console.get("/health").json()["checks"]["limits"] == {"ok": True}
    limiter().degraded_since = time.monotonic()
    try:
        told = console.get("/health").json()
    finally:
        limiter().degraded_since = None
    assert told["checks"]["limits"]["error"] == "degraded"
    assert told["status"] == "ok"  # it is no reason to send nobody here


@pytest.mark.django_db(transaction=True)
def test_a_change_is_seen_at_once_where_it_was_made(alice: User, client_for: ClientFor) -> None:
    client = client_for(alice)
    assert client.get(ME).status_code == 200
    policy = create_limit(actor=None, kind="user", target_id=alice.id, per_hour=1)
    assert client.get(ME)["X-RateLimit-Limit"] == "1"
    update_limit(policy, {"per_hour": 1000}, actor=None)
    assert client.get(ME)["X-RateLimit-Limit"] == "1000"
