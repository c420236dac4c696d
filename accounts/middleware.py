"""Who is kept out before anything else is asked."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse  # noqa: TID251  a middleware handles both

from accounts.errors import AddressBlocked
from accounts.guards import guard
from common.context import origin
from common.http.views import answer_error

# What load balancers ask, from wherever they are.
OPEN = frozenset({"/live", "/ready", "/health"})


class AddressMiddleware:
    """Refuse what a global rule about addresses keeps out, on pages and routes alike."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path not in OPEN:
            try:
                guard.check(origin().address)
            except AddressBlocked as error:
                return answer_error(request, error)
        return self.get_response(request)
