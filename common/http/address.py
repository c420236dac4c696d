"""Where a request comes from.

X-Forwarded-For is whatever the sender wrote, but for what trusted proxies added at its end: it is
read from the right, as far as the hops are trusted (TRUSTED_PROXIES), and not at all where the peer
itself is not.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Iterator, Mapping
from typing import Any

import structlog
from django.conf import settings

from common.context import Origin

logger = structlog.get_logger(__name__)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

AGENT_LENGTH = 200
LONGEST = 2000  # characters of the header that are looked at, from its end
MOST_HOPS = 20
WARN_EVERY = 3600.0  # seconds, of one peer
MOST_WARNED = 1000

_warned: dict[str, float] = {}


def client_address(environ: Mapping[str, Any]) -> str:
    """The client's address in its shortest form; "" where there is none (a Unix socket)."""
    peer = parse_address(str(environ.get("REMOTE_ADDR", "")))
    if peer is None:
        return ""
    forwarded = environ.get("HTTP_X_FORWARDED_FOR")
    if not forwarded:
        return str(peer)
    if not is_trusted(peer):
        _warn(str(peer))
        return str(peer)
    found = peer
    for hop in _hops(str(forwarded)):
        address = parse_address(hop)
        if address is None:
            break
        found = address
        if not is_trusted(address):
            break
    return str(found)


def client_origin(environ: Mapping[str, Any]) -> Origin:
    """The client's address and User-Agent."""
    agent = str(environ.get("HTTP_USER_AGENT", ""))
    return Origin(client_address(environ), agent.replace("\x00", "")[:AGENT_LENGTH])


def parse_address(text: str) -> Address | None:
    """An address as proxies write it: with brackets, a port or a zone; None for what is none.

    An IPv4 address in IPv6's clothes is the IPv4 address.
    """
    bare = text.strip()
    if bare.startswith("["):
        bare = bare[1:].partition("]")[0]
    elif bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        address = ipaddress.ip_address(bare.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def is_trusted(address: Address) -> bool:
    """Whether a proxy at this address says the truth about who sent it the request."""
    return any(address in network for network in settings.TRUSTED_PROXIES)


def area_of(address: str) -> str:
    """The network an address is in, within which a client's may change: /24, or /64."""
    found = parse_address(address)
    if found is None:
        return ""
    bits = 24 if found.version == 4 else 64
    return str(ipaddress.ip_network(f"{found}/{bits}", strict=False))


def sends_forwarded_for(address: str) -> bool:
    """Whether an untrusted peer sent X-Forwarded-For of late: a proxy nobody told us of, maybe."""
    return time.monotonic() - _warned.get(address, float("-inf")) < WARN_EVERY


def _hops(forwarded: str) -> Iterator[str]:
    """The header's entries from right to left, a bounded number of them."""
    for count, hop in enumerate(reversed(forwarded[-LONGEST:].split(","))):
        if count == MOST_HOPS:
            return
        yield hop


def _warn(peer: str) -> None:
    """Say once an hour that a peer's header is not believed: it may be our own proxy."""
    now = time.monotonic()
    if now - _warned.get(peer, float("-inf")) < WARN_EVERY:
        return
    if len(_warned) >= MOST_WARNED:
        _warned.clear()
    _warned[peer] = now
    logger.warning("forwarded_for_not_believed", peer=peer, hint="TRUSTED_PROXIES")
