"""Rules about addresses, and threats."""

from __future__ import annotations

from tests.matrix.table import Row, columns

RULE = {"effect": "block", "network": "203.0.113.0/24"}

ROWS: list[Row] = columns(
    # anonymous stranger viewer user editor owner admin operator read-only other expired revoked
    ("GET", "admin/ip-rules", None, "401 403 403 403 403 403 403 200 403 403 401 401"),
    ("POST", "admin/ip-rules", RULE, "401 403 403 403 403 403 403 201 403 403 401 401"),
    ("POST", "admin/ip-rules?dry_run=true", RULE, "401 403 403 403 403 403 403 200 403 403 401 401"),
    ("GET", "admin/ip-rules/{rule}", None, "401 403 403 403 403 403 403 200 403 403 401 401"),
    ("PUT", "admin/ip-rules/{rule}", {"reason": "x"}, "401 403 403 403 403 403 403 200 403 403 401 401"),
    ("PATCH", "admin/ip-rules/{rule}", {"reason": "x"}, "401 403 403 403 403 403 403 200 403 403 401 401"),
    ("DELETE", "admin/ip-rules/{rule}", None, "401 403 403 403 403 403 403 204 403 403 401 401"),
    ("GET", "admin/threats", None, "401 403 403 403 403 403 403 200 403 403 401 401"),
    ("GET", "admin/threats/{threat}", None, "401 403 403 403 403 403 403 200 403 403 401 401"),
    ("POST", "admin/threats/{threat}/undo", None, "401 403 403 403 403 403 403 200 403 403 401 401"),
    ("GET", "organizations/acme/ip-rules", None, "401 404 404 404 404 200 200 404 403 200 401 401"),
    ("POST", "organizations/acme/ip-rules", RULE, "401 404 404 404 404 201 201 404 403 201 401 401"),
    ("DELETE", "organizations/acme/ip-rules/{own_rule}", None, "401 404 404 404 404 204 204 404 403 204 401 401"),
)  # fmt: skip
