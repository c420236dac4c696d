"""Rate limits in Django REST framework: the same limiter as the edge's, one call a request."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from accounts.actors import Actor
from accounts.limits import buckets_for
from common.http.limits import note_limits
from common.limits import LimitExceeded, limiter


class LimitThrottle(BaseThrottle):
    """Takes a token of the caller's for every request that got past authentication and scope.

    Raises LimitExceeded; what is left is noted for the answer's headers, whatever it will be.
    """

    def allow_request(self, request: Request, view: Any) -> bool:
        if isinstance(request.auth, Actor):
            buckets = buckets_for(request.auth)
            try:
                note_limits(request._request, limiter().take(buckets))
            except LimitExceeded as error:
                note_limits(request._request, error.standings)
                raise
        return True
