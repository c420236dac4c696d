"""A web server on the loopback that keeps what it is sent."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import brotli

# An encoding that is not here is an error: what can't be read can't be looked through.
UNPACK: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    "gzip": gzip.decompress,
    "br": brotli.decompress,
}


@dataclass(frozen=True, slots=True)
class Sent:
    """One request: its path, its headers, its body unpacked."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """What came in, in order; `status` is what everybody is answered."""

    url: str
    status: int = 200
    sent: list[Sent] = field(default_factory=list)

    def to(self, start: str) -> list[Sent]:
        """What was sent to paths that begin so."""
        return [one for one in self.sent if one.path.startswith(start)]

    def await_to(self, start: str, count: int = 1, within: float = 20.0) -> list[Sent]:
        deadline = time.monotonic() + within
        while len(self.to(start)) < count:
            assert time.monotonic() < deadline, [one.path for one in self.sent]
            time.sleep(0.05)
        return self.to(start)


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Listen on a free port until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def _take(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = UNPACK[self.headers.get("Content-Encoding", "")](body)
            receiver.sent.append(Sent(self.command, self.path, dict(self.headers), body))
            self.send_response(receiver.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = _take  # noqa: N815  the name it has there
        do_POST = _take  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  its name there
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver = Receiver(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
