"""The REST side of accounts, and what other apps' views ask for."""

from __future__ import annotations

from rest_framework.request import Request

from accounts.actors import Actor


def actor(request: Request) -> Actor:
    """Who asks. For views behind HasScope, which has made sure there is somebody."""
    if not isinstance(request.auth, Actor):
        raise TypeError("This view is public: it has no actor.")
    return request.auth
