"""The WSGI application in front of Django.

    POST /api/v1/models/{ref}/predict      inference.native
    POST /v2/models/{ref}/infer            inference.oip.door
    POST /api/v1/models/{ref}/invocations  inference.scoring, as do /invocations and V1's :predict
    everything else                        Django, behind the gate

A prediction that is in any way unusual (two credentials, another content type, a body of unknown
length, a browser on another site) goes to Django too: the plain view answers it, and is what the
edge is held against in tests. When warm, the edge asks neither the database nor Redis and logs
nothing; docs/decisions/0005 has the reasons.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable
from contextlib import suppress
from http import HTTPStatus

import structlog
from django.conf import settings
from django.core.handlers.wsgi import WSGIRequest

from accounts.errors import InsufficientScope
from accounts.guards import check_address, guard
from common.api.problems import as_domain_error
from common.context import ACCEPTABLE, request_context
from common.errors import DomainError, Invalid, Unavailable
from common.http.address import client_address, client_origin
from common.http.problems import CONTENT_TYPE, problem, problem_headers
from common.http.views import ServerError, answer_error
from common.ids import uuid7_bytes
from common.limits import LimitExceeded, limit_fields
from inference import native
from inference.counted import (
    NATIVE,
    SLOW,
    V2,
    count_failure,
    count_success,
    native_ok,
    note_slow,
    v2_ok,
)
from inference.edge.callers import Callers, Route
from inference.edge.gate import Application, Environ, Gate, StartResponse
from inference.journal.shipper import Shipper, start_shipping
from inference.oip import door
from inference.oip.answer import JSON, error_body, message_of, status_of
from inference.oip.door import Call, Headers
from inference.scoring.door import INVOCATIONS, V1, ScoringDoor
from registry.refs import REF_PATTERN

logger = structlog.get_logger("slipway.edge")

PREFIX = "/api/v1/models/"
SUFFIXES = ("/predict", "/predict/")
PREDICT = re.compile(rf"{PREFIX}({REF_PATTERN})/predict/*")
V2_PREFIX = "/v2/models/"
V2_SUFFIXES = ("/infer", "/infer/")
INFER = re.compile(rf"{V2_PREFIX}({REF_PATTERN})/infer/*")
INVOKE = re.compile(rf"{PREFIX}({REF_PATTERN})/invocations/*")
V1_PREFIX = "/v1/models/"
V1_PREDICT = re.compile(rf"{V1_PREFIX}({REF_PATTERN}):predict/*")
JSON_TYPES = frozenset(
    {"application/json", "application/json; charset=utf-8", "application/json;charset=utf-8"}
)
BEARER = "bearer "
SCOPE = "predict"
NANOSECONDS = 1_000_000_000
TAKEN_IN = 1024 * 1024  # bytes of a body that are read though nobody wants them
LONGEST_LENGTH = 12  # digits of a Content-Length
STATUS = {status.value: f"{status.value} {status.phrase}" for status in HTTPStatus}


class Edge:
    """Predictions before Django. One per process; `start()` once it may have threads."""

    def __init__(self, django: Application) -> None:
        self._django = Gate(django, threads=settings.WEB_THREADS)
        self._most_bytes: int = settings.REQUEST_MAX_BYTES
        self.callers = Callers()
        self._shipper: Shipper | None = None

    def start(self) -> None:
        """Follow what happens, so that callers may be remembered, and ship the journal."""
        self.callers.start()
        self._shipper = start_shipping()

    def stop(self) -> None:
        """End the threads; what is not shipped yet lies in the journal."""
        self.callers.stop()
        if self._shipper is not None:
            self._shipper.stop()

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] == "POST":
            path: str = environ["PATH_INFO"]
            if path.startswith(PREFIX) and path.endswith(SUFFIXES):
                length, token = self._length(environ), _token(environ)
                if length and token is not None and _is_plain_json(environ):
                    return self._predict(environ, start_response, token, path, length)
            elif path.startswith(V2_PREFIX) and path.endswith(V2_SUFFIXES):
                length, token = self._length(environ), _token(environ)
                if length and token is not None:
                    return self._infer(environ, start_response, token, path, length)
            elif (scoring := _scoring_door(path)) is not None:
                length, token = self._length(environ), _token(environ)
                if length and token is not None and _is_plain_json(environ):
                    return self._score(environ, start_response, token, length, *scoring)
        return self._pass_on(environ, start_response)

    def _predict(
        self, environ: Environ, start_response: StartResponse, token: str, path: str, length: int
    ) -> Iterable[bytes]:
        self._django.predicted_at = now = time.monotonic()
        id_ = uuid7_bytes()
        request_id = _request_id(environ, id_)
        limits: Headers = []
        try:
            if guard.active:
                guard.check(client_address(environ))
            route = self.callers.known(token, path, now)
            if route is not None:
                if route.guarded is not None:
                    check_address(route.guarded, client_address(environ))
                limits = route.lease.take(now)
            elif (route := self._route(environ, token, path, PREDICT, limits)) is None:
                return self._pass_on(environ, start_response)
            body = _read(environ, length)
            out, said = native.answer(route.served, route.facts, body, id_, request_id)
        except Exception as error:  # noqa: BLE001  the last place that can answer
            _take_in(environ)
            return _refuse(error, start_response, request_id, now, limits)
        headers = [
            *ANSWER_HEADERS,
            ("X-Request-ID", request_id),
            *limits,
            *route.served.notices,
            *said,
        ]
        start_response("200 OK", headers)
        took = time.monotonic() - now
        native_ok(int(took * NANOSECONDS))
        if took > SLOW:
            note_slow(NATIVE, now, request_id, route.served)
        return [out]

    def _infer(
        self, environ: Environ, start_response: StartResponse, token: str, path: str, length: int
    ) -> Iterable[bytes]:
        self._django.predicted_at = now = time.monotonic()
        id_ = uuid7_bytes()
        request_id = _request_id(environ, id_)
        limits: Headers = []
        try:
            if guard.active:
                guard.check(client_address(environ))
            route = self.callers.known(token, path, now)
            if route is not None:
                if route.guarded is not None:
                    check_address(route.guarded, client_address(environ))
                limits = route.lease.take(now)
            elif (route := self._route(environ, token, path, INFER, limits)) is None:
                return self._pass_on(environ, start_response)
            call = Call.of(environ, _read(environ, length))
            out, headers = door.infer(
                route.served, route.facts, call, id_, request_id, most=self._most_bytes
            )
        except Exception as error:  # noqa: BLE001  the last place that can answer
            _take_in(environ)
            return _refuse_v2(error, start_response, request_id, path, now, limits)
        headers += [NOSNIFF, ("X-Request-ID", request_id), *limits, *route.served.notices]
        start_response("200 OK", headers)
        took = time.monotonic() - now
        v2_ok(int(took * NANOSECONDS))
        if took > SLOW:
            note_slow(V2, now, request_id, route.served)
        return [out]

    def _score(  # noqa: PLR0913  a request, and by which door it came
        self,
        environ: Environ,
        start_response: StartResponse,
        token: str,
        length: int,
        path: str,
        pattern: re.Pattern[str],
        door: ScoringDoor,
    ) -> Iterable[bytes]:
        self._django.predicted_at = now = time.monotonic()
        id_ = uuid7_bytes()
        request_id = _request_id(environ, id_)
        limits: Headers = []
        try:
            if guard.active:
                guard.check(client_address(environ))
            route = self.callers.known(token, path, now)
            if route is not None:
                if route.guarded is not None:
                    check_address(route.guarded, client_address(environ))
                limits = route.lease.take(now)
            elif (route := self._route(environ, token, path, pattern, limits)) is None:
                return self._pass_on(environ, start_response)
            body = _read(environ, length)
            out, headers = door.answer(route.served, route.facts, body, id_, request_id)
        except Exception as error:  # noqa: BLE001  the last place that can answer
            _take_in(environ)
            return _refuse_score(error, start_response, request_id, now, limits, door)
        headers += [NOSNIFF, ("X-Request-ID", request_id), *limits, *route.served.notices]
        start_response("200 OK", headers)
        count_success(door.name, now)
        return [out]

    def _route(
        self, environ: Environ, token: str, path: str, pattern: re.Pattern[str], limits: Headers
    ) -> Route | None:
        """Where the path leads this caller; None where it is no path of ours.

        What `Callers.known` gives the next time has passed here: who may not predict has no route.
        A call that was counted adds its headers to `limits`, though it may lead nowhere.
        """
        where = client_origin(environ)
        with request_context(environ.get("HTTP_X_REQUEST_ID", ""), where):
            caller = self.callers.caller(token)
        if caller.guarded is not None:
            check_address(caller.guarded, where.address)
        if SCOPE not in caller.actor.scopes:
            raise InsufficientScope(SCOPE)
        found = pattern.fullmatch(path)
        if found is None:
            return None  # Django answers it, and counts it
        limits += caller.lease.take(time.monotonic())
        return self.callers.route(caller, path, found[1])

    def _length(self, environ: Environ) -> int:
        """How long the body is; 0 where Django shall judge the request."""
        length: str = environ.get("CONTENT_LENGTH", "")
        if (
            "HTTP_ORIGIN" in environ
            or environ.get("QUERY_STRING")
            or "HTTP_TRANSFER_ENCODING" in environ
            or not (length.isdecimal() and length.isascii() and len(length) < LONGEST_LENGTH)
        ):
            return 0
        count = int(length)
        return count if count <= self._most_bytes else 0

    def _pass_on(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        try:
            answer = self._django(environ, start_response)
        except Unavailable as error:  # of the gate; Django answers its own errors
            logger.warning("gate_full", path=environ["PATH_INFO"])
            with request_context(environ.get("HTTP_X_REQUEST_ID", "")):
                refused = answer_error(WSGIRequest(environ), error)
            _take_in(environ)
            start_response(STATUS[error.status], list(refused.items()))
            return [refused.content]
        _take_in(environ)
        return answer


def _scoring_door(path: str) -> tuple[str, re.Pattern[str], ScoringDoor] | None:
    """The path as the model's own, its grammar and its door; None where it is none of those."""
    if path in {"/invocations", "/invocations/"} and settings.SLIPWAY_DEFAULT_MODEL:
        path = f"{PREFIX}{settings.SLIPWAY_DEFAULT_MODEL}/invocations"
    if path.startswith(PREFIX) and path.endswith(("/invocations", "/invocations/")):
        return path, INVOKE, INVOCATIONS[JSON]
    if path.startswith(V1_PREFIX) and path.endswith((":predict", ":predict/")):
        return path, V1_PREDICT, V1
    return None


