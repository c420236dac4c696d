"""What analytics refuses, each with a stable code."""

from __future__ import annotations

from common.errors import Invalid, NotFound


class TooManyModels(Invalid):
    default_code = "too_many_models"


class ReportNotFound(NotFound):
    default_code = "report_not_found"


class BadReport(Invalid):
    default_code = "bad_report"
