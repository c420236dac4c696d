"""The headers that tell limits, on whatever Django answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from django.http import HttpRequest, HttpResponse

from common.limits import Standing, limit_fields

ATTRIBUTE = "slipway_limits"


def note_limits(request: HttpRequest, standings: Sequence[Standing]) -> None:
    """Remember with a request where its caller's limits stand."""
    setattr(request, ATTRIBUTE, standings)


class LimitHeadersMiddleware:
    """Tell where the caller's limits stand, where the request was counted; errors included."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        for name, value in limit_fields(getattr(request, ATTRIBUTE, ())):
            response[name] = value
        return response