NOSNIFF = ("X-Content-Type-Options", "nosniff")
ANSWER_HEADERS = (("Content-Type", "application/json"), NOSNIFF)


def _is_plain_json(environ: Environ) -> bool:
    return environ.get("CONTENT_TYPE") in JSON_TYPES and "HTTP_CONTENT_ENCODING" not in environ


def _token(environ: Environ) -> str | None:
    """The one credential of a request; None where there is none, two, or one of another kind."""
    authorization: str | None = environ.get("HTTP_AUTHORIZATION")
    key: str | None = environ.get("HTTP_X_API_KEY")
    if authorization is None:
        return key
    if key is None and authorization[: len(BEARER)].lower() == BEARER:
        return authorization[len(BEARER) :].strip()
    return None


def _request_id(environ: Environ, id_: bytes) -> str:
    """The caller's own, where it is well-formed, else the prediction's id."""
    given: str | None = environ.get("HTTP_X_REQUEST_ID")
    return given if given is not None and ACCEPTABLE.match(given) else id_.hex()


def _read(environ: Environ, length: int) -> bytes:
    body: bytes = environ["wsgi.input"].read(length)
    if len(body) != length:
        raise Invalid("The body ended early.", code="incomplete_body")
    return body


def _take_in(environ: Environ) -> None:
    """Read what nobody has read of a body, before the answer leaves.

    The server closes a connection on which a body is still to come, and whoever is sending it then
    gets a reset instead of the answer. What is long is not waited for.
    """
    length: str = environ.get("CONTENT_LENGTH", "")
    if length.isdecimal() and len(length) < LONGEST_LENGTH and 0 < int(length) <= TAKEN_IN:
        with suppress(OSError):
            environ["wsgi.input"].read()


