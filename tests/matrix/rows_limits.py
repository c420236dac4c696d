"""Rate limits, which are the operators'."""

from __future__ import annotations

from tests.matrix.table import Row, columns

MANY = {"per_hour": 1_000_000}
NEW = {"kind": "default_organization", **MANY}

ROWS: list[Row] = columns(
    # anonymous stranger viewer user editor owner admin operator read-only other expired revoked
    ("GET", "admin/limits", None, "401 403 403 403 403 403 403 200 403 403 401 401"),
    ("POST", "admin/limits", NEW, "401 403 403 403 403 403 403 201 403 403 401 401"),
    ("GET", "admin/limits/{limit}", None, "401 403 403 403 403 403 403 200 403 403 401 401"),
    ("PUT", "admin/limits/{limit}", MANY, "401 403 403 403 403 403 403 200 403 403 401 401"),
    ("PATCH", "admin/limits/{limit}", MANY, "401 403 403 403 403 403 403 200 403 403 401 401"),
    ("DELETE", "admin/limits/{limit}", None, "401 403 403 403 403 403 403 204 403 403 401 401"),
)
