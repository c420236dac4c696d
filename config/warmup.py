"""What a web process does once before it takes requests, so that none of them pays for it.

The first request of a process imports every view, compiles every route and opens a database
connection: more than a hundred milliseconds that would fall on somebody's first prediction.
"""

from __future__ import annotations

import gc
import io
import json
import sys
from collections.abc import Callable, Iterable
from typing import Any

from accounts.keys import make_key

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def warm_up(application: Application) -> None:
    """Ask the application what a load balancer and a stranger with a made-up key would ask.

    What fails now (a database that is not there yet) fails in its own answer, and is warm after.
    """
    body = json.dumps({"inputs": [[0]]}).encode()
    _ask(application, "GET", "/ready", b"", {})
    _ask(application, "POST", "/api/v1/models/none/predict", body, {"HTTP_X_API_KEY": make_key()})
    # What lives now lives as long as the process: the collector need not look at it again.
    gc.collect()
    gc.freeze()


def _ask(
    application: Application, method: str, path: str, body: bytes, headers: dict[str, str]
) -> None:
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "HTTP_HOST": "127.0.0.1",
        "REMOTE_ADDR": "127.0.0.1",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.url_scheme": "http",
        **headers,
    }
    answer = application(environ, lambda *_: None)
    try:
        b"".join(answer)
    finally:
        getattr(answer, "close", lambda: None)()
