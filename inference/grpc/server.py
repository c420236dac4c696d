"""Listening: gRPC calls to the WSGI application that answers over HTTP.

Messages are awaited by one thread, whoever takes their time; they are read and answered by others,
once they are whole. A caller without a key costs no more than a look at that.
"""

from __future__ import annotations

import asyncio
import io
import sys
import threading
from collections.abc import Callable, Coroutine, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, Final, NamedTuple
from urllib.parse import SplitResult, urlsplit

import grpc
import msgspec
import structlog
from django.conf import settings
from google.protobuf.message import DecodeError

from common.errors import DomainError
from inference.grpc.calls import METHODS, OPEN, Asked, Method, Told
from inference.grpc.messages import SERVICE, message

logger = structlog.get_logger(__name__)

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
Metadata = dict[str, str]
CODES: Final = {
    401: grpc.StatusCode.UNAUTHENTICATED,
    403: grpc.StatusCode.PERMISSION_DENIED,
    404: grpc.StatusCode.NOT_FOUND,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    500: grpc.StatusCode.INTERNAL,
    501: grpc.StatusCode.UNIMPLEMENTED,
    503: grpc.StatusCode.UNAVAILABLE,
    504: grpc.StatusCode.DEADLINE_EXCEEDED,
}
"""By the door's status; every other is INVALID_ARGUMENT."""
CREDENTIALS: Final = ("authorization", "x-api-key")
PASSED_IN: Final = (*CREDENTIALS, "x-request-id", "x-forwarded-for")
PASSED_OUT: Final = frozenset({"retry-after", "deprecation", "x-request-id", "x-cache"})
LIMITS: Final = ("x-ratelimit-", "ratelimit")
OK: Final = 200
QUEUED: Final = 8  # calls that wait for each thread at most
MOST_CALLS: Final = 1000  # under way, those included whose messages are still to come
# Connections end after a while, so that none is held for ever by who sends nothing.
AGES_MS: Final = (
    ("grpc.max_connection_idle_ms", 300_000),
    ("grpc.max_connection_age_ms", 600_000),
    ("grpc.max_connection_age_grace_ms", 60_000),
)


class Outcome(NamedTuple):
    """A call's end: an answer, or a code with its words; and what is told beside it."""

    code: grpc.StatusCode
    words: str
    answer: bytes
    metadata: tuple[tuple[str, str], ...]


class _Doorkeeper(grpc.aio.ServerInterceptor):  # type: ignore[misc]  # grpc has no types
    """Sends away who has no key before a byte of their message is taken."""

    async def intercept_service(self, continuation: Any, details: Any) -> Any:
        name = details.method.rpartition("/")[2]
        has_key = any(key in CREDENTIALS for key, _ in details.invocation_metadata)
        if has_key or name in OPEN or name not in METHODS:
            return await continuation(details)
        return _NO_KEY


async def _send_away(_messages: Any, context: Any) -> None:
    words = "Authentication credentials were not provided."
    await context.abort(grpc.StatusCode.UNAUTHENTICATED, words)


# As a stream, which is read only by who wants it.
_NO_KEY: Final = grpc.stream_unary_rpc_method_handler(_send_away)


