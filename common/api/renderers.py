"""Response bodies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rest_framework.renderers import JSONRenderer as RestJSONRenderer

from common.http.problems import CONTENT_TYPE


class JSONRenderer(RestJSONRenderer):
    """JSON; a problem goes out under its own content type, and NaN never does."""

    strict = True
    charset = None

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        response = (renderer_context or {}).get("response")
        if response is not None and response.status_code >= 400:
            response["Content-Type"] = CONTENT_TYPE
        rendered: bytes = super().render(data, accepted_media_type, renderer_context)
        return rendered
