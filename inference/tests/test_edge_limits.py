"""It holds every caller to their limits, at the edge as in Django, and asks nobody when warm."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import redis
from django.conf import settings
from sklearn.linear_model import LogisticRegression

from accounts.models import LimitPolicy, User
from accounts.services import create_limit, delete_limit, update_limit
from common.limits import limiter
from inference.edge.app import Edge
from inference.journal.reader import payloads
from inference.journal.writer import journal, seed_of
from inference.tests.conftest import GoLive
from inference.tests.wsgi import Answer, ask

pytestmark = pytest.mark.django_db(transaction=True)
KeyFor = Callable[..., str]

ROWS = np.random.default_rng(0).normal(size=(300, 4))
LABELS = np.where(ROWS[:, 0] + ROWS[:, 1] > 0, "stays", "leaves")
PREDICT = "/api/v1/models/churn/predict"
INFER = "/v2/models/churn/infer"
ME = "/api/v1/auth/me"
GOOD: dict[str, Any] = {"inputs": ROWS[:2].tolist()}
V2 = {"inputs": [{"name": "input", "shape": [1, 4], "datatype": "FP64", "data": [1, 2, 3, 4]}]}
SLOW = 60  # an hour: one token a minute, so that none comes back while a test runs
FIELDS = {
    "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "ratelimit-policy",
    "ratelimit",
}  # fmt: skip


@pytest.fixture
def key(alice: User, key_for: KeyFor) -> str:
    return key_for(alice, scopes=["models:read", "predict", "account:read"])


@pytest.fixture
def live(go_live: GoLive) -> None:
    go_live(LogisticRegression().fit(ROWS, LABELS))


@pytest.fixture
def server() -> Iterator[Any]:
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        yield client


def limit(user: User, **rates: int | None) -> LimitPolicy:
    return create_limit(actor=None, kind="user", target_id=user.id, **rates)


def remaining(answer: Answer) -> int:
    return int(answer.headers["x-ratelimit-remaining"])


def test_every_answer_tells_what_is_left(edge: Edge, key: str, live: None, alice: User) -> None:
    limit(alice, per_minute=600, per_hour=SLOW)
    answers = [
        ask(edge, PREDICT, GOOD, key=key),
        ask(edge, PREDICT, {"inputs": []}, key=key),
        ask(edge, "/api/v1/models/unknown/predict", GOOD, key=key),
        ask(edge, INFER, V2, key=key),
        ask(edge, INFER, b"{", key=key),
        ask(edge, PREDICT, GOOD, HTTP_X_API_KEY=key, CONTENT_TYPE="text/plain"),
        ask(edge, ME, method="GET", key=key),
        ask(edge, "/v2/models/unknown", method="GET", key=key),
    ]
    assert [answer.status for answer in answers] == [200, 400, 404, 200, 400, 415, 200, 404]
    # Each took one token, whoever answered it.
    assert [remaining(answer) for answer in answers] == list(range(SLOW - 1, SLOW - 9, -1))
    for answer in answers:
        headers = answer.headers
        assert headers["x-ratelimit-limit"] == str(SLOW)
        assert headers["ratelimit-policy"] == '"minute";q=600;w=60, "hour";q=60;w=3600'
        assert f'"hour";r={remaining(answer)};t=' in headers["ratelimit"]
        assert 0 < int(headers["x-ratelimit-reset"]) - time.time() < 62


def test_what_authentication_refuses_costs_and_tells_nothing(
    edge: Edge, live: None, key: str, alice: User, key_for: KeyFor
) -> None:
    limit(alice, per_hour=SLOW)
    reads = key_for(alice, scopes=["models:read"])
    refused = [
        ask(edge, PREDICT, GOOD, key=key[:-1] + "x"),
        ask(edge, PREDICT, GOOD, key=reads),
        ask(edge, ME, method="GET"),
        ask(edge, ME, method="GET", key=reads),
    ]
    assert [answer.status for answer in refused] == [401, 403, 401, 403]
    assert not any(FIELDS & answer.headers.keys() for answer in refused)
    assert remaining(ask(edge, PREDICT, GOOD, key=key)) == SLOW - 1


def test_whoever_had_enough_is_refused_at_every_door(
    edge: Edge, live: None, key: str, alice: User
) -> None:
    limit(alice, per_hour=2)
    assert ask(edge, PREDICT, GOOD, key=key).status == 200
    assert ask(edge, ME, method="GET", key=key).status == 200
    refused = [
        ask(edge, PREDICT, GOOD, key=key),
        ask(edge, PREDICT, GOOD, key=key),
        ask(edge, PREDICT, GOOD, HTTP_X_API_KEY=key, CONTENT_TYPE="text/plain"),
        ask(edge, ME, method="GET", key=key),
        ask(edge, INFER, V2, key=key),
        ask(edge, "/v2/models/churn", method="GET", key=key),
    ]
    assert [answer.status for answer in refused] == [429] * 6
    for answer in refused:
        assert answer.headers.keys() >= FIELDS
        assert remaining(answer) == 0
        # A half of the hour at most, never less than there is left of it.
        assert 1780 < int(answer.headers["retry-after"]) <= 1800
    for answer in refused[:4]:
        assert answer.headers["content-type"] == "application/problem+json"
        problem = answer.json
        assert problem["code"] == "rate_limited"
        assert problem["violated-policies"] == ["hour"]
        assert problem["request_id"] == answer.headers["x-request-id"]
    for answer in refused[4:]:
        assert list(answer.json) == ["error"]


def test_a_refused_call_is_not_noted(edge: Edge, live: None, key: str, alice: User) -> None:
    limit(alice, per_hour=1)
    assert [ask(edge, PREDICT, GOOD, key=key).status for _ in range(4)] == [200, 429, 429, 429]
    journal().close()
    noted = [
        payload
        for path in settings.JOURNAL_ROOT.glob("*.seg")
        for payload in payloads(path.read_bytes(), seed_of(path.name))
    ]
    assert len(noted) == 1


def test_the_organization_and_the_key_have_limits_too(
    edge: Edge, live: None, key: str, alice: User, key_for: KeyFor
) -> None:
    create_limit(actor=None, kind="default_key", per_hour=2)
    create_limit(
        actor=None, kind="organization", target_id=alice.personal_organization.id, per_hour=5
    )
    other = key_for(alice)
    statuses = [ask(edge, PREDICT, GOOD, key=key).status for _ in range(3)]
    assert statuses == [200, 200, 429]
    refused = ask(edge, PREDICT, GOOD, key=key)
    assert refused.json["violated-policies"] == ["key-hour"]
    assert [ask(edge, PREDICT, GOOD, key=other).status for _ in range(3)] == [200, 200, 429]
    third = ask(edge, PREDICT, GOOD, key=key_for(alice))
    assert third.status == 200
    assert '"organization-hour";r=0' in third.headers["ratelimit"]
    last = ask(edge, PREDICT, GOOD, key=key_for(alice))
    assert last.json["violated-policies"] == ["organization-hour"]


def test_a_limit_changes_within_a_second_and_without_a_restart(
    edge: Edge, live: None, key: str, alice: User
) -> None:
    policy = limit(alice, per_hour=1)
    assert ask(edge, PREDICT, GOOD, key=key).status == 200
    assert ask(edge, PREDICT, GOOD, key=key).status == 429

    def seconds_until(status: int) -> float:
        began = time.monotonic()
        while ask(edge, PREDICT, GOOD, key=key).status != status:
            assert time.monotonic() - began < 1
            time.sleep(0.01)
        return time.monotonic() - began

    update_limit(policy, {"per_hour": 100}, actor=None)
    seconds_until(200)
    update_limit(policy, {"per_hour": 1}, actor=None)
    seconds_until(429)
    delete_limit(policy, actor=None)
    seconds_until(200)


def test_who_has_no_limit_is_told_of_none(edge: Edge, live: None, key: str, alice: User) -> None:
    limit(alice, per_minute=None, per_hour=None)
    for answer in (ask(edge, PREDICT, GOOD, key=key), ask(edge, ME, method="GET", key=key)):
        assert answer.status == 200
        assert not FIELDS & answer.headers.keys()


def test_what_is_left_never_grows_while_none_comes_back(
    edge: Edge, live: None, key: str, alice: User
) -> None:
    limit(alice, per_hour=2000)
    left = [remaining(ask(edge, PREDICT, GOOD, key=key)) for _ in range(100)]
    assert left == list(range(1999, 1899, -1))


def test_a_warm_caller_does_not_wait_for_redis(
    edge: Edge, live: None, key: str, alice: User, server: Any
) -> None:
    """Redis answers nobody for a while: whoever asked it would stand still as long."""
    limit(alice, per_minute=10_000_000)
    for _ in range(200):
        assert ask(edge, PREDICT, GOOD, key=key).status == 200
    server.execute_command("CLIENT", "PAUSE", 300, "ALL")
    pinged = threading.Thread(target=server.ping)
    pinged.start()
    assert [ask(edge, PREDICT, GOOD, key=key).status for _ in range(10)] == [200] * 10
    assert pinged.is_alive()  # whoever asked after the pause began is waiting still
    pinged.join()
    assert limiter().degraded_since is None


def test_a_busy_caller_asks_redis_now_and_then(
    edge: Edge, live: None, key: str, alice: User, server: Any
) -> None:
    limit(alice, per_minute=10_000_000)

    def asked() -> int:
        return sum(
            figures["calls"]
            for name, figures in server.info("commandstats").items()
            if "eval" in name
        )

    for _ in range(300):
        ask(edge, PREDICT, GOOD, key=key)
    before = asked()
    for _ in range(1000):
        assert ask(edge, PREDICT, GOOD, key=key).status == 200
    assert asked() - before < 100
