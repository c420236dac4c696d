"""What happens in analytics."""

from __future__ import annotations

from uuid import UUID

from common.events import Event, event


@event("report.created", subject="report_id")
class ReportCreated(Event):
    """Somebody wants figures by mail."""

    report_id: UUID
    about: str
    every: str


@event("report.deleted", subject="report_id")
class ReportDeleted(Event):
    """They want them no more."""

    report_id: UUID
    about: str


@event("analytics.preference_changed", subject="user_id")
class AnalyticsPreferenceChanged(Event):
    """Somebody wants, or does not want, to be counted in figures of feature use."""

    user_id: UUID
    counted: bool