class Listener:
    """The protocol's service on one port.

    `threads` answer calls; `most_bytes` is the largest message. Streams are not answered:
    UNIMPLEMENTED says so.
    """

    def __init__(self, application: Application, *, threads: int, most_bytes: int) -> None:
        self._application = application
        self._options = [
            ("grpc.max_receive_message_length", most_bytes),
            ("grpc.max_send_message_length", -1),
            ("grpc.so_reuseport", 0),  # a busy port is an error, not half of the calls
            *AGES_MS,
        ]
        self._threads = ThreadPoolExecutor(threads, "grpc")
        self._places = threading.BoundedSemaphore(threads * (1 + QUEUED))
        self._loop = asyncio.new_event_loop()
        self._loop_thread = threading.Thread(
            target=self._loop.run_forever, name="grpc-loop", daemon=True
        )
        self._server: Any = None

    def start(self, address: str) -> int:
        """Listen at `host:port`; returns the port. Raises OSError where it is taken."""
        self._loop_thread.start()
        port: int = self._run(self._start(address)).result()
        return port

    def stop(self, grace: float) -> None:
        """Take no more calls, and end once those there are have their answers, or after `grace`
        seconds."""
        self._run(self._server.stop(grace)).result()
        self._threads.shutdown()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._loop_thread.join()
        self._loop.close()

    def _run(self, coroutine: Coroutine[Any, Any, Any]) -> Future[Any]:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    async def _start(self, address: str) -> int:
        self._server = grpc.aio.server(
            interceptors=[_Doorkeeper()],
            options=self._options,
            maximum_concurrent_rpcs=MOST_CALLS,
        )
        # Messages stay bytes here: reading a large one is a thread's work.
        handlers = {
            name: grpc.unary_unary_rpc_method_handler(partial(self._answer, name))
            for name in METHODS
        }
        handler = grpc.method_handlers_generic_handler(SERVICE, handlers)
        self._server.add_generic_rpc_handlers((handler,))
        try:
            port: int = self._server.add_insecure_port(address)
        except RuntimeError as error:
            raise OSError(f"{address} can't be listened at: {error}") from error
        await self._server.start()
        return port

    async def _answer(self, name: str, request: bytes, context: Any) -> bytes:
        given = {key: value for key, value in context.invocation_metadata() if key in PASSED_IN}
        if not self._places.acquire(blocking=False):
            await context.abort(grpc.StatusCode.UNAVAILABLE, "The server is busy.")
        work = partial(self._work, METHODS[name], name, request, given, context.peer())
        # The place is the work's: a caller who hangs up does not end it.
        doing = self._loop.run_in_executor(self._threads, work)
        doing.add_done_callback(lambda _: self._places.release())
        done = await asyncio.shield(doing)
        context.set_trailing_metadata(done.metadata)
        if done.code is not grpc.StatusCode.OK:
            await context.abort(done.code, done.words)
        return done.answer

    def _work(
        self, method: Method, name: str, request: bytes, given: Metadata, peer: str
    ) -> Outcome:
        """In a thread. Whatever happens is an outcome, and a fault of ours tells nothing."""
        try:
            return self._outcome(method, name, request, given, peer)
        except (DomainError, DecodeError) as error:
            words = error.message if isinstance(error, DomainError) else "This is no such message."
            return Outcome(grpc.StatusCode.INVALID_ARGUMENT, words, b"", ())
        except Exception:
            logger.exception("grpc_call_crashed", method=name)
            return Outcome(grpc.StatusCode.INTERNAL, "Something went wrong on our side.", b"", ())

    def _outcome(
        self, method: Method, name: str, request: bytes, given: Metadata, peer: str
    ) -> Outcome:
        asked = method.ask(message(f"{name}Request").FromString(request))
        status, told = _ask(self._application, _environ(asked, given, peer))
        metadata = _told_besides(told.headers)
        if status != OK:
            code = CODES.get(status, grpc.StatusCode.INVALID_ARGUMENT)
            return Outcome(code, _words(told.body), b"", metadata)
        answer: bytes = method.tell(told).SerializeToString()
        return Outcome(grpc.StatusCode.OK, "", answer, metadata)


def _ask(application: Application, environ: dict[str, Any]) -> tuple[int, Told]:
    said: list[Any] = []
    answer = application(environ, lambda *line: said.append(line))
    try:
        body = b"".join(answer)
    finally:
        close = getattr(answer, "close", None)
        if close is not None:
            close()
    status, fields = said[0][:2]
    return int(status[:3]), Told({name.lower(): value for name, value in fields}, body)


def _environ(asked: Asked, given: Metadata, peer: str) -> dict[str, Any]:
    headers = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in given.items()}
    public = _public()
    return {
        "REQUEST_METHOD": asked.method,
        # As WSGI has paths: their bytes, each as a character.
        "PATH_INFO": asked.path.encode().decode("latin-1"),
        "QUERY_STRING": "",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "0",
        "SERVER_PROTOCOL": "HTTP/2.0",
        # Whatever name a caller has for us, it is not one that Django is to judge.
        "HTTP_HOST": public.netloc or "localhost",
        "REMOTE_ADDR": _address(peer),
        "CONTENT_LENGTH": str(len(asked.body)) if asked.body else "",
        "wsgi.input": io.BytesIO(asked.body),
        "wsgi.errors": sys.stderr,
        "wsgi.url_scheme": public.scheme or "http",
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        **headers,
        **asked.headers,
    }


def _public() -> SplitResult:
    return urlsplit(settings.PUBLIC_URL)


def _address(peer: str) -> str:
    """The address in `ipv4:10.0.0.1:5000` or `ipv6:%5B::1%5D:5000`."""
    kind, _, rest = peer.partition(":")
    host = rest.rpartition(":")[0]
    return host if kind == "ipv4" else host.removeprefix("%5B").removesuffix("%5D").strip("[]")


def _told_besides(headers: dict[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(
        (name, value)
        for name, value in headers.items()
        if name in PASSED_OUT or name.startswith(LIMITS)
    )


def _words(body: bytes) -> str:
    """The door's text of an error; problems of what stands before it tell theirs in `detail`."""
    try:
        found = msgspec.json.decode(body)
    except msgspec.DecodeError:
        logger.warning("grpc_error_unread", body=body[:200].decode(errors="replace"))
        return "The server could not answer."
    return str(found.get("error") or found.get("detail") or "")
