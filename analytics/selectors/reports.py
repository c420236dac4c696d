"""The reports that a person asked for."""

from __future__ import annotations

from uuid import UUID

from accounts.actors import Actor
from analytics.errors import ReportNotFound
from analytics.models import Report, ReportQuerySet


def list_reports(actor: Actor) -> ReportQuerySet:
    """One's own, newest first."""
    rows = Report.objects.visible_to(actor).select_related("model__organization")
    return rows.order_by("-id")


def get_report(actor: Actor, report_id: UUID) -> Report:
    """One of them. Raises ReportNotFound."""
    found = list_reports(actor).filter(id=report_id).first()
    if found is None:
        raise ReportNotFound("There is no such report.")
    return found
