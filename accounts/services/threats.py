"""Every write to rules about addresses."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from accounts.actors import Actor
from accounts.errors import WouldLockYouOut
from accounts.events import IpRulesChanged, ThreatDetected
from accounts.guards import guard
from accounts.models import Effect, IpRule, Organization, Source
from accounts.permissions import check_admin, check_operator
from accounts.restrictions import clean_cidrs
from common import clock
from common.context import origin
from common.errors import Fault, Invalid
from common.events import publish
from common.http.address import is_trusted, parse_address, sends_forwarded_for

FIRST_BLOCK = timedelta(hours=1)
LONGEST_BLOCK = timedelta(hours=24)


@transaction.atomic
def create_ip_rule(
    *,
    actor: Actor,
    effect: str,
    network: str,
    organization: Organization | None = None,
    reason: str = "",
    expires_at: datetime | None = None,
) -> IpRule:
    """Make a rule, everywhere (operators) or in an organization (its owners and admins).

    Raises Invalid, and WouldLockYouOut where it would keep out the address it comes from.
    """
    _check_may(actor, organization)
    _check_end(expires_at)
    rule = IpRule(
        effect=effect,
        network=clean_network(network),
        organization=organization,
        reason=reason,
        expires_at=expires_at,
        created_by_id=actor.id,
    )
    _check_own_address(rule)
    rule.save(force_insert=True)
    _changed(rule, "made", actor)
    return rule


@transaction.atomic
def update_ip_rule(rule: IpRule, changes: Mapping[str, Any], *, actor: Actor) -> IpRule:
    """Change `reason` or `expires_at`; another network is another rule."""
    _check_may(actor, rule.organization)
    _check_end(changes.get("expires_at"))
    changed = sorted(name for name, value in changes.items() if getattr(rule, name) != value)
    if changed:
        for name in changed:
            setattr(rule, name, changes[name])
        rule.touch(*changed)
        _changed(rule, "changed", actor)
    return rule


@transaction.atomic
def lift_ip_rule(rule: IpRule, *, actor: Actor) -> IpRule:
    """Undo a rule; its row stays. Twice is once."""
    _check_may(actor, rule.organization)
    if rule.lifted_at is None:
        rule.lifted_at, rule.lifted_by_id = clock.now(), actor.id
        rule.touch("lifted_at", "lifted_by_id")
        _changed(rule, "lifted", actor)
    return rule


@transaction.atomic
def block_threat(address: str, *, signal: str, counters: Mapping[str, Any]) -> IpRule | None:
    """Block an address that behaves like an attack: an hour, then twice as long each time.

    Never the machine itself, a trusted proxy, or what looks like a proxy nobody told us of: behind
    those is everybody. None then, and where it is blocked already.
    """
    found = parse_address(address)
    if found is None or found.is_loopback or is_trusted(found) or sends_forwarded_for(address):
        return None
    bits = 32 if found.version == 4 else 64
    network = str(ipaddress.ip_network(f"{found}/{bits}", strict=False))
    before = IpRule.objects.filter(network=network, source=Source.THREAT, organization=None)
    if before.in_force().exists():
        return None
    lately = before.filter(created_at__gt=clock.now() - 7 * LONGEST_BLOCK).count()
    rule = IpRule.objects.create(
        effect=Effect.BLOCK,
        network=network,
        source=Source.THREAT,
        signal=signal,
        counters=dict(counters),
        reason=SIGNALS[signal],
        expires_at=clock.now() + min(FIRST_BLOCK * 2**lately, LONGEST_BLOCK),
    )
    publish(ThreatDetected(rule_id=rule.id, signal=signal, network=network))
    _changed(rule, "made", None)
    return rule


# What an operator reads of each sign.
SIGNALS = {
    "credential_stuffing": "Wrong passwords for many different accounts within ten minutes.",
    "key_scan": "Many well-formed API keys that nobody has, within a minute.",
}


def clean_network(text: str) -> str:
    """A network in one form; Invalid with a fault at `/network`."""
    try:
        return clean_cidrs([text])[0]
    except Invalid as error:
        faults = [Fault("/network", fault.detail, fault.code) for fault in error.errors]
        raise Invalid(error.message, errors=faults) from None


def _check_may(actor: Actor, organization: Organization | None) -> None:
    if organization is None:
        check_operator(actor)
    else:
        check_admin(actor, organization)


def _check_end(expires_at: datetime | None) -> None:
    if expires_at is not None and expires_at <= clock.now():
        message = "This moment is over."
        raise Invalid(message, errors=[Fault("/expires_at", message, "in_the_past")])


def _check_own_address(rule: IpRule) -> None:
    own = parse_address(origin().address)
    if own is None:
        return
    inside = own in ipaddress.ip_network(rule.network)
    rules = IpRule.objects.in_force().filter(organization=rule.organization)
    allows = [ipaddress.ip_network(r.network) for r in rules.filter(effect=Effect.ALLOW)]
    if rule.effect == Effect.BLOCK:
        shut_out = inside and not _is_excepted(rule, own, allows)
    else:
        first = rule.organization is not None and not any(own in network for network in allows)
        shut_out = first and not inside
    if shut_out:
        raise WouldLockYouOut("This rule would keep out the address you come from.")


def _is_excepted(rule: IpRule, own: Any, allows: list[Any]) -> bool:
    """Whether a narrower global allow lets the address in all the same."""
    length = ipaddress.ip_network(rule.network).prefixlen
    excepted = any(own in network and network.prefixlen > length for network in allows)
    return rule.organization is None and excepted


def _changed(rule: IpRule, what: str, actor: Actor | None) -> None:
    guard.forget()
    transaction.on_commit(guard.forget)
    publish(
        IpRulesChanged(rule_id=rule.id, effect=rule.effect, network=rule.network, what=what),
        actor_id=actor.id if actor else None,
        organization_id=rule.organization_id,
    )
