"""Which limits hold for a caller: the policies, remembered until one changes.

All buckets of a caller must have a token: the user's, the organization's and the key's.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from accounts.actors import Actor
from accounts.models.limits import DEFAULTS, LimitKind, LimitPolicy
from common.limits import Bucket, Rate

PER_MINUTE, PER_HOUR = 6_000, 100_000  # of a user for whom there is no policy at all
MINUTE, HOUR = 60, 3600
REMEMBERED = 0.5  # seconds; a process that follows events drops them sooner
MOST = 10_000  # callers remembered

# The kind of a target, its default, and how its rates are told from others in headers.
KINDS = {
    LimitKind.USER: (LimitKind.DEFAULT_USER, ""),
    LimitKind.ORGANIZATION: (LimitKind.DEFAULT_ORGANIZATION, "organization-"),
    LimitKind.KEY: (LimitKind.DEFAULT_KEY, "key-"),
}
Buckets = tuple[Bucket, ...]


class Policies:
    """What `buckets_for` found, by caller. One per process."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[UUID, UUID, UUID | None], tuple[float, Buckets]]
        self._kept = OrderedDict()
        self._lock = threading.Lock()
        self._forgotten = 0

    def buckets_for(self, actor: Actor) -> Buckets:
        """The caller's buckets that have a limit; one query, or none within REMEMBERED seconds."""
        who = actor.id, actor.organization.id, actor.key_id
        kept = self._kept.get(who)
        if kept is not None and time.monotonic() < kept[0]:
            return kept[1]
        forgotten, until = self._forgotten, time.monotonic() + REMEMBERED
        buckets = _read(actor)
        with self._lock:
            # What was read before a change must not be remembered after it.
            if forgotten == self._forgotten:
                self._kept[who] = until, buckets
                self._kept.move_to_end(who)
                if len(self._kept) > MOST:
                    self._kept.popitem(last=False)
        return buckets

    def forget(self) -> None:
        """Read again from now on: some policy changed."""
        with self._lock:
            self._forgotten += 1
            self._kept.clear()


policies = Policies()
buckets_for = policies.buckets_for


def forget_on_commit() -> None:
    """Have this process see a change at once; the others hear the event."""
    transaction.on_commit(policies.forget)


def _read(actor: Actor) -> Buckets:
    targets = {
        LimitKind.USER: actor.id,
        LimitKind.ORGANIZATION: actor.organization.id,
        LimitKind.KEY: actor.key_id,
    }
    of_targets = Q(kind__in=DEFAULTS)
    for kind, target in targets.items():
        if target is not None:
            of_targets |= Q(kind=kind, target_id=target)
    rows = {row.kind: row for row in LimitPolicy.objects.filter(of_targets)}
    buckets = []
    for kind, target in targets.items():
        default, prefix = KINDS[kind]
        if target is not None:
            rates = _rates(rows.get(kind) or rows.get(default) or _built_in(kind), prefix)
            # A user's tokens are the same in every organization; the others lie with theirs.
            tag = target if kind == LimitKind.USER else actor.organization.id
            buckets.append(Bucket(f"{kind}:{target}", rates, str(tag)))
    return tuple(bucket for bucket in buckets if bucket.rates)


def _built_in(kind: LimitKind) -> LimitPolicy:
    if kind == LimitKind.USER:
        return LimitPolicy(per_minute=PER_MINUTE, per_hour=PER_HOUR)
    return LimitPolicy()


def _rates(policy: LimitPolicy, prefix: str) -> tuple[Rate, ...]:
    windows = (("minute", policy.per_minute, MINUTE), ("hour", policy.per_hour, HOUR))
    return tuple(Rate(f"{prefix}{name}", quota, window) for name, quota, window in windows if quota)
