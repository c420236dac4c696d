"""Vetting where a URL leads: the name, the port, and every address the name has."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from common.outbound.errors import AddressRefused, HostUnknown, TimedOut
from common.outbound.policy import Address, Kind, Policy, kind_of, unmapped
from common.outbound.urls import Url

# Ports below 1024 but these two, and these above, belong to services that speak no HTTP or that
# obey whoever reaches them: Docker, etcd, databases, caches, kubelet.
WEB_PORTS: Final = frozenset({80, 443})
REFUSED_PORTS: Final = frozenset(
    {2375, 2376, 2379, 2380, 3306, 5432, 5984, 6379, 6443, 9200, 9300, 10250, 10255, 11211, 27017}
)
EVERYWHERE: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104  compared, not bound
LOOKUPS: Final = 16
# glibc's resolver knows no deadline of ours: a look-up that takes too long is left to itself.
_resolver = ThreadPoolExecutor(LOOKUPS, thread_name_prefix="resolver")


@dataclass(frozen=True, slots=True)
class Vetted:
    """Addresses that may be connected to, in the resolver's order; whether all are public."""

    addresses: tuple[Address, ...]
    is_external: bool


def check_target(
    url: Url, allow: Policy, *, own: frozenset[tuple[str, int]] = frozenset()
) -> Vetted | None:
    """Vet a URL that somebody enters. None where the name can't be looked up just now.

    Raises AddressRefused. It says early what a connection would say late; what counts is `vet`.
    """
    try:
        return vet(url.host, url.port, allow, own=own, timeout=2.0)
    except (HostUnknown, TimedOut):
        return None


def vet(
    host: str,
    port: int,
    allow: Policy,
    *,
    timeout: float,
    own: frozenset[tuple[str, int]] = frozenset(),
) -> Vetted:
    """Look a name up and vet every address it has; one bad address refuses them all.

    `own` are this installation's own servers, as host and port, which are never let in.
    Raises AddressRefused, HostUnknown, TimedOut.
    """
    if port in REFUSED_PORTS or (port < 1024 and port not in WEB_PORTS):
        raise AddressRefused(f"Port {port} is not one that web servers listen on.")
    named = allow.names(host)
    if "." not in host and ":" not in host and host != "localhost" and not named:
        raise AddressRefused(
            f"{host} is a name without a domain. An operator can open it by its name in "
            f"WEBHOOK_ALLOW, which is {allow.text!r}."
        )
    addresses = _addresses(host, timeout)
    for address in addresses:
        if not allow.allows(host, address):
            raise AddressRefused(_refusal(host, address, allow))
        if _is_own(host, port, address, own):
            raise AddressRefused("This is the installation itself.")
    return Vetted(addresses, all(kind_of(one) is Kind.EXTERNAL for one in addresses))


def _addresses(host: str, timeout: float) -> tuple[Address, ...]:
    try:
        return (ip_address(host),)
    except ValueError:
        pass  # a name
    # The dot keeps the resolver from trying the machine's own domains.
    asked = host if host == "localhost" or "." not in host else f"{host}."
    future = _resolver.submit(_look_up, asked)
    try:
        found = future.result(timeout=max(timeout, 0.0))
    except FutureTimeoutError:
        future.cancel()
        raise TimedOut(f"Looking up {host} took too long.") from None
    except (OSError, UnicodeError):
        raise HostUnknown(f"{host} has no address.") from None
    return tuple(map(ip_address, found))


def _look_up(name: str) -> list[str]:
    """A name's addresses as text, in the resolver's order. Raises OSError, UnicodeError."""
    found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    # An address with a zone, as fe80::1%eth0, is one of this machine's own networks.
    return list(dict.fromkeys(str(sockaddr[0]).partition("%")[0] for *_, sockaddr in found))


def _refusal(host: str, address: Address, allow: Policy) -> str:
    plain, kind = unmapped(address), kind_of(address)
    where = f"{host} is" if str(plain) == host else f"{host} leads to {plain},"
    what = "a reserved address" if kind is Kind.SPECIAL else f"a {kind} address"
    if kind is Kind.EXTERNAL:
        what = "an external address"
    hint = f"{plain}/{plain.max_prefixlen}" if kind is Kind.SPECIAL else str(kind)
    return (
        f"{where} {what}. This installation sends to {allow.text or 'none'!r} alone; an operator "
        f"can open it with WEBHOOK_ALLOW, for example WEBHOOK_ALLOW={_with(allow, hint)}."
    )


def _with(allow: Policy, hint: str) -> str:
    return f"{allow.text},{hint}" if allow.text else hint


def _is_own(host: str, port: int, address: Address, own: frozenset[tuple[str, int]]) -> bool:
    """Whether this is one of our own servers, under whichever of its names."""
    names = {name for name, number in own if number == port}
    if not names:
        return False
    plain = str(unmapped(address))
    if names & EVERYWHERE and _is_local(unmapped(address)):
        return True
    return host in names or plain in names or any(plain in _known(name) for name in names)


def _is_local(address: Address) -> bool:
    """Whether it is an address of this machine: nothing else can be bound."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((str(address), 0))
    except OSError:
        return False
    return True


def _known(name: str) -> frozenset[str]:
    try:
        return frozenset(_look_up(name))
    except (OSError, UnicodeError):
        return frozenset()
