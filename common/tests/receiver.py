"""A receiver of webhooks: a real HTTP server in threads, which notes all that it gets."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol


@dataclass(frozen=True)
class Received:
    """One request. Header names are in small letters."""

    path: str
    headers: dict[str, str]
    body: bytes
    at: float


class Answering(Protocol):
    def __call__(self, received: Received, number: int) -> tuple[int, dict[str, str], bytes]: ...


def ok(received: Received, number: int) -> tuple[int, dict[str, str], bytes]:
    return 200, {}, b"thanks"


def always(status: int, **headers: str) -> Answering:
    """Answers with one status."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    def answer(received: Received, number: int) -> tuple[int, dict[str, str], bytes]:
        return status, named, b""

    return answer


@dataclass
class Receiver:
    """`answer` decides what comes back; `most_at_once` is how many were answered together."""

    answer: Answering = ok
    received: list[Received] = field(default_factory=list)
    most_at_once: int = 0
    url: str = ""
    _now: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, received: Received) -> tuple[int, dict[str, str], bytes]:
        with self._lock:
            self.received.append(received)
            number = len(self.received)
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
        try:
            return self.answer(received, number)
        finally:
            with self._lock:
                self._now -= 1

    def wait_for(self, count: int, within: float = 20.0) -> list[Received]:
        """The requests, once there are so many."""
        deadline = time.monotonic() + within
        while len(self.received) < count:
            assert time.monotonic() < deadline, f"{len(self.received)} of {count} came"
            time.sleep(0.02)
        return list(self.received)


class Server(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True
    receiver: Receiver


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer leaves in one piece
    disable_nagle_algorithm = True
    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        received = Received(self.path, headers, body, time.time())
        status, more, answer = self.server.receiver.take(received)
        self.send_response(status)
        for name, value in more.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)
        self.wfile.flush()

    def log_message(self, *args: Any) -> None:
        pass


@contextmanager
def receiving(answer: Answering = ok, port: int = 0) -> Iterator[Receiver]:
    """A receiver at a free port of this machine, or at the one named."""
    server = Server(("127.0.0.1", port), Handler)
    receiver = Receiver(answer, url=f"http://127.0.0.1:{server.server_port}/hook")
    server.receiver = receiver
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def speaking(speak: Callable[[socket.socket], None]) -> Iterator[int]:
    """A port where every connection is given to `speak`, for what is no HTTP."""
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        while True:
            try:
                line, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=_spoken, args=(speak, line), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def _spoken(speak: Callable[[socket.socket], None], line: socket.socket) -> None:
    with line:
        try:
            speak(line)
        except OSError:  # the other side has had enough
            return
