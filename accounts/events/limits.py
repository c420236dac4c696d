"""What happens to limits."""

from __future__ import annotations

from uuid import UUID

from common.events import Event, event


@event("limits.changed", subject="policy_id")
class LimitsChanged(Event):
    """A policy was made, changed or deleted; the rates are those from now on.

    Of a deleted policy, `deleted` is true and the rates are those it had.
    """

    policy_id: UUID
    kind: str
    target_id: UUID | None
    per_minute: int | None
    per_hour: int | None
    deleted: bool = False
