"""Pages, and what stands at the root. A program has no session: a page sends it to the log-in."""

from __future__ import annotations

from tests.matrix.cast import Form
from tests.matrix.table import Row, columns

NAME = Form(lambda: {"name": "New"})
OVERLAP = Form(lambda: {"overlap": "3600"})
PERMISSION = Form(lambda: {"permission": "edit"})
MOVE = Form(lambda: {"alias": "steady", "number": "1"})
TRUTH = Form(lambda: {"label": "yes", "row": "0"})
MODEL = Form(
    lambda: {
        "description": "New",
        "tags": "",
        "status": "active",
        "store_inputs": "all",
        "store_inputs_percent": "10",
        "masked_features": "",
        "cache_seconds": "0",
        "timeout_s": "30",
    }
)

ROWS: list[Row] = columns(
    # anonymous stranger viewer user editor owner admin operator read-only other expired revoked
    ("GET", "/", None, "200 200 200 200 200 200 200 200 200 200 200 200"),
    ("GET", "/health", None, "200 200 200 200 200 200 200 200 200 200 200 200"),
    ("GET", "/health/db", None, "200 200 200 200 200 200 200 200 200 200 200 200"),
    ("GET", "/live", None, "200 200 200 200 200 200 200 200 200 200 200 200"),
    ("GET", "/ready", None, "200 200 200 200 200 200 200 200 200 200 200 200"),
    ("GET", "/openapi.json", None, "200 200 200 200 200 200 200 200 200 200 200 200"),
    ("GET", "/docs", None, "200 200 200 200 200 200 200 200 200 200 200 200"),
    ("GET", "/redoc", None, "200 200 200 200 200 200 200 200 200 200 200 200"),
    ("GET", "/docs/errors", None, "200 200 200 200 200 200 200 200 200 200 200 200"),
    ("GET", "/signup", None, "200 302 302 302 302 302 302 302 200 200 200 200"),
    ("GET", "/login", None, "200 302 302 302 302 302 302 302 200 200 200 200"),
    ("POST", "/logout", None, "302 302 302 302 302 302 302 302 302 302 302 302"),
    ("GET", "/keys", None, "302 200 200 200 200 200 200 200 302 302 302 302"),
    ("GET", "/keys/{key}/revoke", None, "302 404 404 404 404 200 200 404 302 302 302 302"),
    ("GET", "/profile", None, "302 200 200 200 200 200 200 200 302 302 302 302"),
    ("GET", "/profile/password", None, "302 200 200 200 200 200 200 200 302 302 302 302"),
    ("GET", "/profile/sessions", None, "302 200 200 200 200 200 200 200 302 302 302 302"),
    ("POST", "/profile/sessions/end", None, "302 302 302 302 302 302 302 302 302 302 302 302"),
    ("POST", "/profile/sessions/{session}/end", None, "302 404 404 404 404 302 404 404 302 302 302 302"),
    ("GET", "/models", None, "302 200 200 200 200 200 200 200 302 302 302 302"),
    ("GET", "/models/upload", None, "302 200 200 200 200 200 200 200 302 302 302 302"),
    ("GET", "/models/acme/churn", None, "302 404 200 200 200 200 200 404 302 302 302 302"),
    ("POST", "/models/acme/churn", MODEL, "302 404 403 403 302 302 302 404 302 302 302 302"),
    ("GET", "/models/acme/churn/aliases", None, "302 404 200 200 200 200 200 404 302 302 302 302"),
    ("POST", "/models/acme/churn/aliases", MOVE, "302 404 403 403 302 302 302 404 302 302 302 302"),
    ("POST", "/models/acme/churn/aliases/steady/rollback", None, "302 404 302 302 302 302 302 404 302 302 302 302"),
    ("POST", "/models/acme/churn/aliases/steady/remove", None, "302 404 302 302 302 302 302 404 302 302 302 302"),
    ("GET", "/models/acme/churn/versions/1", None, "302 404 200 200 200 200 200 404 302 302 302 302"),
    ("POST", "/models/acme/churn/versions/1/delete", {}, "302 404 302 302 302 302 302 404 302 302 302 302"),
    ("POST", "/models/acme/churn/versions/1/restore", {}, "302 404 302 302 302 302 302 404 302 302 302 302"),
    ("GET", "/models/acme/churn/versions/1/download", None, "302 404 403 200 200 200 200 404 302 302 302 302"),
    ("GET", "/models/acme/churn/playground", None, "302 404 403 200 200 200 200 404 302 302 302 302"),
    ("GET", "/models/acme/churn/card", None, "302 404 200 200 200 200 200 404 302 302 302 302"),
    # Of a single version: 400 says that the caller may see the model.
    ("GET", "/models/acme/churn/compare?version=1", None, "302 404 400 400 400 400 400 404 302 302 302 302"),
    ("GET", "/models/acme/churn/predict/batch", None, "302 404 403 200 200 200 200 404 302 302 302 302"),
    ("POST", "/models/acme/churn/predict/batch", {}, "302 404 403 400 400 400 400 404 302 302 302 302"),
    ("GET", "/batch-jobs", None, "302 200 200 200 200 200 200 200 302 302 302 302"),
    ("GET", "/batch-jobs/{batch}", None, "302 404 404 404 404 200 200 404 302 302 302 302"),
    ("GET", "/batch-jobs/{batch}/result", None, "302 404 404 404 404 409 409 404 302 302 302 302"),
    ("POST", "/batch-jobs/{batch}/cancel", {}, "302 404 404 404 404 302 302 404 302 302 302 302"),
    ("GET", "/predictions", None, "302 200 200 200 200 200 200 200 302 302 302 302"),
    ("GET", "/predictions/{prediction}", None, "302 404 404 404 404 200 200 404 302 302 302 302"),
    ("GET", "/predictions/export", None, "302 200 200 200 200 200 200 200 302 302 302 302"),
    ("POST", "/predictions/{prediction}", TRUTH, "302 404 404 404 404 302 302 404 302 302 302 302"),
    ("GET", "/models/shared-with-me", None, "302 200 200 200 200 200 200 200 302 302 302 302"),
    ("GET", "/models/acme/churn/share", None, "302 404 403 403 403 200 200 404 302 302 302 302"),
    ("POST", "/models/acme/churn/share/{share}", PERMISSION, "302 404 302 404 404 302 302 404 302 302 302 302"),
    ("GET", "/keys/{key}/edit", None, "302 404 404 404 404 200 200 404 302 302 302 302"),
    ("GET", "/keys/{key}/roll", None, "302 404 404 404 404 200 200 404 302 302 302 302"),
    ("POST", "/keys/{key}/roll", OVERLAP, "302 404 404 404 404 200 400 404 302 302 302 302"),
    ("GET", "/organizations", None, "302 200 200 200 200 200 200 200 302 302 302 302"),
    ("GET", "/organizations/acme", None, "302 404 404 404 404 200 200 404 302 302 302 302"),
    ("GET", "/organizations/acme/delete", None, "302 404 404 404 404 200 200 404 302 302 302 302"),
    ("POST", "/organizations/acme/rename", NAME, "302 404 404 404 404 302 302 404 302 302 302 302"),
    ("POST", "/organizations/acme/invite", None, "302 404 404 404 404 200 200 404 302 302 302 302"),
    ("POST", "/organizations/acme/members/{member}", None, "302 404 404 404 404 302 302 404 302 302 302 302"),
    ("POST", "/organizations/acme/invitations/{invitation}/revoke", None, "302 404 404 404 404 302 302 404 302 302 302 302"),
    ("POST", "/organizations/acme/programs", None, "302 404 404 404 404 200 200 404 302 302 302 302"),
    ("POST", "/organizations/acme/programs/{program}/key", None, "302 404 404 404 404 200 200 404 302 302 302 302"),
    ("POST", "/organizations/acme/programs/{program}/close", None, "302 404 404 404 404 302 302 404 302 302 302 302"),
    ("POST", "/invitations/{to_stranger}/answer", None, "302 302 404 404 404 404 404 404 302 302 302 302"),
    ("GET", "/invitations/no-such-token", None, "302 404 404 404 404 404 404 404 302 302 302 302"),
    ("GET", "/teams", None, "302 200 200 200 200 200 200 200 302 302 302 302"),
    ("GET", "/teams/{team}", None, "302 404 404 200 404 200 200 404 302 302 302 302"),
    ("POST", "/teams/{team}/add", None, "302 404 404 200 404 200 200 404 302 302 302 302"),
    ("POST", "/teams/{team}/delete", None, "302 404 404 302 404 302 302 404 302 302 302 302"),
    ("POST", "/teams/{team}/members/{team_member}", None, "302 404 404 302 404 302 302 404 302 302 302 302"),
)  # fmt: skip
