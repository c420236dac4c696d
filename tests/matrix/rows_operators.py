"""Histories, notifications, and the operators' routes."""

from __future__ import annotations

from tests.matrix.table import Row, columns

NOBODY = {"ids": ["0198c1a0-0000-7000-8000-000000000000"], "action": "activate"}

ROWS: list[Row] = columns(
    # anonymous stranger viewer user editor owner admin operator read-only other expired revoked
    ("GET", "users/me/activity", None, "401 200 200 200 200 200 200 200 200 200 401 401"),
    ("GET", "users/me/security-events", None, "401 200 200 200 200 200 200 200 200 200 401 401"),
    ("GET", "organizations/acme/audit", None, "401 404 404 404 404 200 200 404 403 200 401 401"),
    ("GET", "organizations/{organization}/audit?subject={key}", None, "401 404 404 404 404 200 200 404 403 200 401 401"),
    ("GET", "notifications", None, "401 200 200 200 200 200 200 200 200 200 401 401"),
    ("POST", "notifications/read-all", None, "401 200 200 200 200 200 200 200 403 200 401 401"),
    ("POST", "notifications/{key}/read", None, "401 404 404 404 404 404 404 404 403 404 401 401"),
    ("GET", "notifications/preferences", None, "401 200 200 200 200 200 200 200 200 200 401 401"),
    ("PUT", "notifications/preferences", {"digest": "daily"}, "401 200 200 200 200 200 200 200 403 200 401 401"),
    ("PATCH", "notifications/preferences", {"digest": "daily"}, "401 200 200 200 200 200 200 200 403 200 401 401"),
    ("GET", "admin/users", None, "401 403 403 403 403 403 403 200 403 403 401 401"),
    ("GET", "admin/users/{owner_id}", None, "401 403 403 403 403 403 403 200 403 403 401 401"),
    ("POST", "admin/users/bulk", NOBODY, "401 403 403 403 403 403 403 200 403 403 401 401"),
    ("GET", "admin/activity", None, "401 403 403 403 403 403 403 200 403 403 401 401"),
    ("GET", "admin/audit", None, "401 403 403 403 403 403 403 200 403 403 401 401"),
    ("GET", "admin/notifications", None, "401 403 403 403 403 403 403 200 403 403 401 401"),
    ("GET", "admin/metrics", None, "401 403 403 403 403 403 403 200 403 403 401 401"),
    ("GET", "admin/health", None, "401 403 403 403 403 403 403 200 403 403 401 401"),
    ("GET", "admin/dashboard", None, "401 403 403 403 403 403 403 200 403 403 401 401"),
    ("GET", "/profile/activity", None, "302 200 200 200 200 200 200 200 302 302 302 302"),
    ("GET", "/profile/security", None, "302 200 200 200 200 200 200 200 302 302 302 302"),
    ("GET", "/keys/{key}/history", None, "302 404 404 404 404 200 200 404 302 302 302 302"),
    ("GET", "/models/acme/churn/history", None, "302 404 200 200 200 200 200 404 302 302 302 302"),
    ("GET", "/notifications", None, "302 200 200 200 200 200 200 200 302 302 302 302"),
    ("GET", "/notifications/preferences", None, "302 200 200 200 200 200 200 200 302 302 302 302"),
    ("GET", "/notifications/read-all", None, "302 405 405 405 405 405 405 405 302 302 302 302"),
    ("POST", "/notifications/read-all", None, "302 302 302 302 302 302 302 302 302 302 302 302"),
    ("GET", "/notifications/{key}/read", None, "302 405 405 405 405 405 405 405 302 302 302 302"),
    ("POST", "/notifications/{key}/read", None, "302 404 404 404 404 404 404 404 302 302 302 302"),
)  # fmt: skip
