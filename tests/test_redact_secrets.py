"""What opens something stands in no line: by its name, and by its looks."""

from __future__ import annotations

import io
import json
import logging
import logging.config
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from django.conf import settings

from common.context import request_context
from common.redaction import GONE, redact, redact_text
from config.logs import logging_config

KEY = "slip_TrabXNhfaFWDNoivlJ5Op0kD3qUa6sZl0P4vlK"  # made once, and nowhere valid
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
WEBHOOK = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
PASSWORD = "correct horse battery"


@pytest.mark.parametrize(
    "text",
    [
        f"the key {KEY} is old",
        f"Authorization: Bearer {KEY}",
        f"authorization='Bearer {JWT}'",
        "Authorization: Bearer an-opaque.token_of-somebody",
        f"{{'secret': '{WEBHOOK}'}}",
        "Basic dXNlcjpzZWNyZXQtcGFzc3dvcmQ= was sent",
        f"signed with {WEBHOOK}.",
        "postgresql://slipway:an-opaque.token_of-somebody@db:5432/slipway refused",
        "redis://:an-opaque.token_of-somebody@cache:6379/0 is away",
        'password="an-opaque.token_of-somebody" is wrong',
        "Cookie: sessionid=an-opaque.token_of-somebody; theme=dark",
        "GET /reset-password/an-opaque.token_of-somebody HTTP/1.1",
        '{"refresh_token": "an-opaque.token_of-somebody"}',
    ],
)
def test_secrets_are_known_by_their_looks(text: str) -> None:
    said = redact_text(text)
    assert GONE in said
    for secret in (KEY, JWT, WEBHOOK, "an-opaque.token_of-somebody", "dXNlcjpzZWNyZXQ"):
        assert secret not in said


@pytest.mark.parametrize(
    "text",
    [
        "GET /api/v1/models/acme/churn 200",
        "the token is not valid",
        "slip_road is a model",
        "postgresql://db:5432/slipway",
        "https://example.org/a@b",
        "Task accounts.tasks.send_digests[079b8469-e9f7-479b-a2e6-408b0804bd63] succeeded",
        "token_type: bearer",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact_text(text) == text


def test_fields_are_known_by_their_names_at_any_depth() -> None:
    given = {
        "user": "ada",
        "key_id": "01a2",
        "password": PASSWORD,
        "headers": [{"Authorization": PASSWORD, "Accept": "*/*"}, {"set-cookie": PASSWORD}],
        "empty_token": "",
    }
    found = redact(given)
    assert PASSWORD not in json.dumps(found)
    assert (found["user"], found["key_id"], found["empty_token"]) == ("ada", "01a2", "")
    assert found["headers"][0]["Accept"] == "*/*"


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What a production process writes, in place of this one's own logging."""
    stream = io.StringIO()
    found = logging_config(level="INFO", colours=False, role="web", version="1.2.3")
    found["handlers"]["stderr"]["stream"] = stream
    found["root"]["handlers"] = ["stderr"]
    logging.config.dictConfig(found)
    yield stream
    logging.config.dictConfig(settings.LOGGING)


def parsed(lines: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines.getvalue().splitlines()]


def test_an_exception_is_spelled_out_without_secrets(lines: io.StringIO) -> None:
    def connect(password: str) -> None:
        raise ConnectionError(f"postgresql://slipway:{password}@db refused, key {KEY}")

    local = "a-local" + "-value"  # what stands in the source stands in the trace
    try:
        connect(local)
    except ConnectionError:
        logging.getLogger("third.party").exception("it broke with %s", JWT)
    (line,) = parsed(lines)
    assert line["error.type"] == "ConnectionError"
    assert "in connect" in line["error.stack_trace"]
    for secret in (KEY, JWT, local):
        assert secret not in lines.getvalue()


def test_a_line_has_the_names_of_the_common_schema(lines: io.StringIO) -> None:
    with request_context("an-id-of-mine"):
        structlog.get_logger("slipway.request").info(
            "request", method="GET", path="/models", status=200, ms=1.5, address="10.0.0.1", door=2
        )
    (line,) = parsed(lines)
    assert line["@timestamp"].startswith("20")
    expected = {
        "log.level": "info", "log.logger": "slipway.request", "message": "request",
        "event.action": "request", "event.duration": 1_500_000, "event.dataset": "slipway.web",
        "http.request.id": "an-id-of-mine", "trace.id": "an-id-of-mine",
        "http.request.method": "GET", "http.response.status_code": 200, "url.path": "/models",
        "client.ip": "10.0.0.1", "service.name": "slipway-web", "service.version": "1.2.3",
        "slipway.door": 2,
    }  # fmt: skip
    assert {name: line[name] for name in expected} == expected


def test_what_a_line_holds_beside_text_is_looked_through_too(lines: io.StringIO) -> None:
    class Model:
        def __str__(self) -> str:
            return f"a thing with {KEY}"

    structlog.get_logger("any").warning("seen", thing=Model(), raw=KEY.encode(), all={KEY})
    assert KEY not in lines.getvalue()
    assert GONE in lines.getvalue()
