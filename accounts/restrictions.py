"""What a key may be restricted to, and that no key gives another what it lacks itself."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from accounts.actors import Actor
from accounts.errors import KeyExceeded
from accounts.models import ApiKey
from accounts.scopes import ALL, in_order
from common import clock
from common.errors import Fault, Invalid

MOST = 100  # models, and networks, of one key
_REF = re.compile(r"(?:[a-z0-9][a-z0-9._-]{0,62}/)?[a-z0-9][a-z0-9._-]{0,62}")


def clean_refs(refs: Sequence[str], *, home: str) -> list[str]:
    """Model references in one form: `owner/name` in small letters, or an id; a bare name gets
    the owner `home`. Sorted, each once. Raises Invalid.
    """
    faults, found = _too_many(refs, "/models"), set()
    for number, given in enumerate(refs):
        ref = given.strip().lower()
        if not _REF.fullmatch(ref):
            faults.append(Fault(f"/models/{number}", f"{given[:80]!r} is no model.", "bad_ref"))
        found.add(ref if "/" in ref or _is_id(ref) else f"{home}/{ref}")
    _refuse(faults)
    return sorted(found)


def clean_cidrs(cidrs: Sequence[str]) -> list[str]:
    """Networks in one form, host bits cleared, sorted, each once: `192.0.2.0/24`. Or Invalid."""
    faults, found = _too_many(cidrs, "/cidrs"), set()
    for number, given in enumerate(cidrs):
        try:
            found.add(ipaddress.ip_network(given.strip(), strict=False))
        except ValueError:
            message = f"{given[:60]!r} is no network. Write it like 192.0.2.0/24."
            faults.append(Fault(f"/cidrs/{number}", message, "bad_cidr"))
    _refuse(faults)
    return sorted(map(str, found))


def check_wish(scopes: Sequence[str], expires_at: datetime | None) -> None:
    """Raise Invalid for unknown scopes, for none, or an expiry that is over."""
    faults = [
        Fault("/scopes", f"There is no scope {name[:60]!r}.", "unknown_scope")
        for name in dict.fromkeys(scopes)
        if name not in ALL
    ]
    if not scopes:
        faults.append(Fault("/scopes", "A key needs a scope.", "empty"))
    if expires_at is not None and expires_at <= clock.now():
        faults.append(Fault("/expires_at", "This moment is over.", "in_the_past"))
    _refuse(faults)


def within_own_key(
    actor: Actor,
    scopes: Sequence[str],
    expires_at: datetime | None,
    *,
    models: Sequence[str],
    cidrs: Sequence[str],
) -> datetime | None:
    """The expiry of a key the actor makes: no later than that of the key which makes it.

    Raises KeyExceeded where the new key could do what the actor's credential can't.
    """
    lacking = in_order(set(scopes) - actor.scopes)
    if lacking:
        raise KeyExceeded(f"Your key lacks {', '.join(lacking)} and can't give it to another.")
    if actor.model_refs and not (models and set(models) <= actor.model_refs):
        raise KeyExceeded("Your key is for certain models alone, and so is any key it makes.")
    if actor.networks and not (cidrs and all(_inside(actor, cidr) for cidr in cidrs)):
        raise KeyExceeded("Your key works from certain networks alone, and so does any it makes.")
    if actor.key_id is None:
        return expires_at
    own = ApiKey.objects.values_list("expires_at", flat=True).get(id=actor.key_id)
    if own is None or (expires_at is not None and expires_at <= own):
        return expires_at
    if expires_at is None:
        return own
    raise KeyExceeded(
        f"Your key ends at {own:%Y-%m-%d %H:%M} UTC; a key it makes can't outlive it."
    )


def _inside(actor: Actor, cidr: str) -> bool:
    inner = ipaddress.ip_network(cidr)
    return any(
        inner.version == outer.version and inner.subnet_of(outer)  # type: ignore[arg-type]
        for outer in actor.networks
    )


def _too_many(given: Sequence[str], pointer: str) -> list[Fault]:
    if len(given) <= MOST:
        return []
    return [Fault(pointer, f"At most {MOST}.", "max_length")]


def _is_id(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


def _refuse(faults: list[Fault]) -> None:
    if faults:
        raise Invalid(" ".join(fault.detail for fault in faults), errors=faults)
