"""The edge answers as Django would, remembers no longer than it may, and notes every call."""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest
from django.core.wsgi import get_wsgi_application
from django.db import connection
from django.test.utils import CaptureQueriesContext
from sklearn.linear_model import LogisticRegression

from accounts.actors import actor_for_user
from accounts.api.authentication import read_credential
from accounts.models import ApiKey, User
from accounts.services import create_limit, deactivate_user, issue_tokens, revoke_api_key
from common.errors import Unavailable
from inference.edge import callers as callers_module
from inference.edge.app import Edge
from inference.edge.callers import Callers
from inference.edge.gate import Gate
from inference.journal.reader import payloads
from inference.journal.writer import journal, seed_of
from inference.models import Prediction
from inference.store import store
from inference.tests.conftest import GoLive
from inference.tests.wsgi import Answer, ask, environ_of
from registry.errors import TrialFailed
from registry.models import Alias, ModelVersion, Status
from registry.services import remove_alias, set_alias, update_model, update_version

pytestmark = pytest.mark.django_db(transaction=True)
KeyFor = Callable[..., str]

ROWS = np.random.default_rng(0).normal(size=(300, 4))
LABELS = np.where(ROWS[:, 0] + ROWS[:, 1] > 0, "stays", "leaves")
PREDICT = "/api/v1/models/churn/predict"
GOOD = {"inputs": ROWS[:2].tolist()}
HARD_BOUND = 1.0  # seconds until a revocation holds, at the very most


@pytest.fixture
def key(alice: User, key_for: KeyFor) -> str:
    return key_for(alice)


@pytest.fixture
def live(go_live: GoLive) -> None:
    go_live(LogisticRegression().fit(ROWS, LABELS))


def wait_for_status(edge: Edge, key: str, status: int) -> float:
    """Seconds until the edge answers with the status."""
    began = time.monotonic()
    while ask(edge, PREDICT, GOOD, key=key).status != status:
        assert time.monotonic() - began < HARD_BOUND
    return time.monotonic() - began


BODIES: dict[str, Any] = {
    "rows": GOOD,
    "a row": {"inputs": [[1, 2, 3, 4]]},
    "a correlation id": GOOD | {"correlation_id": "order 7"},
    "an escaped correlation id": b'{"correlation_id": "\\u00e9\\n", "inputs": [[1, 2, 3, 4]]}',
    "explain is false": GOOD | {"explain": False},
    "spaces": b' { "inputs" : [ [ 1 , 2e0 , -3.5 , 0 ] ] } ',
    "no rows": {"inputs": []},
    "no row": {"inputs": [1]},
    "short row": {"inputs": [[1, 2, 3]]},
    "text": {"inputs": [["x", 1, 2, 3]]},
    "truth": {"inputs": [[True, 1, 2, 3]]},
    "null": {"inputs": [[None, 1, 2, 3]]},
    "huge": {"inputs": [[1e39, 1, 2, 3]]},
    "digits": b'{"inputs": [[%s, 1, 2, 3]]}' % (b"9" * 500),
    "many decimals": b'{"inputs": [[0.%s, 1, 2, 3]]}' % (b"3" * 500),
    "infinite": b'{"inputs": [[1e999, 1, 2, 3]]}',
    "not a number": b'{"inputs": [[NaN, 1, 2, 3]]}',
    "twice": b'{"inputs": [[1, 2, 3, 4]], "inputs": [[1, 2, 3, 4]]}',
    "twice in disguise": b'{"inputs": [[1, 2, 3, 4]], "\\u0069nputs": [[5, 6, 7, 8]]}',
    "both": {"inputs": [[1, 2, 3, 4]], "records": []},
    "surprise": GOOD | {"surprise": 1},
    "numbered id": GOOD | {"correlation_id": 7},
    "long id": GOOD | {"correlation_id": "x" * 129},
    "explain": GOOD | {"explain": True},
    "records without names": {"records": [{"a": 1}]},
    "no JSON": b"inputs",
    "half JSON": b'{"inputs": [[1, 2',
    "after JSON": b'{"inputs": [[1, 2, 3, 4]]} x',
    "no object": b"[]",
    "nothing": b"",
    "deep": b"[" * 100_000,
    "latin": '{"inputs": [["é", 1, 2, 3]]}'.encode("latin-1"),
    "surrogate": b'{"inputs": [["\\ud800", 1, 2, 3]]}',
    "delete": b'{"inputs": [["\x7f", 1, 2, 3]]}',
    "too many": {"inputs": [[1, 2, 3, 4]] * 50_001},
}  # fmt: skip


