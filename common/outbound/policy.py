"""Which addresses may be reached: a list of `external`, `private`, `loopback`, CIDRs, host globs.

    external                 what the public internet routes; the default
    private                  10/8, 172.16/12, 192.168/16, fc00::/7
    loopback                 127/8, ::1
    10.20.0.0/16             these addresses, whatever they are
    *.corp.example.org       these names, at external, private and loopback addresses

The grammar is Gitea's. A list replaces the default: `loopback` alone opens loopback alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import Final

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


class Kind(StrEnum):
    """What an address is for. `special` is everything that is none of the others."""

    EXTERNAL = "external"
    PRIVATE = "private"
    LOOPBACK = "loopback"
    SPECIAL = "special"


def _networks(*texts: str) -> tuple[Network, ...]:
    return tuple(ip_network(text) for text in texts)


PRIVATE: Final = _networks("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
LOOPBACK: Final = _networks("127.0.0.0/8", "::1/128")
# `is_global` says yes to some of these in some versions of Python, and to none is it true: they
# hold or carry other addresses, or answer with a cloud machine's credentials.
SPECIAL: Final = _networks(
    "::/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/23",
    "fec0::/10", "fd00:ec2::/32", "100.64.0.0/10", "192.0.0.0/24", "192.88.99.0/24",
    "198.18.0.0/15", "168.63.129.16/32",
)  # fmt: skip
GLOB: Final = re.compile(r"(?=.*[a-z])[a-z0-9*?_-]+(\.[a-z0-9*?_-]+)*")


def kind_of(address: Address) -> Kind:
    """What an address is for; one that is mapped into IPv6 counts as what it maps."""
    plain = unmapped(address)
    if _within(plain, LOOPBACK):
        return Kind.LOOPBACK
    if _within(plain, SPECIAL):
        return Kind.SPECIAL
    if _within(plain, PRIVATE):
        return Kind.PRIVATE
    if plain.is_global and not plain.is_multicast and not plain.is_reserved:
        return Kind.EXTERNAL
    return Kind.SPECIAL


def unmapped(address: Address) -> Address:
    """`::ffff:192.0.2.1` as 192.0.2.1; every other address as it is."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


@dataclass(frozen=True, slots=True)
class Policy:
    """What an operator has opened. `text` is the list as written, for messages."""

    kinds: frozenset[Kind]
    networks: tuple[Network, ...]
    hosts: tuple[str, ...]
    text: str

    def names(self, host: str) -> bool:
        """Whether one of the host globs is about this name, in small letters."""
        return any(fnmatchcase(host, glob) for glob in self.hosts)

    def allows(self, host: str, address: Address) -> bool:
        """Whether a connection to this address, found under this name, may be made."""
        kind = kind_of(address)
        if kind in self.kinds or _within(unmapped(address), self.networks):
            return True
        return kind is not Kind.SPECIAL and self.names(host)


def parse_policy(items: Iterable[str]) -> Policy:
    """Read a list; raises ValueError, naming the item that is none of the five."""
    kinds, networks, hosts, words = set[Kind](), list[Network](), list[str](), list[str]()
    for item in items:
        word = item.strip().lower()
        words.append(word)
        if word in {Kind.EXTERNAL, Kind.PRIVATE, Kind.LOOPBACK}:
            kinds.add(Kind(word))
        elif (network := _network(word)) is not None:
            networks.append(network)
        elif GLOB.fullmatch(word):
            hosts.append(word)
        else:
            raise ValueError(
                f"{item!r} is none of external, private, loopback, a network such as 10.0.0.0/8 "
                "or a host such as *.example.org."
            )
    return Policy(frozenset(kinds), tuple(networks), tuple(hosts), ",".join(words))


def _network(text: str) -> Network | None:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None


def _within(address: Address, networks: Iterable[Network]) -> bool:
    return any(address in network for network in networks)
