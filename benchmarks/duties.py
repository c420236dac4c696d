"""What the duties of one warm call cost, one by one, in a process like the web's.

Run by `benchmarks.hotpath` in a process of its own, with SLIPWAY_HOME naming a running Slipway;
the path of its only argument is asked. Prints microseconds by name, as JSON.
"""

from __future__ import annotations

import io
import json
import os
import sys
import time
import timeit
from pathlib import Path
from typing import Any

os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"

CALLS = 5_000
REPEATS = 9


def main() -> None:
    from django import setup

    setup()
    from common.ids import uuid7_bytes
    from inference.edge import app
    from inference.edge.app import Edge
    from inference.journal.record import Door, Kind
    from inference.journal.writer import journal

    demo = json.loads((Path(os.environ["SLIPWAY_HOME"]) / "demo.json").read_text())
    body = sys.argv[2].encode()
    environ: dict[str, Any] = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": sys.argv[1],
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_AUTHORIZATION": f"Bearer {demo['api_key']}",
    }
    edge = Edge(django)
    follower = edge.callers.follower
    follower.start()
    statuses: set[str] = set()
    fields: list[tuple[str, str]] = []

    def start_response(status: str, headers: Any) -> None:
        statuses.add(status)
        fields[:] = headers

    def call() -> Any:
        environ["wsgi.input"] = io.BytesIO(body)
        return edge(environ, start_response)

    while follower.looked_at < 0:
        time.sleep(0.01)  # callers are remembered from the first look at the events on
    out = b"".join(call())
    call()
    assert statuses == {"200 OK"}, statuses
    limits = [field for field in fields if "RateLimit" in field[0]]
    assert len(limits) == 5, fields
    token = demo["api_key"]
    route = edge.callers.caller(token).routes[sys.argv[1]]
    id_ = uuid7_bytes()

    def authenticate() -> Any:
        edge._length(environ)
        return edge.callers.known(app._token(environ) or "", sys.argv[1], time.monotonic())

    def limit() -> Any:
        return route.lease.take(time.monotonic())

    def identify() -> str:
        return app._request_id(environ, uuid7_bytes())

    def note() -> None:
        journal().append(
            route.facts, id_, Door.NATIVE, 200, "", 1, 1000, 2000, True, "0" * 32, "",
            Kind.BODY, body, out,
        )  # fmt: skip

    def head() -> list[tuple[str, str]]:
        return [*app.ANSWER_HEADERS, ("X-Request-ID", "0" * 32), *limits]

    found = {
        "auth": median_us(authenticate),
        "limits": median_us(limit),
        "id": median_us(identify),
        "journal": median_us(note),
        "headers": median_us(head),
        "whole": median_us(call),
    }
    print(json.dumps(found))
    follower.stop()


def django(environ: Any, start_response: Any) -> Any:
    """What stands behind the edge: nothing that is measured here gets so far."""
    raise AssertionError(environ["PATH_INFO"])


def median_us(call: Any) -> float:
    """The median of the repeats' means."""
    taken = sorted(timeit.repeat(call, number=CALLS, repeat=REPEATS))
    return taken[REPEATS // 2] / CALLS * 1e6


if __name__ == "__main__":
    main()