def test_every_body_is_answered_as_django_answers_it(edge: Edge, key: str, live: None) -> None:
    """The plain view is the oracle: status, type and body are the same, good or bad."""
    django = get_wsgi_application()
    different = {
        name: (here.told, there.told)
        for name, body in BODIES.items()
        if (here := ask(edge, PREDICT, body, key=key)).told
        != (there := ask(django, PREDICT, body, key=key)).told
    }
    assert different == {}


REQUESTS: dict[str, dict[str, Any]] = {
    "no credential": {},
    "junk": {"key": "slip_junk"},
    "no token": {"HTTP_AUTHORIZATION": "Bearer "},
    "basic": {"HTTP_AUTHORIZATION": "Basic eDp5"},
    "two": {"key": "KEY", "HTTP_X_API_KEY": "KEY"},
    "header key": {"HTTP_X_API_KEY": "KEY"},
    "lower case": {"HTTP_AUTHORIZATION": "bearer KEY"},
    "no type": {"key": "KEY", "CONTENT_TYPE": ""},
    "form": {"key": "KEY", "CONTENT_TYPE": "application/x-www-form-urlencoded"},
    "charset": {"key": "KEY", "CONTENT_TYPE": "application/json; charset=utf-8"},
    "other charset": {"key": "KEY", "CONTENT_TYPE": "application/json; charset=latin-1"},
    "length": {"key": "KEY", "CONTENT_LENGTH": "x"},
    "no length": {"key": "KEY", "CONTENT_LENGTH": "", "HTTP_TRANSFER_ENCODING": "chunked"},
    "too long": {"key": "KEY", "CONTENT_LENGTH": str(10**9)},
    "longer than it is": {"key": "KEY", "CONTENT_LENGTH": "1000"},
    "get": {"key": "KEY", "method": "GET"},
    "another site": {"key": "KEY", "HTTP_ORIGIN": "https://elsewhere.example"},
}
PATHS = [
    PREDICT, PREDICT + "/", "/api/v1/models/alice/churn/predict", "/api/v1/models/CHURN/predict",
    "/api/v1/models/churn/versions/1/predict", "/api/v1/models/churn/versions/2/predict",
    "/api/v1/models/churn@champion/predict", "/api/v1/models/nothing/predict",
    "/api/v1/models/bob/churn/predict", "/api/v1/models/a/b/c/predict", "/api/v1/models//predict",
    "/api/v1/models/versions/predict", "/api/v1/models/\x00/predict",
]  # fmt: skip


def test_every_request_is_answered_as_django_answers_it(
    edge: Edge, key: str, live: None, alice: User
) -> None:
    django = get_wsgi_application()
    asked: list[tuple[str, dict[str, Any]]] = [(PREDICT, given) for given in REQUESTS.values()]
    asked += [(path.replace("alice", alice.slug), {"key": "KEY"}) for path in PATHS]
    for path, given in asked:
        filled = {name: value.replace("KEY", key) for name, value in given.items()}
        here, there = ask(edge, path, GOOD, **filled), ask(django, path, GOOD, **filled)
        assert here.told == there.told, (path, given)
        for header in ("www-authenticate", "retry-after"):
            assert here.headers.get(header) == there.headers.get(header), (path, given)


def test_scopes_hold_at_the_edge(edge: Edge, live: None, alice: User, key_for: KeyFor) -> None:
    refused = ask(edge, PREDICT, GOOD, key=key_for(alice, scopes=["models:read"]))
    assert (refused.status, refused.json["code"]) == (403, "insufficient_scope")
    assert 'scope="predict"' in refused.headers["www-authenticate"]


