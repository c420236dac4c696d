"""What happens to rules about addresses, and what was noticed about log-ins."""

from __future__ import annotations

from uuid import UUID

from common.events import Event, event


@event("ip_rules.changed", subject="rule_id")
class IpRulesChanged(Event):
    """A rule about a network was made, changed or lifted; every process reads them anew."""

    rule_id: UUID
    effect: str
    network: str
    what: str


@event("threat.detected", subject="rule_id")
class ThreatDetected(Event):
    """An address behaved like an attack and is blocked for a while. `signal` names the sign."""

    rule_id: UUID
    signal: str
    network: str


@event("user.login_failed", subject="user_id")
class LoginFailed(Event):
    """A wrong password for an account there is; one event for the 1st, 4th, 8th, 16th, … try."""

    user_id: UUID
    tries: int


@event("user.new_device", subject="user_id")
class NewDevice(Event):
    """A good log-in from a program and network that were not seen with this account before."""

    user_id: UUID
    device: str
