"""Models: the registry, sharing, predictions, the V2 protocol."""

from __future__ import annotations

from django.core.files.uploadedfile import SimpleUploadedFile

from tests.matrix.cast import Form
from tests.matrix.table import Row, columns


def _upload() -> dict[str, object]:
    return {"file": SimpleUploadedFile("m.pkl", b"x"), "name": "new-model"}


def _upload_to_acme() -> dict[str, object]:
    return {"file": SimpleUploadedFile("m.pkl", b"x"), "name": "acme/churn"}


UPLOAD = Form(_upload)
UPLOAD_TO_ACME = Form(_upload_to_acme)
STATUS = {"status": "deprecated"}
# Reserved: 400 says that the caller may.
ALIAS = {"alias": "latest", "version": 1}
SHARE = {"email": "somebody@example.org", "permission": "view"}
# Wrong on purpose: 400 says that the caller got as far as the model.
ROWS_IN = {"inputs": "wrong"}
WRONG = {"instances": "wrong"}
TENSORS: dict[str, list[object]] = {"inputs": []}


def _rows() -> dict[str, object]:
    return {"file": SimpleUploadedFile("rows.csv", b"x\n1\n")}


FILE_OF_ROWS = Form(_rows)

ROWS: list[Row] = columns(
    # anonymous stranger viewer user editor owner admin operator read-only other expired revoked
    ("GET", "models", None, "401 200 200 200 200 200 200 200 200 200 401 401"),
    ("POST", "models", UPLOAD, "401 202 202 202 202 202 202 202 403 403 401 401"),
    ("POST", "models", UPLOAD_TO_ACME, "401 404 403 403 202 202 202 404 403 403 401 401"),
    ("GET", "models/shared-with-me", None, "401 200 200 200 200 200 200 200 200 200 401 401"),
    ("GET", "models/acme/churn", None, "401 404 200 200 200 200 200 404 200 404 401 401"),
    ("PUT", "models/acme/churn", STATUS, "401 404 403 403 200 200 200 404 403 404 401 401"),
    ("PATCH", "models/acme/churn", STATUS, "401 404 403 403 200 200 200 404 403 404 401 401"),
    ("DELETE", "models/acme/churn", None, "401 404 403 403 204 204 204 404 403 404 401 401"),
    ("GET", "models/acme/churn/versions", None, "401 404 200 200 200 200 200 404 200 404 401 401"),
    ("GET", "models/acme/churn/lineage", None, "401 404 200 200 200 200 200 404 200 404 401 401"),
    ("GET", "models/acme/churn/versions/1", None, "401 404 200 200 200 200 200 404 200 404 401 401"),
    ("PUT", "models/acme/churn/versions/1", STATUS, "401 404 403 403 200 200 200 404 403 404 401 401"),
    # An alias leads there: 409 says that the caller may.
    ("DELETE", "models/acme/churn/versions/1", None, "401 404 403 403 409 409 409 404 403 404 401 401"),
    ("PATCH", "models/acme/churn/versions/1", STATUS, "401 404 403 403 200 200 200 404 403 404 401 401"),
    ("GET", "models/acme/churn/aliases", None, "401 404 200 200 200 200 200 404 200 404 401 401"),
    ("POST", "models/acme/churn/aliases", ALIAS, "401 404 403 403 400 400 400 404 403 404 401 401"),
    ("GET", "models/acme/churn/aliases/steady", None, "401 404 200 200 200 200 200 404 200 404 401 401"),
    ("PUT", "models/acme/churn/aliases/steady", {"version": 1}, "401 404 403 403 200 200 200 404 403 404 401 401"),
    ("PATCH", "models/acme/churn/aliases/steady", {"version": 1}, "401 404 403 403 200 200 200 404 403 404 401 401"),
    ("DELETE", "models/acme/churn/aliases/steady", None, "401 404 403 403 204 204 204 404 403 404 401 401"),
    ("GET", "models/acme/churn/aliases/steady/history", None, "401 404 200 200 200 200 200 404 200 404 401 401"),
    # There is no way back: 409 says that the caller got as far as the alias.
    ("POST", "models/acme/churn/aliases/steady/rollback", {}, "401 404 403 403 409 409 409 404 403 404 401 401"),
    ("GET", "models/acme/churn/card", None, "401 404 200 200 200 200 200 404 200 404 401 401"),
    ("GET", "models/compare?refs=acme/churn,acme/other", None, "401 404 404 404 404 200 200 404 200 404 401 401"),
    ("GET", "models/acme/churn/download", None, "401 404 403 200 200 200 200 404 200 404 401 401"),
    ("GET", "models/acme/churn/shares", None, "401 404 403 403 403 200 200 404 200 404 401 401"),
    ("POST", "models/acme/churn/shares", SHARE, "401 404 403 403 403 201 201 404 403 404 401 401"),
    # The share is the viewer's.
    ("GET", "models/acme/churn/shares/{share}", None, "401 404 200 404 404 200 200 404 200 404 401 401"),
    ("PUT", "models/acme/churn/shares/{share}", {"permission": "edit"}, "401 404 403 404 404 200 200 404 403 404 401 401"),
    ("PATCH", "models/acme/churn/shares/{share}", {"permission": "edit"}, "401 404 403 404 404 200 200 404 403 404 401 401"),
    ("DELETE", "models/acme/churn/shares/{share}", None, "401 404 204 404 404 204 204 404 403 404 401 401"),
    ("POST", "models/acme/churn/predict", ROWS_IN, "401 404 403 400 400 400 400 404 403 404 401 401"),
    ("POST", "models/acme/churn/predict/batch", FILE_OF_ROWS, "401 404 403 202 202 202 202 404 403 404 401 401"),
    ("POST", "models/acme/churn/predict/async", ROWS_IN, "401 404 403 400 400 400 400 404 403 404 401 401"),
    ("GET", "prediction-jobs/{prediction_job}", None, "401 404 404 404 404 200 200 404 200 404 401 401"),
    ("GET", "batch-jobs", None, "401 200 200 200 200 200 200 200 200 200 401 401"),
    ("GET", "batch-jobs/{batch}", None, "401 404 404 404 404 200 200 404 200 404 401 401"),
    # It is not done: 409 says that the caller got as far as the job.
    ("GET", "batch-jobs/{batch}/result", None, "401 404 404 404 404 409 409 404 409 404 401 401"),
    ("POST", "batch-jobs/{batch}/cancel", {}, "401 404 404 404 404 200 200 404 403 404 401 401"),
    # In the shape of those clients, whatever the address begins with.
    ("POST", "/api/v1/models/acme/churn/invocations", WRONG, "401 404 403 400 400 400 400 404 403 404 401 401"),
    ("POST", "/v1/models/acme/churn:predict", WRONG, "401 404 403 400 400 400 400 404 403 404 401 401"),
    ("GET", "/v1/models", None, "401 200 200 200 200 200 200 200 200 200 401 401"),
    ("GET", "/v1/models/acme/churn", None, "401 404 200 200 200 200 200 404 200 404 401 401"),
    # No model is the installation's default.
    ("POST", "/invocations", WRONG, "401 404 404 404 404 404 404 404 403 404 401 401"),
    ("GET", "/ping", None, "404 404 404 404 404 404 404 404 404 404 404 404"),
    ("GET", "predictions", None, "401 200 200 200 200 200 200 200 200 200 401 401"),
    ("GET", "predictions?model=acme/churn", None, "401 404 200 200 200 200 200 404 200 404 401 401"),
    ("GET", "predictions/{prediction}", None, "401 404 404 404 404 200 200 404 200 404 401 401"),
    ("GET", "predictions/export", None, "401 200 200 200 200 200 200 200 200 200 401 401"),
    # One prediction is none to compare: 400 comes before it is looked for.
    ("GET", "predictions/compare?ids={prediction}", None, "401 400 400 400 400 400 400 400 400 400 401 401"),
    ("GET", "predictions/{prediction}/feedback", None, "401 404 404 404 404 200 200 404 200 404 401 401"),
    ("POST", "predictions/{prediction}/feedback", {"label": "yes"}, "401 404 404 404 404 200 200 404 403 404 401 401"),
    ("POST", "predictions/feedback", {"items": []}, "401 400 400 400 400 400 400 400 403 400 401 401"),
    ("GET", "/v2", None, "200 200 200 200 200 200 200 200 200 200 200 200"),
    ("GET", "/v2/health/live", None, "200 200 200 200 200 200 200 200 200 200 200 200"),
    ("GET", "/v2/health/ready", None, "200 200 200 200 200 200 200 200 200 200 200 200"),
    ("GET", "/v2/models", None, "401 200 200 200 200 200 200 200 200 200 401 401"),
    ("GET", "/v2/models/stats", None, "401 200 200 200 200 200 200 200 200 200 401 401"),
    ("POST", "/v2/repository/index", {}, "401 200 200 200 200 200 200 200 200 200 401 401"),
    ("GET", "/v2/models/acme%2Fchurn", None, "401 404 200 200 200 200 200 404 200 404 401 401"),
    ("GET", "/v2/models/acme%2Fchurn/config", None, "401 404 200 200 200 200 200 404 200 404 401 401"),
    # Parameters are refused: 400 says that the caller may.
    ("POST", "/v2/repository/models/acme%2Fchurn/load", {"parameters": {"a": 1}}, "401 400 400 400 400 400 400 400 403 400 401 401"),
    ("POST", "/v2/repository/models/acme%2Fchurn/unload", {}, "401 404 403 403 200 200 200 404 403 404 401 401"),
    ("GET", "/v2/models/acme%2Fchurn/ready", None, "401 404 200 200 200 200 200 404 200 404 401 401"),
    ("GET", "/v2/models/acme%2Fchurn/stats", None, "401 404 403 403 403 200 200 404 200 404 401 401"),
    ("POST", "/v2/models/acme%2Fchurn/infer", TENSORS, "401 404 403 400 400 400 400 404 403 404 401 401"),
)  # fmt: skip