def test_a_request_id_is_given_or_taken(edge: Edge, key: str, live: None) -> None:
    taken = ask(edge, PREDICT, GOOD, key=key, HTTP_X_REQUEST_ID="abcdefgh-1")
    assert taken.headers["x-request-id"] == "abcdefgh-1"
    made = ask(edge, PREDICT, GOOD, key=key, HTTP_X_REQUEST_ID="no!")
    assert made.headers["x-request-id"] == made.json["id"].replace("-", "")
    failed = ask(edge, PREDICT, {"inputs": []}, key=key)
    assert failed.headers["x-request-id"] == failed.json["request_id"]


# -- what a warm call may cost --------------------------------------------------------------------

ALLOWED = (
    "inference/",
    "common/ids.py",
    "common/limits/leases.py",
    "common/meter/families.py",
    "common/runtime.py",
    "jail/linear.py",
    "jail/batch.py",
    "<string>",
)
FORBIDDEN_CALLS = {
    "send", "sendall", "sendmsg", "recv", "recv_into", "execute", "write", "writev", "read",
    "urandom", "getrandom", "poll", "select", "open", "stat", "info", "warning", "log",
}  # fmt: skip


def cost_of(edge: Edge, key: str) -> tuple[Counter[str], Counter[str]]:
    """The Python files entered and the C functions called by one warm prediction."""
    environ = environ_of(
        PREDICT, b'{"inputs": [[1, 2, 3, 4]]}', {"HTTP_AUTHORIZATION": f"Bearer {key}"}, "POST"
    )
    files: Counter[str] = Counter()
    functions: Counter[str] = Counter()

    def watch(frame: FrameType, event: str, argument: Any) -> None:
        if event == "call":
            files[frame.f_code.co_filename] += 1
        elif event == "c_call":
            functions[f"{getattr(argument, '__name__', argument)}"] += 1

    sys.setprofile(watch)
    try:
        edge(environ, lambda *_: None)
    finally:
        sys.setprofile(None)
    return files, functions


def test_a_warm_call_asks_nobody_and_does_little(
    edge: Edge, key: str, live: None, alice: User
) -> None:
    create_limit(actor=None, kind="user", target_id=alice.id, per_minute=10_000_000)
    for _ in range(50):  # until a good many tokens are leased
        assert ask(edge, PREDICT, GOOD, key=key).status == 200
    with CaptureQueriesContext(connection) as queries:
        # One in some hundred calls moves on to the next lease; of three in a row two do not.
        costs = sorted((cost_of(edge, key) for _ in range(3)), key=lambda cost: cost[1].total())
    files, functions = costs[1]
    assert len(queries) == 0
    elsewhere = {
        path for path in files if not any(part in path for part in ALLOWED) and "tests/" not in path
    }
    assert elsewhere == set()
    # The body is read, of the test's own BytesIO.
    functions["read"] -= 1
    assert {name for name in FORBIDDEN_CALLS if functions[name] > 0} == set()
    assert files.total() <= 37
    assert functions.total() <= 66


def test_a_warm_call_reads_and_writes_no_file(edge: Edge, key: str, live: None) -> None:
    """The kernel's own count of this thread's calls to read and write, of any kind."""
    environ = [
        environ_of(
            PREDICT, b'{"inputs": [[1, 2, 3, 4]]}', {"HTTP_AUTHORIZATION": f"Bearer {key}"}, "POST"
        )
        for _ in range(200)
    ]
    assert ask(edge, PREDICT, GOOD, key=key).status == 200

    def calls() -> dict[str, int]:
        lines = Path("/proc/thread-self/io").read_text().splitlines()
        return {name: int(count) for name, count in (line.split(": ") for line in lines)}

    before = calls()
    for one in environ:
        edge(one, lambda *_: None)
    after = calls()
    assert after["syscw"] - before["syscw"] == 0
    assert after["syscr"] - before["syscr"] <= 2  # the file of the counts itself


# -- what is remembered ---------------------------------------------------------------------------


