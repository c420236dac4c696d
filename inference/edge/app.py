"""The WSGI application in front of Django.

    POST /api/v1/models/{ref}/predict      native.answer
    everything else                        Django, behind the gate

A prediction that is in any way unusual (two credentials, another content type, a body of unknown
length, a browser on another site) goes to Django too: the plain view answers it, and is what the
edge is held against in tests. When warm, the edge asks neither the database nor Redis and logs
nothing; docs/decisions/0005 has the reasons.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from http import HTTPStatus

import structlog
from django.conf import settings
from django.core.handlers.wsgi import WSGIRequest

from accounts.errors import InsufficientScope
from common.api.problems import as_domain_error
from common.context import ACCEPTABLE, request_context
from common.errors import Invalid, Unavailable
from common.http.problems import CONTENT_TYPE, problem, problem_headers
from common.http.views import ServerError, answer_error
from common.ids import uuid7_int
from inference import native
from inference.edge.callers import Callers
from inference.edge.gate import Application, Environ, Gate, StartResponse
from inference.journal.shipper import Shipper, start_shipping
from registry.refs import REF_PATTERN

logger = structlog.get_logger("slipway.edge")

PREFIX = "/api/v1/models/"
SUFFIXES = ("/predict", "/predict/")
PREDICT = re.compile(rf"{PREFIX}({REF_PATTERN})/predict/*")
JSON_TYPES = frozenset(
    {"application/json", "application/json; charset=utf-8", "application/json;charset=utf-8"}
)
BEARER = "bearer "
SCOPE = "predict"
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
        self.callers.follower.start()
        self._shipper = start_shipping()

    def stop(self) -> None:
        """End both threads; what is not shipped yet lies in the journal."""
        self.callers.follower.stop()
        if self._shipper is not None:
            self._shipper.stop()

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] == "POST":
            path: str = environ["PATH_INFO"]
            if path.startswith(PREFIX) and path.endswith(SUFFIXES):
                token = self._plain_token(environ)
                if token is not None:
                    return self._predict(environ, start_response, token, path)
        return self._pass_on(environ, start_response)

    def _predict(
        self, environ: Environ, start_response: StartResponse, token: str, path: str
    ) -> Iterable[bytes]:
        number = uuid7_int()
        given = environ.get("HTTP_X_REQUEST_ID", "")
        request_id = given if given and ACCEPTABLE.match(given) else f"{number:032x}"
        try:
            caller = self.callers.caller(token)
            if SCOPE not in caller.scopes:
                raise InsufficientScope(SCOPE)  # noqa: TRY301
            route = caller.routes.get(path)
            if route is None:
                found = PREDICT.fullmatch(path)
                if found is None:
                    return self._pass_on(environ, start_response)
                route = self.callers.route(caller, path, found[1])
            body = _read(environ)
            out = native.answer(route.served, route.facts, body, number, request_id)
        except Exception as error:  # noqa: BLE001  the last place that can answer
            return _refuse(error, start_response, request_id)
        start_response("200 OK", [*ANSWER_HEADERS, ("X-Request-ID", request_id)])
        return [out]

    def _plain_token(self, environ: Environ) -> str | None:
        """The credential of a request the edge takes; None for one that Django shall judge."""
        length = environ.get("CONTENT_LENGTH", "")
        plain = (
            environ.get("CONTENT_TYPE") in JSON_TYPES
            and "HTTP_ORIGIN" not in environ
            and "HTTP_CONTENT_ENCODING" not in environ
            and "HTTP_TRANSFER_ENCODING" not in environ
            and length.isdecimal()
            and length.isascii()
            and 0 < int(length) <= self._most_bytes
        )
        if not plain:
            return None
        authorization: str | None = environ.get("HTTP_AUTHORIZATION")
        key: str | None = environ.get("HTTP_X_API_KEY")
        if authorization is None:
            return key
        if key is None and authorization[: len(BEARER)].lower() == BEARER:
            return authorization[len(BEARER) :].strip()
        return None

    def _pass_on(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        try:
            return self._django(environ, start_response)
        except Unavailable as error:  # of the gate; Django answers its own errors
            logger.warning("gate_full", path=environ["PATH_INFO"])
            with request_context(environ.get("HTTP_X_REQUEST_ID", "")):
                answer = answer_error(WSGIRequest(environ), error)
            start_response(STATUS[error.status], list(answer.items()))
            return [answer.content]


ANSWER_HEADERS = (
    ("Content-Type", "application/json"),
    ("X-Content-Type-Options", "nosniff"),
)
PROBLEM_HEADERS = (("Content-Type", CONTENT_TYPE), ("X-Content-Type-Options", "nosniff"))


def _read(environ: Environ) -> bytes:
    length = int(environ["CONTENT_LENGTH"])
    body: bytes = environ["wsgi.input"].read(length)
    if len(body) != length:
        raise Invalid("The body ended early.", code="incomplete_body")
    return body


def _refuse(error: Exception, start_response: StartResponse, request_id: str) -> Iterable[bytes]:
    """The error as a problem, as Django's view would tell it."""
    with request_context(request_id):
        known = as_domain_error(error)
        if known is None:
            logger.error("prediction_crashed", exc_info=error)
            known = ServerError(
                "Something went wrong on our side. The request id finds it in the log."
            )
        headers = [*PROBLEM_HEADERS, ("X-Request-ID", request_id), *problem_headers(known).items()]
        challenge = getattr(error, "auth_header", None)
        if challenge:
            headers.append(("WWW-Authenticate", challenge))
        body = json.dumps(problem(known)).encode()
    start_response(STATUS[known.status], headers)
    return [body]
