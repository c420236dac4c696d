"""Sending: `requests`, over connections that are vetted when they are made."""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from types import TracebackType
from typing import Any, Final, Self

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, NewConnectionError
from urllib3.exceptions import SSLError as TransportSSLError

from common.outbound.deadlines import Deadline
from common.outbound.errors import (
    AnswerUnreadable,
    ConnectionFailed,
    OutboundError,
    TimedOut,
    TlsFailed,
)
from common.outbound.policy import Policy
from common.outbound.urls import checked_url
from common.outbound.vetting import Vetted, vet

MOST_BYTES: Final = 64 * 1024  # of an answer's body
CHUNK: Final = 8 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `body` is its beginning, as sent; `is_external`: from a public address."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    truncated: bool
    duration_ms: float
    is_external: bool

    @property
    def succeeded(self) -> bool:
        return 200 <= self.status < 300


@dataclass(slots=True)
class _Sending:
    """The request at hand, for the connection that is made below `requests`."""

    allow: Policy
    own: frozenset[tuple[str, int]]
    deadline: Deadline
    vetted: Vetted | None = None
    refused: OutboundError | None = None


_sending: ContextVar[_Sending] = ContextVar("sending")


class Line:
    """A connection kept for several requests to one host; for one thread at a time.

    Args:
        allow: what an operator has opened.
        own: the installation's own servers, as host and port.
    """

    def __init__(self, *, allow: Policy, own: frozenset[tuple[str, int]] = frozenset()) -> None:
        self._allow = allow
        self._own = own
        self._session = requests.Session()
        self._session.trust_env = False  # no proxies and no .netrc
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, _GuardedAdapter())
        self._vetted: Vetted | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._session.close()

    def post(self, url: str, *, headers: Mapping[str, str], body: bytes, timeout: float) -> Answer:
        """Send a body and read the answer's beginning, all within `timeout` seconds.

        Any status is an answer, a redirect too: it is not followed. Raises OutboundError.
        """
        sending = _Sending(self._allow, self._own, Deadline(timeout), self._vetted)
        token, start = _sending.set(sending), time.perf_counter()
        try:
            return self._post(str(checked_url(url)), headers, body, sending, start)
        except (requests.RequestException, HTTPError, OSError, ValueError) as error:
            raise _known(error, sending, timeout) from error
        finally:
            self._vetted = sending.vetted
            sending.deadline.release()
            _sending.reset(token)

    def _post(
        self, url: str, headers: Mapping[str, str], body: bytes, sending: _Sending, start: float
    ) -> Answer:
        with self._session.post(
            url,
            data=body,
            # What is packed could unpack to anything, so nothing is asked for packed.
            headers={"Accept": "*/*", "Accept-Encoding": "identity", **headers},
            timeout=sending.deadline.left,
            allow_redirects=False,
            stream=True,
        ) as response:
            first, truncated = _read(response, sending.deadline)
            if sending.deadline.passed:
                raise TimedOut("The answer did not end in time.")
            return Answer(
                status=response.status_code,
                headers=dict(response.headers),
                body=first,
                truncated=truncated,
                duration_ms=round((time.perf_counter() - start) * 1000, 2),
                is_external=sending.vetted is not None and sending.vetted.is_external,
            )


def _read(response: requests.Response, deadline: Deadline) -> tuple[bytes, bool]:
    """The body's beginning; whether there is more, which costs the connection."""
    pieces: list[bytes] = []
    size = 0
    while size <= MOST_BYTES and not deadline.passed:
        piece = response.raw.read(min(CHUNK, MOST_BYTES + 1 - size), decode_content=False)
        if not piece:
            return b"".join(pieces), False
        pieces.append(piece)
        size += len(piece)
    response.raw.close()
    return b"".join(pieces)[:MOST_BYTES], True


