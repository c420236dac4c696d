"""What happens on the way to a proven address. Ids alone: an event tells nobody's address."""

from __future__ import annotations

from uuid import UUID

from common.events import Event, event


@event("user.sign_up_asked")
class SignUpAsked(Event):
    """Somebody signs up where addresses are verified first; they may have an account already."""

    sign_up_id: UUID


@event("user.verification_asked")
class VerificationAsked(Event):
    """Somebody wants to verify an address, anybody's or nobody's."""

    token_id: UUID


@event("user.reset_asked")
class ResetAsked(Event):
    """Somebody forgot the password to an address, anybody's or nobody's."""

    token_id: UUID


@event("user.email_verified", subject="user_id")
class EmailVerified(Event):
    """The user reads the mail to their address; a pending account is active now."""

    user_id: UUID
