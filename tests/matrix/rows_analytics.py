"""Figures: a model's for its organization's people, one's own for oneself, all for operators."""

from __future__ import annotations

from tests.matrix.table import Row, columns

REPORT = {"about": "dashboard", "every": "week"}

ROWS: list[Row] = columns(
    # anonymous stranger viewer user editor owner admin operator read-only other expired revoked
    ("GET", "analytics/models/acme/churn", None, "401 404 403 403 403 200 200 404 200 404 401 401"),
    ("GET", "analytics/models/compare?refs=acme/churn", None, "401 404 403 403 403 200 200 404 200 404 401 401"),
    ("GET", "analytics/user-dashboard", None, "401 200 200 200 200 200 200 200 200 200 401 401"),
    ("GET", "analytics/platform-overview", None, "401 403 403 403 403 403 403 200 403 403 401 401"),
    ("GET", "users/me/statistics", None, "401 200 200 200 200 200 200 200 200 200 401 401"),
    ("PATCH", "users/me/statistics", {"counted": False}, "401 200 200 200 200 200 200 200 403 200 401 401"),
    ("GET", "users/me/predictions/analytics", None, "401 200 200 200 200 200 200 200 200 200 401 401"),
    # No mail is configured here: 400 says that the caller got as far as that.
    ("GET", "reports", None, "401 200 200 200 200 200 200 200 200 200 401 401"),
    ("POST", "reports", REPORT, "401 400 400 400 400 400 400 400 403 400 401 401"),
    ("GET", "reports/{report}", None, "401 404 404 404 404 200 404 404 200 200 401 401"),
    ("DELETE", "reports/{report}", None, "401 404 404 404 404 204 404 404 403 204 401 401"),
    ("POST", "reports/{report}/send", {}, "401 404 404 404 404 202 404 404 403 202 401 401"),
    ("GET", "/analytics/reports", None, "302 200 200 200 200 200 200 200 302 302 302 302"),
    ("POST", "/analytics/reports/{report}/send", None, "302 404 404 404 404 302 404 404 302 302 302 302"),
    ("POST", "/analytics/reports/{report}/delete", None, "302 404 404 404 404 302 404 404 302 302 302 302"),
    ("GET", "/analytics", None, "302 200 200 200 200 200 200 200 302 302 302 302"),
    ("GET", "/analytics/compare", None, "302 200 200 200 200 200 200 200 302 302 302 302"),
    ("GET", "/analytics/platform", None, "302 403 403 403 403 403 403 200 302 302 302 302"),
    ("POST", "/analytics/count-me", None, "302 302 302 302 302 302 302 302 302 302 302 302"),
    ("GET", "/analytics/models/acme/churn", None, "302 404 403 403 403 200 200 404 302 302 302 302"),
)  # fmt: skip
