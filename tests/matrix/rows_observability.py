"""What those who watch ask for."""

from __future__ import annotations

from tests.matrix.table import Row, columns

ROWS: list[Row] = columns(
    # anonymous stranger viewer user editor owner admin operator read-only other expired revoked
    ("GET", "/status", None, "200 200 200 200 200 200 200 200 200 200 200 200"),
    ("GET", "/metrics", None, "401 403 403 403 403 403 403 200 403 403 401 401"),
)
