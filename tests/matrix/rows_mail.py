"""Mail: verification and forgotten passwords. Nobody needs a credential, and none helps."""

from __future__ import annotations

from tests.matrix.cast import Form
from tests.matrix.table import Row, columns

ADDRESS = {"email": "stranger@example.org"}
FORM = Form(lambda: {"email": "stranger@example.org"})
RESET = {"token": "no-such-token", "new_password": "a wholly new phrase"}

ROWS: list[Row] = columns(
    # anonymous stranger viewer user editor owner admin operator read-only other expired revoked
    ("POST", "auth/verify-email", {"token": "x"}, "400 400 400 400 400 400 400 400 400 400 400 400"),
    ("POST", "auth/resend-verification", ADDRESS, "202 202 202 202 202 202 202 202 202 202 202 202"),
    ("POST", "auth/forgot-password", ADDRESS, "202 202 202 202 202 202 202 202 202 202 202 202"),
    ("POST", "auth/reset-password", RESET, "400 400 400 400 400 400 400 400 400 400 400 400"),
    ("GET", "/verify-email", None, "200 200 200 200 200 200 200 200 200 200 200 200"),
    ("GET", "/verify-email/x", None, "200 200 200 200 200 200 200 200 200 200 200 200"),
    ("POST", "/verify-email/x", None, "400 400 400 400 400 400 400 400 400 400 400 400"),
    ("POST", "/verify-email/resend", FORM, "302 302 302 302 302 302 302 302 302 302 302 302"),
    ("GET", "/forgot-password", None, "200 200 200 200 200 200 200 200 200 200 200 200"),
    ("POST", "/forgot-password", FORM, "302 302 302 302 302 302 302 302 302 302 302 302"),
    ("GET", "/reset-password/x", None, "200 200 200 200 200 200 200 200 200 200 200 200"),
)  # fmt: skip