def _known(error: Exception, sending: _Sending, timeout: float) -> OutboundError:
    """The error in our words: the cause lies below what `requests` and urllib3 wrapped it in."""
    if isinstance(error, OutboundError):
        return error
    if sending.refused is not None:
        return sending.refused
    if sending.deadline.passed or isinstance(error, requests.Timeout | TimeoutError):
        return TimedOut(f"There was no whole answer within {timeout:g} seconds.")
    causes = list(_causes(error))
    if any(isinstance(one, requests.exceptions.SSLError | TransportSSLError) for one in causes):
        return TlsFailed(f"TLS failed: {_innermost(causes)}")
    if any(isinstance(one, requests.ConnectionError | OSError) for one in causes):
        if sending.vetted is not None and _answered_badly(causes):
            return AnswerUnreadable("What came back is no HTTP answer.")
        return ConnectionFailed(f"The connection failed: {_innermost(causes)}")
    return AnswerUnreadable("What came back is no HTTP answer.")


def _answered_badly(causes: list[BaseException]) -> bool:
    from http.client import HTTPException, RemoteDisconnected

    return any(
        isinstance(one, HTTPException) and not isinstance(one, RemoteDisconnected) for one in causes
    )


def _causes(error: BaseException) -> Any:
    """The error, what it was raised from, and what it carries as its arguments."""
    waiting, seen = [error], set[int]()
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        linked = [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]
        waiting.extend(other for other in linked if isinstance(other, BaseException))


def _innermost(causes: list[BaseException]) -> str:
    """The operating system's own words, where there are any."""
    for one in causes:
        if isinstance(one, OSError) and one.strerror:
            return one.strerror
    return type(causes[-1]).__name__


def _open(host: str, port: int) -> socket.socket:
    """A connection to a vetted address. Called by urllib3 in the middle of a request."""
    sending = _sending.get()
    try:
        sending.vetted = vet(
            host, port, sending.allow, own=sending.own, timeout=sending.deadline.left
        )
        return _connect(sending.vetted, port, sending.deadline)
    except OutboundError as error:
        # urllib3 would wrap it beyond recognition.
        sending.refused = error
        raise


def _connect(vetted: Vetted, port: int, deadline: Deadline) -> socket.socket:
    last: OSError | None = None
    for address in vetted.addresses:
        if deadline.passed:
            break
        try:
            line = socket.create_connection((str(address), port), timeout=deadline.left)
        except TimeoutError:
            break
        except OSError as error:
            last = error
            continue
        deadline.guard(line)
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return line
    if last is None:
        raise TimedOut("Nobody accepted the connection in time.")
    raise ConnectionFailed(f"The connection failed: {last.strerror or type(last).__name__}")


class _GuardedHTTPConnection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _guarded(self)


class _GuardedHTTPSConnection(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return _guarded(self)


def _guarded(connection: HTTPConnection) -> socket.socket:
    try:
        # `_dns_host` is urllib3's own name for it.
        return _open(connection._dns_host, connection.port)
    except OutboundError as error:
        raise NewConnectionError(connection, str(error)) from error


class _GuardedHTTPPool(HTTPConnectionPool):
    ConnectionCls = _GuardedHTTPConnection


class _GuardedHTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _GuardedHTTPSConnection


class _GuardedAdapter(HTTPAdapter):
    """One connection at a time, made by us; no retries, which are the caller's affair."""

    def __init__(self) -> None:
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)

    def init_poolmanager(self, *args: Any, **settings: Any) -> None:
        manager = PoolManager(num_pools=1, maxsize=1)
        manager.pool_classes_by_scheme = {"http": _GuardedHTTPPool, "https": _GuardedHTTPSPool}
        self.poolmanager = manager

    def send(
        self, request: requests.PreparedRequest, *args: Any, **kwargs: Any
    ) -> requests.Response:
        """Send on a kept connection too within the new request's deadline."""
        self._guard_kept()
        return super().send(request, *args, **kwargs)

    def _guard_kept(self) -> None:
        deadline = _sending.get().deadline
        for key in self.poolmanager.pools.keys():  # noqa: SIM118  # it has no iterator
            pool = self.poolmanager.pools.get(key)
            for connection in list(pool.pool.queue) if pool is not None and pool.pool else []:
                if connection is not None and connection.sock is not None:
                    deadline.guard(connection.sock)
