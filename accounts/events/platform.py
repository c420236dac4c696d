"""What happens to the platform itself: its operators are told."""

from __future__ import annotations

from uuid import UUID

from common.events import Event, event


@event("audit.chain_broken")
class AuditChainBroken(Event):
    """A check of the audit trail found rows that are not what was sealed; the first is named."""

    check_id: UUID
    breaks: int
    kind: str
    broken_event_id: UUID
    detail: str


@event("platform.part_failing")
class PartFailing(Event):
    """A part of the platform does not do its work since a moment ago: `jail`, for instance."""

    part: str
    detail: str


@event("platform.part_recovered")
class PartRecovered(Event):
    """It does its work again."""

    part: str