def test_a_revoked_key_is_refused_at_once(
    edge: Edge, live: None, alice: User, key_for: KeyFor
) -> None:
    waits = []
    for _ in range(20):
        key = key_for(alice)
        assert ask(edge, PREDICT, GOOD, key=key).status == 200
        row = ApiKey.objects.latest("id")
        revoke_api_key(row, actor=actor_for_user(alice))
        waits.append(wait_for_status(edge, key, 401))
    assert max(waits) < HARD_BOUND


def test_a_deactivated_users_key_and_token_are_refused(
    edge: Edge, key: str, live: None, alice: User, olga: User
) -> None:
    token = issue_tokens(alice).access
    for credential in (key, token):
        assert ask(edge, PREDICT, GOOD, key=credential).status == 200
    deactivate_user(alice, actor=actor_for_user(olga))
    for credential in (key, token):
        wait_for_status(edge, credential, 401)


def test_what_was_read_before_a_revocation_is_not_remembered_after_it(
    alice: User, key_for: KeyFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The credential is read, then revoked and forgotten by all, and only then stored."""
    callers, key = Callers(), key_for(alice)
    callers.follower.looked_at = time.monotonic() + 60

    def slow(token: str) -> Any:
        found = read_credential(token)
        row = ApiKey.objects.latest("id")
        callers._forget("api_key.revoked", {"key_id": str(row.id), "user_id": str(alice.id)})
        return found

    monkeypatch.setattr(callers_module, "read_credential", slow)
    callers.caller(key)
    assert callers._known == {}
    monkeypatch.undo()
    callers.caller(key)
    assert len(callers._known) == 1


def test_nothing_remembered_is_used_when_nothing_is_heard(
    edge: Edge, key: str, live: None, alice: User
) -> None:
    """A follower that can't look: each call asks the database, and a revocation holds at once."""
    assert ask(edge, PREDICT, GOOD, key=key).status == 200
    edge.callers.follower.stop()
    edge.callers.follower.looked_at = time.monotonic() - 1.1
    assert ask(edge, PREDICT, GOOD, key=key).status == 200
    revoke_api_key(ApiKey.objects.get(), actor=actor_for_user(alice))
    assert ask(edge, PREDICT, GOOD, key=key).status == 401


def test_a_new_version_and_an_archived_model_are_noticed(
    edge: Edge, key: str, go_live: GoLive, alice: User
) -> None:
    version = go_live(LogisticRegression().fit(ROWS, LABELS))
    assert ask(edge, PREDICT, GOOD, key=key).json["version"] == 1
    go_live(LogisticRegression(C=0.1).fit(ROWS, LABELS))
    deadline = time.monotonic() + HARD_BOUND
    while ask(edge, PREDICT, GOOD, key=key).json["version"] != 2:
        assert time.monotonic() < deadline
    update_model(version.model, {"status": Status.ARCHIVED}, actor=actor_for_user(alice))
    wait_for_status(edge, key, 409)


def test_junk_costs_no_query_the_second_time(edge: Edge, key_for: KeyFor, alice: User) -> None:
    key = key_for(alice)
    revoke_api_key(ApiKey.objects.get(), actor=actor_for_user(alice))
    time.sleep(0.3)
    assert ask(edge, PREDICT, GOOD, key=key).status == 401
    with CaptureQueriesContext(connection) as queries:
        assert ask(edge, PREDICT, GOOD, key=key).status == 401
    assert len(queries) == 0


# -- what is noted --------------------------------------------------------------------------------


def noted(folder: Path) -> list[tuple[int, str]]:
    """Status and code of every call in the journal."""
    found = []
    for path in sorted(folder.glob("*.seg")):
        for _, fixed, rest in payloads(path.read_bytes(), seed_of(path.name)):
            found.append((fixed[5], rest[: fixed[4]].decode()))
    return found


def test_every_call_that_reached_a_version_is_noted(
    edge: Edge, key: str, live: None, journal_root: Path
) -> None:
    bodies: list[Any] = [GOOD, {"inputs": []}, b"{", GOOD]
    for body in bodies:
        ask(edge, PREDICT, body, key=key)
    ask(edge, PREDICT, GOOD, key="slip_junk")
    ask(edge, "/api/v1/models/nothing/predict", GOOD, key=key)
    assert noted(journal_root) == [
        (200, ""), (400, "invalid"), (400, "invalid_json"), (200, ""),
    ]  # fmt: skip


def test_what_is_noted_becomes_a_row_that_tells_the_call(
    edge: Edge, key: str, live: None, journal_root: Path
) -> None:
    answer = ask(edge, PREDICT, GOOD | {"correlation_id": "order 7"}, key=key)
    path, size = journal().present
    store(path.name, 0, path.read_bytes()[:size])
    row = Prediction.objects.get(id=answer.json["id"])
    assert (row.rows, row.correlation_id, row.status) == (2, "order 7", 200)
    assert row.inputs is not None
    assert row.inputs["inputs"] == GOOD["inputs"]
    assert row.outputs is not None
    assert row.outputs["predictions"] == answer.json["predictions"]
    assert row.request_id == answer.headers["x-request-id"]


def test_what_can_not_be_noted_is_not_answered(
    edge: Edge, key: str, live: None, journal_root: Path
) -> None:
    assert ask(edge, PREDICT, GOOD, key=key).status == 200
    journal().close()
    refused = ask(edge, PREDICT, GOOD, key=key)
    assert (refused.status, refused.json["code"]) == (503, "journal_unavailable")
    assert refused.headers["retry-after"] == "1"


# -- fairness -------------------------------------------------------------------------------------


def test_django_holds_half_of_the_threads_and_no_more() -> None:
    inside, go_on = threading.Semaphore(0), threading.Event()

    def slow(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        inside.release()
        go_on.wait(10)
        return [b""]

    gate = Gate(slow, threads=4)
    refused: list[Unavailable] = []

    def visit() -> None:
        try:
            gate({}, lambda *_: None)
        except Unavailable as error:
            refused.append(error)

    threads = [threading.Thread(target=visit) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(2):
        assert inside.acquire(timeout=5)
    deadline = time.monotonic() + 5
    while not refused:  # two are in, one waits, one is told to come back
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert not inside.acquire(blocking=False)
    go_on.set()
    for thread in threads:
        thread.join()
    assert [error.retry_after for error in refused] == [1]


@pytest.mark.parametrize(
    ("predicted", "environ", "at_once"),
    [
        (False, {}, 2),
        (True, {}, 1),
        (True, {"CONTENT_LENGTH": "5000"}, 1),
        (True, {"CONTENT_LENGTH": "5000000"}, 2),
        (True, {"HTTP_TRANSFER_ENCODING": "chunked"}, 2),
    ],
)
def test_while_predictions_come_in_django_takes_turns(
    predicted: bool,
    environ: dict[str, Any],
    at_once: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("inference.edge.gate.PATIENCE", 60.0)
    inside, go_on = threading.Semaphore(0), threading.Semaphore(0)

    def slow(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        inside.release()
        go_on.acquire()
        return [b""]

    gate = Gate(slow, threads=4)
    if predicted:
        gate.predicted_at = time.monotonic() + 60
    visits = [threading.Thread(target=gate, args=({**environ}, None)) for _ in range(2)]
    for visit in visits:
        visit.start()
    for _ in range(at_once):
        assert inside.acquire(timeout=5)
    assert not inside.acquire(timeout=0.2)
    for _ in range(2):
        go_on.release()
    for visit in visits:
        visit.join()


def test_a_long_turn_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inference.edge.gate.PATIENCE", 0.01)
    both = threading.Barrier(2, timeout=5)

    def slow(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        both.wait()  # passes only where both are in at once
        return [b""]

    gate = Gate(slow, threads=4)
    gate.predicted_at = time.monotonic() + 60
    visits = [threading.Thread(target=gate, args=({}, None)) for _ in range(2)]
    for visit in visits:
        visit.start()
    for visit in visits:
        visit.join()
    assert not both.broken


def test_a_busy_django_stops_no_prediction(edge: Edge, key: str, live: None) -> None:
    assert ask(edge, PREDICT, GOOD, key=key).status == 200
    places = 0
    while edge._django._places.acquire(blocking=False):
        places += 1
    try:
        assert ask(edge, PREDICT, GOOD, key=key).status == 200
        full: Answer = ask(edge, "/live", method="GET")
        assert (full.status, full.headers["retry-after"]) == (503, "1")
    finally:
        edge._django._places.release(places)
    assert ask(edge, "/live", method="GET").status == 200


def test_a_deprecated_version_answers_and_says_so(
    edge: Edge, key: str, go_live: GoLive, alice: User
) -> None:
    version = go_live(LogisticRegression().fit(ROWS, LABELS))
    assert "deprecation" not in ask(edge, PREDICT, GOOD, key=key).headers
    update_version(version, {"status": Status.DEPRECATED}, actor=actor_for_user(alice))
    version.refresh_from_db()
    assert version.deprecated_at is not None
    since = f"@{int(version.deprecated_at.timestamp())}"
    deadline = time.monotonic() + HARD_BOUND
    while ask(edge, PREDICT, GOOD, key=key).headers.get("deprecation") != since:
        assert time.monotonic() < deadline
    plain = ask(get_wsgi_application(), PREDICT, GOOD, key=key)
    assert plain.headers["deprecation"] == since


def test_an_alias_moves_under_load_and_no_call_fails(
    edge: Edge, key: str, go_live: GoLive, alice: User
) -> None:
    """Every call is answered by the old version or the new, and after a new one by no old one."""
    versions = [go_live(LogisticRegression(C=c).fit(ROWS, LABELS)) for c in (1.0, 0.1, 0.01)]
    actor, model = actor_for_user(alice), versions[0].model
    set_alias(model, "champion", 1, actor=actor)
    path = "/api/v1/models/churn@champion/predict"
    answers: list[list[tuple[int, int]]] = [[] for _ in range(4)]
    ended = threading.Event()

    def call(mine: list[tuple[int, int]]) -> None:
        while not ended.is_set():
            answer = ask(edge, path, GOOD, key=key)
            mine.append((answer.status, answer.json.get("version", 0)))

    callers = [threading.Thread(target=call, args=(mine,)) for mine in answers]

    def wait_until_all_get(number: int) -> None:
        for _ in range(500):
            if all(mine and mine[-1][1] == number for mine in answers):
                break
            time.sleep(0.01)

    for caller in callers:
        caller.start()
    wait_until_all_get(1)
    set_alias(model, "champion", 2, actor=actor)
    wait_until_all_get(2)
    ended.set()
    for caller in callers:
        caller.join()
    for mine in answers:
        assert {status for status, _ in mine} == {200}
        numbers = [number for _, number in mine]
        assert numbers == sorted(numbers)
        assert set(numbers) <= {1, 2}
        assert numbers[-1] == 2


def test_an_alias_is_heard_of_and_is_gone_when_it_is_removed(
    edge: Edge, key: str, go_live: GoLive, alice: User
) -> None:
    version = go_live(LogisticRegression().fit(ROWS, LABELS))
    path = "/api/v1/models/churn@champion/predict"
    refused = ask(edge, path, GOOD, key=key)
    assert (refused.status, refused.json["code"]) == (404, "no_alias")
    set_alias(version.model, "champion", 1, actor=actor_for_user(alice))
    assert ask(edge, path, GOOD, key=key).status == 200
    remove_alias(version.model, "champion", actor=actor_for_user(alice))
    deadline = time.monotonic() + HARD_BOUND
    while ask(edge, path, GOOD, key=key).status != 404:
        assert time.monotonic() < deadline


def test_a_version_is_tried_with_its_own_example(edge: Edge, go_live: GoLive, alice: User) -> None:
    version = go_live(LogisticRegression().fit(ROWS, LABELS))
    ModelVersion.objects.update(example={"inputs": [["much", "too", "short"]]})
    version.refresh_from_db()
    with pytest.raises(TrialFailed, match="does not answer its example"):
        set_alias(version.model, "champion", 1, actor=actor_for_user(alice))
    assert not Alias.objects.exists()
