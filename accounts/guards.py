"""Which addresses may come in: the rules, kept in memory and asked of every request.

Of the global rules that match an address the longest prefix decides, and a block before an allow
of the same length. An organization's blocks keep out; once it has allows, only those come in. A key
may name networks of its own.

A process that follows events (`inference.edge`) reads the rules anew when one changes; the one that
changes them does so at once.
"""

from __future__ import annotations

import ipaddress
import threading
from collections.abc import Iterable
from dataclasses import replace
from uuid import UUID

import structlog
from django.db import DatabaseError

from accounts.actors import Actor, Network
from accounts.errors import AddressBlocked, AddressNotAllowed
from accounts.models.threats import Effect, IpRule
from common import clock
from common.http.address import Address, parse_address

logger = structlog.get_logger(__name__)

FOREVER = float("inf")


class Prefixes:
    """Networks by the length of their prefix: a look-up is one dictionary's per length in use."""

    def __init__(self, rules: Iterable[tuple[Network, str, float]]) -> None:
        """`rules` are networks, effects and the Unix times when they end."""
        self._found: dict[tuple[int, int], dict[int, tuple[str, float]]] = {}
        # An allow first, so that a block of the same network takes its place.
        for network, effect, until in sorted(rules, key=lambda rule: rule[1]):
            key = network.version, network.prefixlen
            self._found.setdefault(key, {})[int(network.network_address)] = effect, until
        self._lengths = sorted(self._found, reverse=True)

    def __bool__(self) -> bool:
        return bool(self._found)

    def effect_on(self, address: Address, now: float) -> str:
        """What the longest prefix that matches says: `block`, `allow`, or "" where none does."""
        number, bits = int(address), address.max_prefixlen
        for version, length in self._lengths:
            if version != address.version:
                continue
            start = number >> (bits - length) << (bits - length)
            effect, until = self._found[version, length].get(start, ("", 0.0))
            if effect and now < until:
                return effect
        return ""


class Guard:
    """The rules in force, as this process knows them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stale = True
        self._everywhere = Prefixes(())
        self._blocks: dict[UUID, Prefixes] = {}
        self._allows: dict[UUID, Prefixes] = {}
        self.active = False
        """Whether any global rule is in force: where not, no address is looked at."""

    def forget(self) -> None:
        """Read the rules again before the next look."""
        self._stale = True

    def reload(self) -> None:
        """Read the rules now. Without a database the ones known go on."""
        with self._lock:
            self._stale = False
            try:
                rules = list(IpRule.objects.in_force())
            except DatabaseError as error:
                self._stale = True
                logger.warning("ip_rules_not_read", error=str(error))
                return
            self.put(rules)

    def put(self, rules: Iterable[IpRule]) -> None:
        """Have these rules hold."""
        everywhere: list[tuple[Network, str, float]] = []
        own: dict[tuple[UUID, str], list[tuple[Network, str, float]]] = {}
        for rule in rules:
            until = rule.expires_at.timestamp() if rule.expires_at else FOREVER
            entry = ipaddress.ip_network(rule.network), rule.effect, until
            if rule.organization_id is None:
                everywhere.append(entry)
            else:
                own.setdefault((rule.organization_id, rule.effect), []).append(entry)
        self._everywhere = Prefixes(everywhere)
        self._blocks = {id_: Prefixes(e) for (id_, effect), e in own.items() if effect == "block"}
        self._allows = {id_: Prefixes(e) for (id_, effect), e in own.items() if effect == "allow"}
        self.active = bool(self._everywhere)
        self._stale = False

    def check(self, address: str) -> None:
        """Raise AddressBlocked where a global rule keeps the address out."""
        if self._stale:
            self.reload()
        if not self.active:
            return
        found = parse_address(address)
        if found is None:
            return
        if self._everywhere.effect_on(found, clock.now().timestamp()) == Effect.BLOCK:
            raise AddressBlocked

    def has_rules(self, organization_ids: Iterable[UUID]) -> bool:
        """Whether any of these organizations has rules of its own."""
        if self._stale:
            self.reload()
        return any(id_ in self._blocks or id_ in self._allows for id_ in organization_ids)

    def admits(self, organization_id: UUID, address: str) -> bool:
        """Whether an organization lets the address in."""
        if not self.has_rules((organization_id,)):
            return True
        found, now = parse_address(address), clock.now().timestamp()
        if found is None:
            return organization_id not in self._allows
        blocks, allows = self._blocks.get(organization_id), self._allows.get(organization_id)
        if blocks and blocks.effect_on(found, now):
            return False
        return allows is None or bool(allows.effect_on(found, now))


guard = Guard()


def check_address(actor: Actor, address: str) -> None:
    """Raise AddressNotAllowed where a key or its organization does not let the address in."""
    if actor.networks and not _is_in(actor.networks, address):
        raise AddressNotAllowed
    if actor.via == "key" and not guard.admits(actor.organization.id, address):
        raise AddressNotAllowed


def admit(actor: Actor, address: str) -> Actor:
    """The actor as far as the address goes: without organizations that don't let it in.

    A key works in one organization, so that it works or does not: raises AddressNotAllowed.
    """
    check_address(actor, address)
    if actor.via == "key" or not guard.has_rules(actor.organization_ids):
        return actor
    roles = {id_: role for id_, role in actor.roles.items() if guard.admits(id_, address)}
    return replace(actor, roles=roles)


def is_guarded(actor: Actor) -> bool:
    """Whether it depends on the address what the actor may do."""
    return bool(actor.networks) or guard.has_rules(actor.organization_ids)


def _is_in(networks: tuple[Network, ...], address: str) -> bool:
    found = parse_address(address)
    return found is not None and any(found in network for network in networks)
