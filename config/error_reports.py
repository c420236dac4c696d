"""Telling Sentry, or whatever speaks its protocol, of errors; only where SENTRY_DSN is set."""

from __future__ import annotations

from typing import Any

from django.conf import settings

from common.context import request_id
from common.redaction import redact


def start(role: str) -> None:
    """Send this process's unhandled errors and error lines of the log, without secrets."""
    if not settings.SENTRY_DSN:
        return
    import sentry_sdk
    from sentry_sdk.integrations.django import DjangoIntegration

    sentry_sdk.init(
        dsn=settings.SENTRY_DSN,
        release=f"slipway@{settings.VERSION}",
        server_name=role,
        send_default_pii=False,
        include_local_variables=False,
        max_request_body_size="never",
        traces_sample_rate=None,
        # Only what we stand on: the others are imported to be looked for. Celery logs the tasks
        # that fail, and error lines of the log are reported; its integration must be there before
        # the pool's processes are forked, which is too early for threads.
        auto_enabling_integrations=False,
        integrations=[DjangoIntegration()],
        before_send=_clean,
        before_breadcrumb=lambda crumb, _: redact(crumb),
    )


def _clean(event: Any, _: Any) -> Any:
    """The event without secrets, with the request's id to find its log lines by."""
    cleaned = redact({**event})
    request = cleaned.get("request", {})
    for name in ("cookies", "data", "env", "headers", "query_string"):
        request.pop(name, None)
    if request_id():
        cleaned["tags"] = {**(cleaned.get("tags") or {}), "request_id": request_id()}
    return cleaned
