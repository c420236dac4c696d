"""A WSGI application asked directly, as a server would ask it."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def told(self) -> tuple[int, str, Any]:
        """What must not depend on who answered: all but ids, times and what was loaded."""
        body = self.json
        for name in ("id", "inference_ms", "request_id", "cache_hit"):
            body.pop(name, None)
        return self.status, self.headers["content-type"], body


def environ_of(path: str, body: bytes, headers: dict[str, str], method: str) -> dict[str, Any]:
    """The environ that a server makes of a request with a body of known length."""
    return {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "127.0.0.1",
        "REMOTE_ADDR": "127.0.0.1",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.url_scheme": "http",
        **headers,
    }


def ask(
    application: Application,
    path: str,
    body: Any = b"",
    *,
    key: str = "",
    method: str = "POST",
    **headers: str,
) -> Answer:
    """One request; `body` is bytes or what becomes JSON, headers are as in an environ."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    given = {"HTTP_AUTHORIZATION": f"Bearer {key}"} if key else {}
    said: list[Any] = []
    answer = application(
        environ_of(path, data, given | headers, method), lambda *line: said.append(line)
    )
    try:
        content = b"".join(answer)
    finally:
        getattr(answer, "close", lambda: None)()
    status, fields = said[0][:2]
    return Answer(int(status[:3]), {name.lower(): value for name, value in fields}, content)
