"""Reads of rules about addresses."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db.models import Count, Max

from accounts.actors import Actor
from accounts.errors import RuleNotFound
from accounts.models import IpRule, IpRuleQuerySet, Organization, Source
from accounts.permissions import check_admin, check_operator
from common import clock
from common.models import EventRecord

LATELY = timedelta(days=7)
MOST_HIT = 100


@dataclass(frozen=True, slots=True)
class Hit:
    """An address of the last days that a rule would concern, and how much came from it."""

    address: str
    events: int
    people: int
    last_seen_at: object


def list_ip_rules(actor: Actor) -> IpRuleQuerySet:
    """Every global rule, newest first, for operators."""
    check_operator(actor)
    return IpRule.objects.filter(organization=None)


def list_threats(actor: Actor, state: str = "") -> IpRuleQuerySet:
    """What was blocked by itself, newest first: `open`, `lifted`, `expired`, or all of it."""
    found = list_ip_rules(actor).filter(source=Source.THREAT)
    match state:
        case "open":
            return found.in_force()
        case "lifted":
            return found.filter(lifted_at__isnull=False)
        case "expired":
            return found.filter(lifted_at__isnull=True, expires_at__lte=clock.now())
    return found


def list_own_ip_rules(organization: Organization, actor: Actor) -> IpRuleQuerySet:
    """An organization's rules, newest first, for its owners and admins."""
    check_admin(actor, organization)
    return IpRule.objects.filter(organization=organization).select_related("organization")


def get_ip_rule(rules: IpRuleQuerySet, rule_id: UUID) -> IpRule:
    """One of them, or RuleNotFound."""
    found = rules.filter(id=rule_id).first()
    if found is None:
        raise RuleNotFound("There is no such rule.")
    return found


def who_is_in(network: str) -> list[Hit]:
    """The addresses of the last seven days in a network, those with the most events first."""
    wanted = ipaddress.ip_network(network)
    seen = (
        EventRecord.objects.filter(created_at__gt=clock.now() - LATELY, address__isnull=False)
        .values("address")
        .annotate(
            events=Count("id"), people=Count("actor_id", distinct=True), last=Max("created_at")
        )
        .order_by("-events")
    )
    hits = (
        Hit(str(row["address"]), row["events"], row["people"], row["last"])
        for row in seen.iterator()
        if ipaddress.ip_address(str(row["address"])) in wanted
    )
    return [hit for hit, _ in zip(hits, range(MOST_HIT), strict=False)]
