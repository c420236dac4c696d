"""A whole installation, watched from outside: figures, ids, secrets, reports, traces, its end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from itertools import chain
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families
from requests.adapters import HTTPAdapter

from accounts.keys import make_key
from benchmarks.stack import Stack, running
from tests.installations import children_of, command_of, wait_for
from tests.receiver import Receiver, receiving

TOKEN = "a-token-for-figures"
DSN_KEY = "0123456789abcdef0123456789abcdef"
DRAINS = 5
HEALTH = ("/", "/health", "/health/db", "/ready", "/live")


@dataclass
class Watched:
    """The installation and what it tells the outside."""

    stack: Stack
    told: Receiver

    @property
    def url(self) -> str:
        return self.stack.url

    def figures(self) -> dict[str, float]:
        """Every sample by name and labels."""
        asked = requests.get(
            f"{self.url}/metrics", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=10
        )
        assert asked.status_code == 200, asked.text
        return {
            f"{sample.name}{json.dumps(sample.labels, sort_keys=True)}": sample.value
            for family in text_string_to_metric_families(asked.text)
            for sample in family.samples
        }

    def total(self, start: str) -> float:
        """The sum of the samples whose name and labels begin so."""
        return sum(value for name, value in self.figures().items() if name.startswith(start))

    def logs(self) -> str:
        return "\n".join(
            path.read_text(errors="replace") for path in (self.stack.home / "log").glob("*.log")
        )

    def lines(self, request_id: str) -> list[dict[str, Any]]:
        return [
            json.loads(line)
            for line in self.logs().splitlines()
            if f'"http.request.id": "{request_id}"' in line
        ]

    def web_main(self) -> int:
        assert self.stack.process is not None
        return next(
            pid
            for pid in children_of(self.stack.process.pid)
            if "config.granian" in command_of(pid)
        )


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    with receiving() as told:
        host = told.url.removeprefix("http://")
        settings = {
            "METRICS_TOKEN": TOKEN,
            "SENTRY_DSN": f"http://{DSN_KEY}@{host}/1",
            "OTEL_EXPORTER_OTLP_ENDPOINT": told.url,
            "OTEL_BSP_SCHEDULE_DELAY": "200",
            "EMAIL_URL": f"file://{tmp_path_factory.mktemp('mail')}",
            "SLOW_REQUEST_MS": "1",
            "DRAIN_SECONDS": str(DRAINS),
        }
        with running(**settings) as stack:
            wait_for((stack.home / "demo.json").exists)
            yield Watched(stack, told)


def predictions(watched: Watched, count: int) -> None:
    for _ in range(count):
        assert watched.stack.predict_demo().status_code == 200


def test_figures_are_the_requests_over_workers_and_their_ends(watched: Watched) -> None:
    native = 'slipway_prediction_duration_seconds_count{"door": "native", "outcome": "ok"}'
    before = watched.total(native)
    route = 'slipway_http_requests_total{"method": "GET", "route": "/api/v1/models"'
    asked_before = watched.total(route)
    for round_ in range(1, 4):
        predictions(watched, 20)
        for _ in range(10):
            requests.get(f"{watched.url}/api/v1/models", headers=watched.stack.headers, timeout=10)
        assert watched.total(native) == before + 20 * round_
        assert watched.total(route) == asked_before + 10 * round_
        kill_a_worker(watched)
    slots = list((watched.stack.home / "run" / "meter").iterdir())
    assert len(slots) <= 6  # two web workers, two of Celery's, and room for an overlap


def kill_a_worker(watched: Watched) -> None:
    workers = children_of(watched.web_main())
    os.kill(workers[0], signal.SIGKILL)
    wait_for(lambda: len(set(children_of(watched.web_main())) - {workers[0]}) >= len(workers))
    wait_for(lambda: answers(watched, 10))


def answers(watched: Watched, times: int) -> bool:
    try:
        return all(requests.get(f"{watched.url}/live", timeout=2).ok for _ in range(times))
    except requests.RequestException:
        return False


def test_paths_made_up_are_one_series(watched: Watched) -> None:
    before = len(watched.figures())
    with requests.Session() as session:
        for number in range(300):
            session.request(
                ("GET", "POST", "BREW")[number % 3], f"{watched.url}/{number}/x{number}", timeout=10
            )
            session.get(f"{watched.url}/api/v1/models/m{number}", timeout=10)
    figures = watched.figures()
    assert len(figures) - before < 120
    assert len(figures) < 5000
    assert not [name for name in figures if "/x1" in name or "BREW" in name]


def test_figures_are_for_the_token_and_operators(watched: Watched) -> None:
    url = f"{watched.url}/metrics"
    asked = requests.get(url, timeout=10)
    assert asked.status_code == 401
    assert asked.headers["WWW-Authenticate"].startswith("Bearer")
    wrong = {"Authorization": f"Bearer {TOKEN}x"}
    assert requests.get(url, headers=wrong, timeout=10).status_code == 401
    assert requests.get(url, headers=watched.stack.headers, timeout=10).status_code == 403


def test_an_id_goes_from_the_request_to_what_comes_of_it(watched: Watched) -> None:
    headers = {**watched.stack.headers, "X-Request-ID": "an-id-from-outside"}
    body = {"name": "traced", "scopes": ["predict"]}
    trace = "0af7651916cd43dd8448eb211c80319c"
    headers["traceparent"] = f"00-{trace}-b7ad6b7169203331-01"
    made = requests.post(f"{watched.url}/api/v1/api-keys", json=body, headers=headers, timeout=10)
    assert made.status_code == 201
    assert made.headers["X-Request-ID"] == "an-id-from-outside"
    rows = "SELECT type FROM common_eventrecord WHERE request_id = 'an-id-from-outside'"
    assert [row[0] for row in watched.stack.query(rows)] == ["api_key.created"]
    wait_for(
        lambda: (
            {line["service.name"] for line in watched.lines("an-id-from-outside")}
            == {"slipway-web", "slipway-worker"}
        ),
        30,
    )
    # The spans of both are parts of the caller's trace.
    wait_for(lambda: len(services_of(watched.told, trace)) == 2, 30)
    assert b"INSERT" in b"".join(one.body for one in watched.told.to("/v1/traces"))


def services_of(told: Receiver, trace: str) -> set[str]:
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    found = set()
    for one in list(told.to("/v1/traces")):
        for resource in ExportTraceServiceRequest.FromString(one.body).resource_spans:
            spans = chain.from_iterable(scope.spans for scope in resource.scope_spans)
            if any(span.trace_id.hex() == trace for span in spans):
                attributes = resource.resource.attributes
                found |= {a.value.string_value for a in attributes if a.key == "service.name"}
    return found


def test_a_slow_request_says_what_its_time_went_to(watched: Watched) -> None:
    headers = {**watched.stack.headers, "X-Request-ID": "slow-by-decree"}
    requests.get(f"{watched.url}/api/v1/predictions", headers=headers, timeout=10)
    wait_for(lambda: len(watched.lines("slow-by-decree")) == 2, 10)
    slow = next(
        line for line in watched.lines("slow-by-decree") if line["message"] == "slow_request"
    )
    assert slow["http.route"] == "/api/v1/predictions"
    assert slow["slipway.queries"] > 0
    assert slow["slipway.db_ms"] > 0
    assert slow["slipway.redis_ms"] > 0
    statements = slow["slipway.statements"]
    assert 1 <= len(statements) <= 3
    assert statements[0]["sql"].startswith("SELECT")
    assert watched.stack.demo["api_key"] not in str(statements)


def secrets() -> dict[str, str]:
    """A canary of each kind, none of which is anybody's."""
    jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.Y2FuYXJ5LWNhbmFyeS1jYW5hcnktY2FuYXJ5"
    return {
        "key": make_key(),
        "jwt": jwt,
        "webhook": "whsec_Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5",
        "password": "canary-Passw0rd-canary",
        "cookie": "canarycookie0canarycookie0canary",
        "token": "canary-token-of-a-mail-0123456789",
    }