def _known(error: Exception, request_id: str) -> DomainError:
    """The error in the domain's words; a bug of ours is logged."""
    if isinstance(error, DomainError):
        return error
    with request_context(request_id):
        known = as_domain_error(error)
        if known is None:
            logger.error("prediction_crashed", exc_info=error)
    if known is None:
        return ServerError("Something went wrong on our side. The request id finds it in the log.")
    return known


def _refuse(
    error: Exception, start_response: StartResponse, request_id: str, began: float, limits: Headers
) -> Iterable[bytes]:
    """The error as a problem, as Django's view would tell it."""
    known = _known(error, request_id)
    count_failure(NATIVE, known, began)
    body = json.dumps(problem(known, request_id)).encode()
    headers = [("Content-Type", CONTENT_TYPE), *_error_headers(error, known, request_id, limits)]
    start_response(STATUS[known.status], headers)
    return [body]


def _refuse_v2(
    error: Exception,
    start_response: StartResponse,
    request_id: str,
    path: str,
    began: float,
    limits: Headers,
) -> Iterable[bytes]:
    """The error as the protocol's clients read it."""
    known = _known(error, request_id)
    count_failure(V2, known, began)
    found = INFER.fullmatch(path)
    body = error_body(message_of(known, found[1] if found else path))
    headers = [("Content-Type", JSON), *_error_headers(error, known, request_id, limits)]
    start_response(STATUS[status_of(known)], headers)
    return [body]


def _refuse_score(
    error: Exception,
    start_response: StartResponse,
    request_id: str,
    began: float,
    limits: Headers,
    door: ScoringDoor,
) -> Iterable[bytes]:
    """The error as the door's clients read it."""
    known = _known(error, request_id)
    count_failure(door.name, known, began)
    headers = [("Content-Type", JSON), *_error_headers(error, known, request_id, limits)]
    start_response(STATUS[known.status], headers)
    return [door.error_body(known)]


def _error_headers(
    error: Exception, known: DomainError, request_id: str, limits: Headers
) -> Headers:
    if isinstance(known, LimitExceeded):
        limits = limit_fields(known.standings)
    headers = [NOSNIFF, ("X-Request-ID", request_id), *problem_headers(known).items(), *limits]
    challenge = getattr(error, "auth_header", None)
    return [*headers, ("WWW-Authenticate", challenge)] if challenge else headers
