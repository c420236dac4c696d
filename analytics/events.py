"""What happens in analytics."""

from __future__ import annotations

from uuid import UUID

from common.events import Event, event


@event("analytics.preference_changed", subject="user_id")
class AnalyticsPreferenceChanged(Event):
    """Somebody wants, or does not want, to be counted in figures of feature use."""

    user_id: UUID
    counted: bool