def operations(watched: Watched) -> Iterator[tuple[str, str]]:
    document = requests.get(f"{watched.url}/openapi.json", timeout=30).json()
    for path, methods in document["paths"].items():
        for method in methods:
            if method in {"get", "post", "put", "patch", "delete"}:
                yield method, path


class From(HTTPAdapter):
    """Requests from another address of this machine's."""

    def __init__(self, address: str) -> None:
        self._address = address
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> Any:
        return super().init_poolmanager(*args, **kwargs, source_address=(self._address, 0))


def session_of(number: int) -> requests.Session:
    """A new address for every so many operations: each may send so many unknown keys.

    And a connection for each request: one that was answered before its body was read may be closed.
    """
    session = requests.Session()
    session.headers["Connection"] = "close"
    session.mount("http://", From(f"127.0.1.{1 + number // 50}"))
    return session


def test_no_secret_is_written_down_anywhere(watched: Watched) -> None:
    """Canaries in every header, cookie and field of every operation; then look everywhere."""
    canaries = secrets()
    body = {
        "email": "canary@example.org", "name": "canary", "password": canaries["password"],
        "new_password": canaries["password"], "current_password": canaries["password"],
        "refresh": canaries["jwt"], "token": canaries["token"], "code": canaries["token"],
        "secret": canaries["webhook"], "key": canaries["key"], "keys": [canaries["key"]],
    }  # fmt: skip
    guises = (
        {"Authorization": f"Bearer {canaries['key']}"},
        {"Authorization": f"Bearer {canaries['jwt']}"},
        {**watched.stack.headers, "Cookie": f"sessionid={canaries['cookie']}"},
    )
    bodies = []
    for number, (method, path) in enumerate(operations(watched)):
        if path.endswith("/logout"):
            continue
        session = session_of(number)
        place = watched.url + path.replace("{", "").replace("}", "")
        for headers in guises:
            said = session.request(method, place, json=body, headers=headers, timeout=20)
            assert said.status_code != HTTPStatus.TOO_MANY_REQUESTS
            bodies.append(said.text)
    for page in ("/reset-password/", "/verify-email/", "/invitations/"):
        requests.get(f"{watched.url}{page}{canaries['token']}", timeout=10)
    login = {"email": "demo@example.com", "password": canaries["password"]}
    bodies.append(requests.post(f"{watched.url}/api/v1/auth/login", json=login, timeout=10).text)
    time.sleep(2)
    audit = str(watched.stack.query("SELECT payload::text FROM common_eventrecord"))
    metrics = requests.get(
        f"{watched.url}/metrics", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=10
    ).text
    told = "".join(one.body.decode(errors="replace") for one in watched.told.sent)
    places = {
        "logs": watched.logs(), "audit": audit, "metrics": metrics, "bodies": "".join(bodies),
        "reports and traces": told,
    }  # fmt: skip
    live = watched.stack.demo["api_key"]
    found = [
        (where, name)
        for where, text in places.items()
        for name, secret in {**canaries, "live key": live}.items()
        if secret in text
    ]
    assert found == []


