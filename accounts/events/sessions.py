"""What happens to log-ins that last."""

from __future__ import annotations

from uuid import UUID

from common.events import Event, event


@event("session.ended", subject="user_id")
class SessionEnded(Event):
    """A session's tokens or cookie do nothing any more. `reason` says why, in one word."""

    session_id: UUID
    user_id: UUID
    reason: str


@event("session.reuse_detected", subject="user_id")
class SessionReuseDetected(Event):
    """A refresh token came a second time: somebody has a copy. The whole family is void."""

    session_id: UUID
    user_id: UUID
