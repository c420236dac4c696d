"""`ETag` and `If-None-Match` on what is read."""

from __future__ import annotations

import hashlib
from typing import Any

from django.http import HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView


class ConditionalMixin(APIView):
    """A GET answers 304 where the caller already has these very bytes.

    The tag is a digest of the rendered body: it costs the query, and saves the transfer.
    """

    def finalize_response(
        self, request: Request, response: Any, *args: Any, **kwargs: Any
    ) -> Response:
        final: Response = super().finalize_response(request, response, *args, **kwargs)
        if request.method == "GET" and final.status_code == 200 and isinstance(final, Response):
            final.add_post_render_callback(lambda done: _tag(request, done))
        return final


def _tag(request: Request, response: HttpResponseBase) -> None:
    digest = hashlib.sha256(getattr(response, "content", b"")).hexdigest()[:32]
    response["ETag"] = tag = f'"{digest}"'
    given = request.headers.get("If-None-Match", "")
    if given == "*" or tag in {part.strip().removeprefix("W/") for part in given.split(",")}:
        response.status_code = 304
        response.content = b""  # type: ignore[attr-defined]  # HttpResponse, not the base
