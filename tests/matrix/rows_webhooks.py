"""Webhooks: an organization's, seen by its people, managed by those who may change models."""

from __future__ import annotations

from tests.matrix.cast import Form
from tests.matrix.table import Row, columns

NEW = {"url": "https://93.184.215.14/hook", "events": ["model.updated"]}
NEW_AT_ACME = {**NEW, "organization": "acme"}
RANGE = {"since": "2026-01-01T00:00:00Z"}
EDIT = Form(
    lambda: {
        **NEW, "timeout_s": "15", "max_attempts": "10", "batch_s": "10", "sample_percent": "100",
    }
)  # fmt: skip
ROTATE = Form(lambda: {"overlap": "3600"})

ROWS: list[Row] = columns(
    # anonymous stranger viewer user editor owner admin operator read-only other expired revoked
    ("GET", "webhooks", None, "401 200 200 200 200 200 200 200 200 200 401 401"),
    ("POST", "webhooks", NEW, "401 201 201 201 201 201 201 201 403 400 401 401"),
    ("POST", "webhooks", NEW_AT_ACME, "401 404 404 404 404 201 201 404 403 400 401 401"),
    ("GET", "webhooks/event-types", None, "401 200 200 200 200 200 200 200 200 200 401 401"),
    ("GET", "webhooks/{webhook}", None, "401 404 404 404 404 200 200 404 200 404 401 401"),
    ("PUT", "webhooks/{webhook}", {"timeout_s": 9}, "401 404 404 404 404 200 200 404 403 404 401 401"),
    ("PATCH", "webhooks/{webhook}", {"timeout_s": 9}, "401 404 404 404 404 200 200 404 403 404 401 401"),
    ("DELETE", "webhooks/{webhook}", None, "401 404 404 404 404 204 204 404 403 404 401 401"),
    ("POST", "webhooks/{webhook}/test", {}, "401 404 404 404 404 202 202 404 403 404 401 401"),
    ("POST", "webhooks/{webhook}/rotate-secret", {}, "401 404 404 404 404 200 200 404 403 404 401 401"),
    ("POST", "webhooks/{webhook}/replay", RANGE, "401 404 404 404 404 202 202 404 403 404 401 401"),
    ("GET", "webhooks/{webhook}/deliveries", None, "401 404 404 404 404 200 200 404 200 404 401 401"),
    ("GET", "webhooks/{webhook}/deliveries/{delivery}", None, "401 404 404 404 404 200 200 404 200 404 401 401"),
    ("GET", "/webhooks", None, "302 200 200 200 200 200 200 200 302 302 302 302"),
    ("GET", "/webhooks/{webhook}", None, "302 404 404 404 404 200 200 404 302 302 302 302"),
    ("GET", "/webhooks/{webhook}/edit", None, "302 404 404 404 404 200 200 404 302 302 302 302"),
    ("POST", "/webhooks/{webhook}/edit", EDIT, "302 404 404 404 404 302 302 404 302 302 302 302"),
    ("POST", "/webhooks/{webhook}/rotate", ROTATE, "302 404 404 404 404 200 200 404 302 302 302 302"),
    ("POST", "/webhooks/{webhook}/turn", None, "302 404 404 404 404 302 302 404 302 302 302 302"),
    ("POST", "/webhooks/{webhook}/test", None, "302 404 404 404 404 302 302 404 302 302 302 302"),
    ("POST", "/webhooks/{webhook}/replay", None, "302 404 404 404 404 302 302 404 302 302 302 302"),
    ("POST", "/webhooks/{webhook}/delete", None, "302 404 404 404 404 302 302 404 302 302 302 302"),
    ("GET", "/webhooks/{webhook}/deliveries/{delivery}", None, "302 404 404 404 404 200 200 404 302 302 302 302"),
    ("POST", "/webhooks/{webhook}/deliveries/{delivery}/replay", None, "302 404 404 404 404 302 302 404 302 302 302 302"),
)  # fmt: skip