def envelopes(told: Receiver, text: str) -> list[dict[str, Any]]:
    """The error reports that hold the text: an envelope's third line is the event."""
    found = []
    for one in list(told.to("/api/1/envelope")):
        lines = one.body.decode().splitlines()
        if len(lines) > 2 and text in lines[2]:
            found.append(json.loads(lines[2]))
    return found


def test_errors_of_ours_are_reported_without_secrets(watched: Watched) -> None:
    """A table that is gone is a bug nobody foresaw; a task with a wrong argument another."""
    servers = json.loads((watched.stack.home / "run" / "servers.json").read_text())
    canary = make_key()
    headers = {
        **watched.stack.headers, "X-Request-ID": "an-id-that-failed",
        "Cookie": "sessionid=canarycookie0canarycookie", "X-Canary": canary,
    }  # fmt: skip
    with psycopg.connect(servers["database_owner_url"], autocommit=True) as database:
        database.execute("ALTER TABLE accounts_notification RENAME TO gone")
        try:
            url = f"{watched.url}/api/v1/notifications"
            assert requests.get(url, headers=headers, timeout=10).status_code == 500
        finally:
            database.execute("ALTER TABLE gone RENAME TO accounts_notification")
    send = (
        "import sys, celery; celery.Celery(broker=sys.argv[1]).send_task("
        "'accounts.tasks.mail_notification', args=[sys.argv[2]], queue='default')"
    )
    # In a process of its own: this one's Celery knows the session's broker.
    subprocess.run(
        [sys.executable, "-c", send, servers["redis_url"], f"no id but {canary}"], check=True
    )
    wait_for(lambda: bool(envelopes(watched.told, "an-id-that-failed")), 20)
    wait_for(lambda: bool(envelopes(watched.told, "mail_notification")), 20)
    reports = str(watched.told.to("/api/1/envelope"))
    report = envelopes(watched.told, "an-id-that-failed")[0]
    assert report["tags"]["request_id"] == "an-id-that-failed"
    assert report["release"].startswith("slipway@")
    for secret in (canary, "canarycookie0", watched.stack.demo["api_key"]):
        assert secret not in reports
        assert secret not in watched.logs()
    assert '"vars"' not in json.dumps(report)


