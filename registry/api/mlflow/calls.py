"""A call of MLflow's clients: its fields in, one domain call, its shape out.

A module of calls is a list of functions, each marked with its route; `views_of` makes the views.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api import actor
from common.api.problems import as_domain_error, exception_handler
from common.http.mlflow import mlflow_response
from registry.mlflow.asked import Asked
from registry.mlflow.place import Place, find_place

READ: Final = "models:read"
WRITE: Final = "models:write"
PASSED_ON: Final = frozenset({"WWW-Authenticate", "Retry-After", "Allow"})
Shape = dict[str, Any]
Function = Callable[..., Shape]


@dataclass(frozen=True, slots=True)
class Call:
    """One method of one route; `query` names the fields that stand behind the question mark."""

    path: str
    method: str
    scope: str
    query: tuple[str, ...]
    function: Function


calls: list[Call] = []


def call(method: str, path: str, scope: str, *query: str) -> Callable[[Function], Function]:
    """Enter a function under a route below `/api/2.0/mlflow/`, a regular expression."""

    def enter(function: Function) -> Function:
        calls.append(Call(path, method, scope, query, function))
        return function

    return enter


class MlflowView(APIView):
    """JSON whatever is accepted, and every error as MLflow tells it."""

    scopes: Any = READ

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        renderer = self.get_renderers()[0]
        return renderer, renderer.media_type

    def get_exception_handler(self) -> Any:
        return _tell

    def place(self, request: Request, organization: str | None) -> Place:
        return find_place(actor(request), organization or "")

    def asked(self, request: Request) -> Asked:
        if request.method == "GET":
            return Asked.of_query(dict(request.query_params.lists()))
        return Asked.of_body(request._request.body)


def _tell(exc: Exception, context: dict[str, Any]) -> HttpResponse | None:
    answered, known = exception_handler(exc, context), as_domain_error(exc)
    if answered is None or known is None:
        return None
    kept = {name: value for name, value in answered.items() if name in PASSED_ON}
    return mlflow_response(known, headers=kept)


def views_of(found: Iterable[Call]) -> Iterator[tuple[str, Any]]:
    """Each path with its view."""
    paths: dict[str, list[Call]] = defaultdict(list)
    for one in found:
        paths[one.path].append(one)
    for path, methods in paths.items():
        body: dict[str, Any] = {one.method.lower(): _handler(one) for one in methods}
        body["scopes"] = {one.method.lower(): one.scope for one in methods}
        yield path, type("MlflowCallView", (MlflowView,), body).as_view()  # type: ignore[attr-defined]  # a view's


def _handler(one: Call) -> Callable[..., Response]:
    def answer(
        view: MlflowView, request: Request, organization: str | None = None, **names: str
    ) -> Response:
        place = view.place(request, organization)
        return Response(one.function(place, view.asked(request), **names))

    answer.__doc__ = one.function.__doc__
    described = extend_schema(
        operation_id=f"mlflow_{one.function.__name__}",
        request=None if one.method == "GET" else OpenApiTypes.OBJECT,
        responses=OpenApiTypes.OBJECT,
        parameters=[
            OpenApiParameter(name, str, description="As MLflow's REST API says.")
            for name in one.query
        ],
    )
    made: Callable[..., Response] = described(answer)
    return made


def page(asked: Asked, rows: Any, *, usual: int, most: int) -> tuple[list[Any], Shape]:
    """The rows of the page that is asked for, and the token of the next one, if there is one."""
    size = asked.whole("max_results", usual, low=0, high=50_000)
    size = min(size or usual, most)
    start = asked.whole("page_token", 0, low=0, high=10**9)
    found = list(rows[start : start + size + 1])
    more = {"next_page_token": str(start + size)} if len(found) > size else {}
    return found[:size], more