def test_health_is_told_to_everybody_and_versions_are_not(watched: Watched) -> None:
    for path in HEALTH:
        asked = requests.get(watched.url + path, timeout=10)
        assert asked.status_code == 200, path
        assert ("version" in asked.json()) == (path == "/health")
    with_token = {"Authorization": f"Bearer {TOKEN}"}
    checks = requests.get(f"{watched.url}/health", headers=with_token, timeout=10).json()["checks"]
    assert set(checks) >= {"database", "cache", "disk", "jail", "limits"}
    for _ in range(50):
        assert requests.get(f"{watched.url}/ready", timeout=10).status_code == 200


def test_ready_fails_while_the_database_is_gone(watched: Watched) -> None:
    """The supervisor sleeps meanwhile: it would start the database again at once."""
    supervisor = watched.stack.process
    assert supervisor is not None
    postgres = next(
        pid for pid in children_of(supervisor.pid) if "postgres" in "".join(command_of(pid))
    )
    supervisor.send_signal(signal.SIGSTOP)
    try:
        os.kill(postgres, signal.SIGINT)  # a fast shutdown
        wait_for(lambda: not answers_ready(watched), 10)
        assert requests.get(f"{watched.url}/live", timeout=5).status_code == 200
        asked = requests.get(f"{watched.url}/health/db", timeout=5)
        assert (asked.status_code, asked.json()["database"]) == (503, "disconnected")
    finally:
        supervisor.send_signal(signal.SIGCONT)
    # Each web process finds it again by itself.
    wait_for(lambda: all(answers_ready(watched) for _ in range(20)), 60)


def test_ready_fails_before_the_end_and_no_request_is_lost(watched: Watched) -> None:
    """Last: it ends the web server, which the supervisor then starts again."""
    ended = threading.Event()
    failed: list[str] = []
    seen: list[tuple[float, int]] = []

    def ask() -> None:
        while not ended.is_set():
            try:
                predictions(watched, 1)
            except (requests.RequestException, AssertionError) as error:
                failed.append(str(error))

    callers = [threading.Thread(target=ask) for _ in range(4)]
    for caller in callers:
        caller.start()
    time.sleep(0.5)
    began = time.monotonic()
    os.kill(watched.web_main(), signal.SIGTERM)
    while time.monotonic() - began < DRAINS - 2.5:
        seen.append(
            (time.monotonic() - began, requests.get(f"{watched.url}/ready", timeout=5).status_code)
        )
        time.sleep(0.05)
    ended.set()  # as a load balancer does that saw it
    for caller in callers:
        caller.join()
    assert failed == []
    assert {status for at, status in seen if at > 0.5} == {503}
    assert requests.get(f"{watched.url}/live", timeout=5).status_code == 200
    wait_for(lambda: answers_ready(watched))


def answers_ready(watched: Watched) -> bool:
    try:
        return requests.get(f"{watched.url}/ready", timeout=2).ok
    except requests.RequestException:
        return False


def test_nothing_stays_of_the_drain(watched: Watched) -> None:
    assert list(Path(watched.stack.home / "run").glob("draining-*")) == []
